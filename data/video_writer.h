// Video out: y4m, and MP4 or Matroska through FFmpeg's encoders.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bitstream/status.h"
#include "data/video_frame.h"

namespace tessera::media {

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

  // Errors: those of write(). After it nothing can be written.
  Status finish();

  struct Backend;  // a container's part of the work

 private:
  struct State;
  explicit VideoWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::media
