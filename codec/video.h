// Video in, .tsr packets out, and back, frame by frame. No libtorch type appears here.
//
//   auto encoder = tessera::VideoEncoder::create({.model = "motion-lite", .format = {.width = 640, .height = 360}, .quality = 32});
//   file.write(encoder->header());
//   encoder->send(frame);   while (auto packet = encoder->receive()) file.write(packet->bytes);    // and so on
//   encoder->flush();       while (auto packet = encoder->receive()) file.write(packet->bytes);
//
//   auto decoder = tessera::VideoDecoder::create({});
//   decoder->open(header);
//   decoder->send(packet);  while (auto frame = decoder->receive()) show(*frame);
//   decoder->flush();       while (auto frame = decoder->receive()) show(*frame);
//
// A stream is the header followed by the packets, byte after byte; bitstream/stream_reader.h takes it apart again. Low delay: a frame's
// packet is ready when its send() returns, and a packet's frame as well, unless the decoder is told to run ahead. Memory is constant in
// the length of the stream as long as what is ready is received. Which symbols a packet holds is decoded exactly, whatever the machine;
// pictures may differ between machines by rounding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bitstream/status.h"
#include "codec/tessera.h"

namespace tessera {

// What all frames of a video have in common. Samples are 4:2:0, in 8 or 10 bits.
struct VideoFormat {
  uint32_t width = 0;      // luma samples, from 1; chroma planes have (width + 1) / 2 columns
  uint32_t height = 0;     // likewise
  uint32_t bit_depth = 8;  // 8 or 10
  ColourDescription colour = {1, 1, 1, false};  // BT.709, limited range
  uint8_t chroma_location = 0;                  // Chroma420SampleLocType of H.273, 0 (left) to 5
  // One tick of the time stamps is rate_denominator / rate_numerator seconds. A video of constant rate has one tick a frame.
  uint32_t rate_numerator = 25, rate_denominator = 1;
  uint32_t frame_ticks = 1;                     // from a frame to the next, as a rule: more where the frame rate varies
  uint32_t aspect_numerator = 1, aspect_denominator = 1;  // width to height of a sample
  uint32_t rotation = 0;                        // degrees clockwise to show it upright: 0, 90, 180, 270
  bool operator==(const VideoFormat&) const = default;

  double frame_rate() const { return static_cast<double>(rate_numerator) / rate_denominator / frame_ticks; }  // Hz
  uint32_t plane_width(int plane) const { return plane == 0 ? width : (width + 1) / 2; }
  uint32_t plane_height(int plane) const { return plane == 0 ? height : (height + 1) / 2; }
  size_t sample_bytes() const { return bit_depth > 8 ? 2 : 1; }
  size_t plane_bytes(int plane) const { return size_t{plane_width(plane)} * plane_height(plane) * sample_bytes(); }
};

// In what a GPU computes the pixels of `motion`. Symbols are integers either way. Over 300 predicted frames float16 moves pictures away from those of
// a CPU to 54 to 62 dB (PSNR); float32 stays nearer (docs/results/exactness.md). CPUs, and `motion-lite`, always take float32.
enum class PixelPrecision : uint8_t {
  automatic,  // float32 up to 1280 x 720, float16 above
  float32,
  float16,
};

// A picture that the caller owns: planes Y, Cb, Cr of uint8_t at 8 bits, otherwise of native-endian uint16_t in 0..1023 (larger values
// count as 1023).
struct VideoFrameView {
  const void* planes[3] = {};
  size_t strides[3] = {};  // bytes from one row to the next, at least those of a row
  uint64_t time = 0;       // ticks, later than the frame before
};

// A decoded picture: the planes Y, Cb, Cr one after the other, rows packed without gaps.
struct VideoFrame {
  std::vector<uint8_t> samples;
  uint64_t time = 0;       // ticks
  int quality = 0;         // 0..63, as the packet says
  bool key = false;
  bool concealed = false;  // not what was coded: its packet, or one that it depends on, is lost or damaged
};

struct VideoEncoderOptions {
  // motion-lite: for CPUs; motion: for GPUs; overfit-video: a network is trained for each group of `keyint` frames and travels in the stream
  // (docs/overfit_video.md): packets come when a group is complete, no weights are needed, a bit rate cannot be asked for.
  std::string model = "motion-lite";
  VideoFormat format = {};
  int quality = 32;        // 0 (smallest) .. 63 (best), of most frames: key frames and every second frame are better (docs/video.md)
  double bit_rate = 0;     // bit/s of the packets to aim at, instead of a quality; 0: none
  double buffer = 1.0;     // seconds of the bit rate that a receiver's buffer holds: how far the rate may swing
  uint32_t keyint = 0;     // frames from one key frame to the next, at most; 0: only at the start and at scene cuts; overfit-video: of a group, 1..255; 0: 16
  bool scene_cuts = true;  // a key frame where a picture has nothing in common with the one before
  uint32_t refresh = 32;   // frames after which what has piled up beside the picture is dropped; 0: never
  int effort = 5;          // 0..9: reach and precision of the motion search; overfit-video: 30 to 50 000 steps of training
  int64_t fit_steps = 0;   // overfit-video: steps of training, of later groups half as many; 0: as the effort says
  double fit_rate = 1;     // overfit-video: times the usual rate of learning, for trials; above 0, at most 100
  std::string fit_without = {};  // overfit-video: ideas to leave out, or with a + to take in (docs/overfit_video.md)
  FitWatch fit_watch = {};       // overfit-video: `fraction` is that of the group. false: the group's training ends, its packets come
  bool checksum = true;    // one byte a packet that proves the decoded symbols
  bool index = true;       // end with an index of the key frames where there are several
  // Another thread writes a frame's packet while the next frame is coded: receive() gives it a frame later, or after flush(). Not with a bit rate.
  bool ahead = false;
  Device device = Device::cpu;
  PixelPrecision precision = PixelPrecision::automatic;
  int threads = 0;         // 0: all cores
  std::string weights_dir = {};
};

struct VideoPacket {
  std::vector<uint8_t> bytes;  // with its framing, or the index at the end
  uint64_t time = 0;           // ticks
  int quality = 0;             // 0..63
  bool key = false;
  bool index = false;
};

// What one encoder or decoder has done so far.
struct VideoReport {
  uint64_t frames = 0;         // coded or decoded, concealed ones not counted
  uint64_t key_frames = 0;
  uint64_t scene_cuts = 0;     // key frames that the encoder placed where the scene changes
  uint64_t concealed = 0;      // frames given out that are not what was coded
  uint64_t bytes = 0;          // header, packets and index
  uint64_t symbols_coded = 0, symbols_skipped = 0;
  uint64_t checked = 0;        // packets whose stored checksum was compared
  uint32_t symbol_checksum = 0;  // CRC-32C of the packets' checksums in order
  double seconds_network = 0, seconds_entropy = 0, seconds_search = 0;
};

// One encoder codes one stream. Errors: invalid_argument (a frame without planes, a time stamp that does not rise, calls after flush()),
// device, out_of_memory.
class TESSERA_API VideoEncoder {
 public:
  // Errors: model_missing, device, invalid_argument (options out of range).
  static Result<VideoEncoder> create(VideoEncoderOptions options);
  VideoEncoder(VideoEncoder&&) noexcept;
  VideoEncoder& operator=(VideoEncoder&&) noexcept;
  ~VideoEncoder();

