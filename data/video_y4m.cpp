#include "data/video_y4m.h"

namespace tessera::media::av {
namespace {

constexpr uint8_t kCentre = 2;  // ColourDescription::chroma_location

std::string colour_space(const VideoWriterOptions& options) {
  const bool deep = options.format.bit_depth > 8;
  switch (options.format.chroma) {
    case Chroma::yuv420:
      if (deep) return "420p10";
      return options.colour.chroma_location == kCentre ? "420jpeg" : "420mpeg2";
    case Chroma::yuv422:
      return deep ? "422p10" : "422";
    case Chroma::yuv444:
      return deep ? "444p10" : "444";
  }
  return {};
}

}  // namespace

std::string y4m_header(const VideoWriterOptions& options) {
  const auto ratio = [](const Rational& value) {
    return std::to_string(value.num) + ":" + std::to_string(value.den);
  };
  return "YUV4MPEG2 W" + std::to_string(options.format.width) + " H" + std::to_string(options.format.height) +
         " F" + ratio(options.frame_rate) + " Ip A" + ratio(options.sample_aspect) + " C" +
         colour_space(options) + " XCOLORRANGE=" + (options.colour.full_range ? "FULL" : "LIMITED") + "\n";
}

}  // namespace tessera::media::av
