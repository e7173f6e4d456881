#include "data/video_chroma.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace tessera::media {
namespace {

template <class Sample>
void reduce(std::span<const uint8_t> from_bytes, uint32_t from_width, uint32_t from_height, std::span<uint8_t> to_bytes, uint32_t width, uint32_t height,
            bool across) {
  // The vectors of VideoFrame are aligned for any sample, and so are planes of whole samples.
  const auto* from = reinterpret_cast<const Sample*>(from_bytes.data());
  auto* to = reinterpret_cast<Sample*>(to_bytes.data());
  for (uint32_t y = 0; y < height; ++y) {
    const Sample* top = from + size_t{2 * y} * from_width;
    const Sample* bottom = from + size_t{std::min(2 * y + 1, from_height - 1)} * from_width;
    for (uint32_t x = 0; x < width; ++x) {
      if (!across) {
        *to++ = static_cast<Sample>((top[x] + bottom[x] + 1) / 2);
        continue;
      }
      const uint32_t c = 2 * x, l = c > 0 ? c - 1 : 0, r = std::min(c + 1, from_width - 1);
      *to++ = static_cast<Sample>((top[l] + 2 * top[c] + top[r] + bottom[l] + 2 * bottom[c] + bottom[r] + 4) / 8);
    }
  }
}

}  // namespace

void to_yuv420(const VideoFrame& from, VideoFrame& to) {
  to.format = from.format;
  to.format.chroma = Chroma::yuv420;
  to.time = from.time;
  to.duration = from.duration;
  if (from.format.chroma == Chroma::yuv420) {
    to.samples = from.samples;
    return;
  }
  to.samples.resize(to.format.size_bytes());
  std::memcpy(to.plane(0).data(), from.plane(0).data(), from.format.plane_bytes(0));
  const auto run = from.format.bit_depth > 8 ? reduce<uint16_t> : reduce<uint8_t>;
  for (int p = 1; p < 3; ++p) {
    run(from.plane(p), from.format.plane_width(p), from.format.plane_height(p), to.plane(p), to.format.plane_width(p), to.format.plane_height(p),
        from.format.chroma == Chroma::yuv444);
  }
}

}  // namespace tessera::media
