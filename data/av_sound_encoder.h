// Interleaved float32 into one stream of a media file. Internal to tessera_av.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bitstream/status.h"
#include "data/audio_resampler.h"
#include "data/av_encoder.h"

namespace tessera::media::av {

// What FFmpeg is asked for.
struct SoundTarget {
  const char* codec;      // FFmpeg's name
  AVSampleFormat format;
  int bits;               // kept of an integer sample
  uint32_t channel_rate;  // default bit rate of a channel; 0: not a lossy codec
  bool vorbis_layouts = false;  // Opus in Ogg knows only these (RFC 7845, 5.1.1.2)
};

struct SoundShape {
  uint32_t sample_rate = 48000;  // Hz, 1..655350
  uint32_t channels = 1;         // 1..8
  uint64_t channel_mask = 0;     // WAVE_FORMAT_EXTENSIBLE's bits; 0: the usual layout of so many channels
  uint32_t bit_rate = 0;         // of a lossy codec, bit/s; 0: the target's
};

class SoundEncoder {
 public:
  // A new stream of the file, before its header is written. Rates and layouts that the codec lacks are converted. Errors: invalid_argument (the shape),
  // unsupported, out_of_memory.
  static Result<std::unique_ptr<SoundEncoder>> create(std::shared_ptr<Muxer> muxer, const SoundTarget& target, const SoundShape& shape);

  int sample_rate() const { return encoder_->codec()->sample_rate; }  // of the file, Hz

  // Whole frames; full scale is -1..1. What the codec cannot hold is clipped, NaN and infinity become 0. Errors: io, invalid_argument (size).
  Status write(std::span<const float> samples);
  // What waits here and in the codec. Before the muxer's finish().
  Status drain();

  uint64_t clipped_samples() const { return clipped_; }
  uint64_t replaced_samples() const { return replaced_; }

 private:
  SoundEncoder() = default;
  Status start(const std::string& name);
  void clean(std::span<const float> samples);
  void fill(const float* samples, int frames);
  Status send(const float* samples, int frames);
  Status send_waiting(bool all);

  SoundTarget target_{};
  SoundShape shape_;
  std::unique_ptr<Encoder> encoder_;
  ChannelLayout layout_, target_layout_;  // of what is given, of the file
  Resampler resampler_;                   // open only where the codec lacks the rate or the layout
  Frame frame_;
  int frame_size_ = 0;
  std::vector<float> cleaned_, waiting_;  // `waiting_`: less than a frame between two calls
  int64_t position_ = 0;                  // frames sent, at the codec's rate
  uint64_t clipped_ = 0, replaced_ = 0;
};

}  // namespace tessera::media::av
