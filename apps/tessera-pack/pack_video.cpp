#include "apps/tessera-pack/pack_video.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "apps/tessera-train/video_pack.h"
#include "data/video_reader.h"

namespace tessera::train {
namespace {

// Means of fx x fy samples of one plane, appended to `out`.
void shrink_plane(const media::VideoFrame& frame, int index, uint32_t width, uint32_t height, uint32_t fx, uint32_t fy, std::vector<uint8_t>& out) {
  const auto plane = frame.plane(index);
  const size_t stride = frame.format.plane_width(index);
  const bool wide = frame.format.sample_bytes() == 2;
  const uint32_t area = fx * fy, scale = wide ? 4 : 1;  // 10 bits to 8
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      uint32_t sum = 0;
      for (uint32_t i = 0; i < fy; ++i) {
        for (uint32_t j = 0; j < fx; ++j) {
          const size_t at = (size_t{y} * fy + i) * stride + size_t{x} * fx + j;
          if (wide) {
            uint16_t v;
            std::memcpy(&v, plane.data() + 2 * at, 2);
            sum += v;
          } else {
            sum += plane[at];
          }
        }
      }
      out.push_back(static_cast<uint8_t>(std::min<uint32_t>(255, (sum + area * scale / 2) / (area * scale))));
    }
  }
}

}  // namespace

std::vector<uint8_t> packed_samples(const media::VideoFrame& frame, uint32_t shrink, uint32_t* width, uint32_t* height) {
  const media::VideoFormat& f = frame.format;
  *width = f.width / shrink / 2 * 2;
  *height = f.height / shrink / 2 * 2;
  const uint32_t cx = f.chroma == media::Chroma::yuv444 ? 2 : 1, cy = f.chroma == media::Chroma::yuv420 ? 1 : 2;
  std::vector<uint8_t> out;
  out.reserve(size_t{*width} * *height * 3 / 2);
  shrink_plane(frame, 0, *width, *height, shrink, shrink, out);
  for (int plane = 1; plane < 3; ++plane) shrink_plane(frame, plane, *width / 2, *height / 2, shrink * cx, shrink * cy, out);
  return out;
}

Result<size_t> pack_video(const std::string& path, const std::vector<std::string>& files, const PackVideoOptions& options) {
  try {
    VideoPackWriter writer(path);
    for (const std::string& file : files) {
      auto reader = media::VideoReader::open(file);
      if (!reader) return reader.status();
      const media::VideoFormat& f = reader->properties().format;
      uint32_t shrink = 1;
      while (options.max_side > 0 && std::max(f.width, f.height) / shrink > options.max_side) ++shrink;
      if (f.width < 2 * shrink || f.height < 2 * shrink) return Status(ErrorCode::invalid_argument, file + ": is too small to be packed");
      media::VideoFrame frame;
      for (uint64_t n = 0; options.max_frames == 0 || n < options.max_frames; ++n) {
        Result<bool> more = reader->read(frame);
        if (!more) return more.status();
        if (!*more) break;
        uint32_t width = 0, height = 0;
        const std::vector<uint8_t> samples = packed_samples(frame, shrink, &width, &height);
        if (n == 0 || (options.clip_frames > 0 && n % options.clip_frames == 0)) writer.begin_clip(width, height);
        writer.add_frame(samples);
      }
    }
    writer.finish();
    return writer.clips();
  } catch (const std::runtime_error& e) {
    return Status(ErrorCode::io, e.what());
  }
}

}  // namespace tessera::train
