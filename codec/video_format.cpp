#include "codec/video_format.h"

namespace tessera {
namespace {

constexpr uint32_t kMostSide = 65535, kMostFrameTicks = uint32_t{1} << 24;

Status wrong(const char* text) { return {ErrorCode::invalid_argument, text}; }

}  // namespace

Status check_format(const VideoFormat& f) {
  if (f.width == 0 || f.height == 0 || f.width > kMostSide || f.height > kMostSide) return wrong("a video's width and height are from 1 to 65535");
  if (f.bit_depth != 8 && f.bit_depth != 10) return wrong("video has 8 or 10 bits a sample");
  if (f.chroma_location > 5) return wrong("the chroma sample location is from 0 to 5");
  if (f.rate_numerator == 0 || f.rate_denominator == 0) return wrong("the ticks' rate must be positive");
  if (f.frame_ticks == 0 || f.frame_ticks > kMostFrameTicks) return wrong("ticks a frame are from 1 to 2^24");
  if (f.aspect_numerator == 0 || f.aspect_denominator == 0) return wrong("the sample aspect must be positive");
  if (f.rotation % 90 != 0 || f.rotation >= 360) return wrong("the rotation is 0, 90, 180 or 270 degrees");
  return {};
}

void describe(const VideoFormat& f, bitstream::FileHeader& header) {
  header.kind = bitstream::MediaKind::video;
  header.picture.width = f.width;
  header.picture.height = f.height;
  header.picture.channels = 3;
  header.picture.bit_depth = static_cast<uint8_t>(f.bit_depth);
  header.picture.colour = {f.colour.primaries, f.colour.transfer, f.colour.matrix, f.colour.full_range};
  header.video.rate_numerator = f.rate_numerator;
  header.video.rate_denominator = f.rate_denominator;
  header.video.chroma = bitstream::Chroma::c420;
  header.video.chroma_location = f.chroma_location;
  header.video.frame_ticks = f.frame_ticks;
  header.video.aspect_numerator = f.aspect_numerator;
  header.video.aspect_denominator = f.aspect_denominator;
  header.video.quarter_turns = static_cast<uint8_t>(f.rotation / 90);
}

Result<VideoFormat> format_of(const bitstream::FileHeader& header) {
  const bitstream::PictureInfo& p = header.picture;
  const bitstream::VideoInfo& v = header.video;
  if (v.chroma != bitstream::Chroma::c420 || p.channels != 3) return {ErrorCode::unsupported, "video of another layout than 4:2:0"};
  if (p.bit_depth != 8 && p.bit_depth != 10) return {ErrorCode::unsupported, "video of " + std::to_string(p.bit_depth) + " bits a sample"};
  if (p.tile != 0) return {ErrorCode::corrupt, "video that is cut into tiles"};
  VideoFormat f;
  f.width = p.width;
  f.height = p.height;
  f.bit_depth = p.bit_depth;
  f.colour = {p.colour.primaries, p.colour.transfer, p.colour.matrix, p.colour.full_range};
  f.chroma_location = v.chroma_location;
  f.rate_numerator = v.rate_numerator;
  f.rate_denominator = v.rate_denominator;
  f.frame_ticks = v.frame_ticks;
  f.aspect_numerator = v.aspect_numerator;
  f.aspect_denominator = v.aspect_denominator;
  f.rotation = 90u * v.quarter_turns;
  return f;
}

uint64_t predicted_video_memory(const bitstream::PictureInfo& picture, double macs, int at_once) {
  constexpr uint64_t align = 16;
  constexpr double large = 30e3;  // multiply-adds a pixel
  const auto padded = [](uint64_t side) { return (side + align - 1) / align * align; };
  const uint64_t pixels = padded(picture.width) * padded(picture.height);
  // Program, libtorch and weights; feature maps and the pictures that are kept. Measured by tests/limits/memory.py,
  // further pictures at the same time by codec/stem_bench.cpp (docs/results/video.md).
  const uint64_t one = macs > large ? (222ull << 20) + pixels * 300 : (170ull << 20) + pixels * 165;
  return one + static_cast<uint64_t>(std::max(at_once, 1) - 1) * pixels * (macs > large ? 130 : 55);
}

double seconds_of(const VideoFormat& format, uint64_t ticks) {
  return static_cast<double>(ticks) * format.rate_denominator / format.rate_numerator;
}

}  // namespace tessera
