#include "data/video_frame.h"

namespace tessera::media {
namespace {

size_t plane_start(const VideoFormat& format, int plane) {
  return plane == 0 ? 0 : format.plane_bytes(0) + static_cast<size_t>(plane - 1) * format.plane_bytes(1);
}

}  // namespace

std::span<uint8_t> VideoFrame::plane(int index) {
  return std::span(samples).subspan(plane_start(format, index), format.plane_bytes(index));
}

std::span<const uint8_t> VideoFrame::plane(int index) const {
  return std::span(samples).subspan(plane_start(format, index), format.plane_bytes(index));
}

VideoFrame make_video_frame(const VideoFormat& format) {
  VideoFrame frame;
  frame.format = format;
  frame.samples.assign(format.size_bytes(), 0);
  return frame;
}

}  // namespace tessera::media
