// Clips made by code, and whole streams encoded and decoded, for tests of the video codec.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec/video.h"

namespace tessera::test {

struct Clip {
  VideoFormat format;
  std::vector<std::vector<uint8_t>> frames;  // planes Y, Cb, Cr without gaps
  std::vector<uint64_t> times;               // empty: one tick a frame
  VideoFrameView view(size_t frame) const;
};

// A texture that moves by (1.5, -0.75) samples a frame; with `scene` > 0 another texture every so many frames.
Clip moving_clip(uint32_t width, uint32_t height, size_t frames, uint32_t bit_depth = 8, size_t scene = 0);

// Weights of small networks: `motion-lite` untrained, which is a transform codec that works, `motion` a little random in all of its
// branches, `stem` likewise and without conditioning.
void write_video_weights(const std::string& folder);

struct VideoStream {
  Bytes header;
  std::vector<VideoPacket> packets;
  VideoReport report;
  Bytes bytes() const;  // the whole file
};

// Fails the test on an error. `keys`: frames that are forced to be key frames.
VideoStream encoded(const VideoEncoderOptions& options, const Clip& clip, const std::vector<size_t>& keys = {});

// The packets numbered in `lost` are announced as lost. Fails the test on an error.
std::vector<VideoFrame> decoded(const VideoDecoderOptions& options, const VideoStream& stream, const std::vector<size_t>& lost = {},
                                VideoReport* report = nullptr);

double luma_psnr(const Clip& clip, size_t frame, const VideoFrame& decoded);  // dB

}  // namespace tessera::test