  const VideoFormat& format() const;
  const std::vector<uint8_t>& header() const;

  // The picture is copied; its packet can be received at once, without options.ahead. `key`: code it as a key frame whatever the options say.
  Status send(const VideoFrameView& frame, bool key = false);
  Status flush();
  std::optional<VideoPacket> receive();
  const VideoReport& report() const;

 private:
  struct Impl;
  explicit VideoEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct VideoDecoderOptions {
  Device device = Device::cpu;
  PixelPrecision precision = PixelPrecision::automatic;
  int threads = 0;            // 0: all cores
  Limits limits = {};         // checked by open(), before anything is allocated
  bool strict = false;        // a packet that depends on a lost one is an error instead of a concealed frame
  bool symbols_only = false;  // prove the checksums, make no pictures
  // Frames by which the symbols may run ahead of the pictures, so that two threads work on two frames; 0: low delay. receive() gives a
  // frame so many packets later, or after flush(). Of a model without conditioning (STEM) several pictures are made at the same time: at most so
  // many, one for each thread, as the memory limit allows.
  int ahead = 0;
  std::string weights_dir = {};
};

class TESSERA_API VideoDecoder {
 public:
  // Errors: device, invalid_argument.
  static Result<VideoDecoder> create(VideoDecoderOptions options);
  VideoDecoder(VideoDecoder&&) noexcept;
  VideoDecoder& operator=(VideoDecoder&&) noexcept;
  ~VideoDecoder();

  // The file header. Errors: those of parse_header(), unsupported (no video), limit, model_missing, corrupt (it contradicts the model).
  Status open(std::span<const uint8_t> header);
  const VideoFormat& format() const;  // after open()

  // One whole packet. Errors: corrupt, truncated, unsupported; the packet has then changed nothing, and the caller goes on with lost(1).
  // A packet that depends on a lost one gives the last picture again, marked `concealed`; strict decoders answer corrupt. So do all with
  // packets that come again or too late.
  Status send(std::span<const uint8_t> packet);
  // So many packets never came: each gives the last picture again, marked. The next key packet gives true pictures anew.
  Status lost(uint64_t packets);
  // The stream ends here.
  Status flush();
  std::optional<VideoFrame> receive();

  // Starts anew at any key packet: packets before the next one are skipped, and frames before `first` (ticks) are decoded without being
  // given out.
  Status seek(uint64_t first);

  const VideoReport& report() const;

 private:
  struct Impl;
  explicit VideoDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Which model `--model` stands for when none is named: motion-lite on the CPU, motion on a GPU where it is installed.
TESSERA_API std::string choose_video_model(Device device, const std::string& weights_dir = {});

}  // namespace tessera
