// Video out: y4m, and MP4 or Matroska through FFmpeg's encoders.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "bitstream/status.h"
#include "data/video_frame.h"

namespace tessera::media {

// A track of sound beside the video.
struct VideoSound {
  uint32_t sample_rate = 48000;  // Hz
  uint32_t channels = 2;         // 1..8
  uint64_t channel_mask = 0;     // WAVE_FORMAT_EXTENSIBLE's bits; 0: the usual layout of so many channels
};

struct VideoWriterOptions {
  VideoFormat format{};
  Rational time_base{1, 25};      // seconds per unit of VideoFrame::time; Matroska rounds times to 1 ms
  Rational frame_rate{25, 1};     // frames/s; 0/1: variable. y4m has no time stamps and needs it
  Rational sample_aspect{1, 1};   // width to height of a sample
  int rotation = 0;               // degrees clockwise to show it upright: 0, 90, 180, 270; MP4 only
  ColourDescription colour{};     // y4m keeps the range and the chroma location
  bool lossless = false;          // .mkv: FFV1 instead of H.264; y4m is lossless anyway
  int crf = 12;                   // H.264's quality, 0..51, lower is better
  std::string preset = "medium";  // libx264's
  std::optional<VideoSound> sound = {};  // AAC in MP4, FLAC in Matroska; y4m has none, and leaves it out
};

// H.264 cannot have odd sizes with subsampled chroma: the last column or row is repeated once there.
// Push style. The file appears under its name when finish() succeeds; a writer that is dropped before leaves
// nothing. Not to be used by two threads at once.
class VideoWriter {
 public:
  // The extension decides: .y4m, .mp4, .mkv; "-" is y4m on standard output, as are devices (/dev/...). Errors: io, invalid_argument
  // (extension, format, rates), unsupported (this FFmpeg lacks the encoder).
  static Result<VideoWriter> open(const std::string& path, const VideoWriterOptions& options);
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;
  ~VideoWriter();

  // Frames in the order of presentation. Errors: io (full disk), invalid_argument (another format, a time
  // that does not rise, or finished).
  Status write(const VideoFrame& frame);

  // Interleaved samples from the time 0 of the frames on, full scale -1..1; a multiple of the channels. Roughly in step with the frames: what is ahead
  // of the other track is kept in memory. Nothing happens where the container has no sound. Errors: io, invalid_argument.
  Status write_sound(std::span<const float> samples);

  // Errors: those of write(). After it nothing can be written.
  Status finish();

  struct Backend;  // a container's part of the work

 private:
  struct State;
  explicit VideoWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::media
