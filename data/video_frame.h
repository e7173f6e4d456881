// A picture of a video in memory, and what is known of a whole video.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera::media {

struct Rational {
  int64_t num = 0;
  int64_t den = 1;
  bool operator==(const Rational&) const = default;
};

enum class Chroma : uint8_t { yuv420, yuv422, yuv444 };

struct VideoFormat {
  uint32_t width = 0;  // luma samples
  uint32_t height = 0;
  Chroma chroma = Chroma::yuv420;
  uint32_t bit_depth = 8;  // 8 or 10
  bool operator==(const VideoFormat&) const = default;

  size_t sample_bytes() const { return bit_depth > 8 ? 2 : 1; }
  // Plane 0 is Y, 1 is U (Cb), 2 is V (Cr); odd sizes round up.
  uint32_t plane_width(int plane) const {
    return plane == 0 || chroma == Chroma::yuv444 ? width : (width + 1) / 2;
  }
  uint32_t plane_height(int plane) const {
    return plane == 0 || chroma != Chroma::yuv420 ? height : (height + 1) / 2;
  }
  size_t plane_bytes(int plane) const {
    return size_t{plane_width(plane)} * plane_height(plane) * sample_bytes();
  }
  size_t size_bytes() const { return plane_bytes(0) + 2 * plane_bytes(1); }
};

// Code points of ITU-T H.273 (CICP); 2 means unspecified.
struct ColourDescription {
  uint8_t primaries = 2;
  uint8_t transfer = 2;
  uint8_t matrix = 2;
  bool full_range = false;
  uint8_t chroma_location =
      0;  // H.273 Chroma420SampleLocType plus 1: 1 left, 2 centre, 3 top left; 0 unknown
  bool operator==(const ColourDescription&) const = default;
};

// The planes Y, U, V one after the other, rows packed without gaps. A sample is a byte at 8 bits, otherwise a
// native-endian uint16_t in 0..1023.
struct VideoFrame {
  VideoFormat format;
  std::vector<uint8_t> samples;
  int64_t time = 0;      // presentation time, in units of the video's time base
  int64_t duration = 0;  // same unit; 0 unknown

  std::span<uint8_t> plane(int index);
  std::span<const uint8_t> plane(int index) const;
};

// A frame of zeros with its samples allocated.
VideoFrame make_video_frame(const VideoFormat& format);

}  // namespace tessera::media
