// Video in: any file that FFmpeg reads, and y4m, as planar YUV. The sound of the same file is AudioReader's
// business: packets of other streams are not handed out here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bitstream/status.h"
#include "data/video_frame.h"

namespace tessera::media {

struct VideoReadOptions {
  uint64_t max_pixels = uint64_t{1} << 26;  // of a frame, inclusive
  int threads = 0;                          // of the decoder; 0: one a core, each of which holds a frame
};

struct VideoProperties {
  VideoFormat format;            // of what read() gives; the same for every frame
  Rational time_base;            // seconds per unit of VideoFrame::time
  Rational frame_rate;           // frames/s, the average where it varies; 0/1 unknown
  bool variable_rate = false;    // the average is unknown or not the nominal rate: only the time stamps tell
  Rational sample_aspect{1, 1};  // width to height of a sample
  int rotation = 0;              // degrees clockwise to show it upright: 0, 90, 180, 270
  ColourDescription colour;
  std::optional<double> duration;  // seconds, as the file claims
  std::string codec;               // FFmpeg's name: "h264"
};

// Pull style, in constant memory; open() decodes the first frame. Not to be used by two threads at once.
class VideoReader {
 public:
  // `path`: a local file or "-" for standard input. The best video stream is read; a cover picture is none.
  // Nothing but this file is opened. Errors: io, corrupt (with FFmpeg's cause), unsupported (no video stream,
  // no decoder), limit (a frame too large), out_of_memory.
  static Result<VideoReader> open(const std::string& path, const VideoReadOptions& options = {});
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;
  ~VideoReader();

  const VideoProperties& properties() const;

  // The next frame in the order of presentation; false at the end, and then `frame` is as it was. `frame`
  // keeps its memory from call to call. Time stamps rise strictly: missing, repeated and falling ones are
  // replaced and counted. Frames that cannot be decoded are left out and counted. Errors: io, corrupt (both
  // after the last frame before the damage), unsupported (the resolution changes).
  Result<bool> read(VideoFrame& frame);

  uint64_t repaired_times() const;
  uint64_t damaged_packets() const;  // left out so far
  uint64_t damaged_frames() const;   // handed out although FFmpeg found damage in them

 private:
  struct State;
  explicit VideoReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::media
