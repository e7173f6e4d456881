// Between the host's RGBA and the video codec's 4:2:0 planes.
#pragma once

#include <vector>

#include "apps/ffmpeg/frei0r/plugin.h"

namespace tessera::frei0r {

// Planes Y, Cb, Cr of 8 bits without gaps: BT.709, limited range, chroma in the middle of four luma samples.
class Planes {
 public:
  explicit Planes(Size size);
  void from_rgba(const uint8_t* rgba);
  // For an encoder; without a time.
  tsr_video_view view() const;
  static tsr_video_format format(Size size);

 private:
  Size size_, chroma_;
  std::vector<uint8_t> samples_;
};

// A decoded picture of any depth, matrix, range and chroma location of the format.
void to_rgba(const tsr_video_format& format, const tsr_video_view& view, uint8_t* rgba);

}  // namespace tessera::frei0r
