#include "codec/video_samples.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "codec/still_tile.h"
#include "codec/transfer.h"
#include "models/parallel.h"

namespace tessera {
namespace {

constexpr int64_t kRows = 32;  // of one piece of work

template <class Sample>
void read_rows(const uint8_t* from, size_t stride, float* to, int64_t width, int64_t height, int64_t padded_width, int64_t padded_height, int peak) {
  const float unit = 1.0f / static_cast<float>(peak);
  models::parallel(padded_height, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const uint8_t* row = from + static_cast<size_t>(std::min(y, height - 1)) * stride;
      float* out = to + y * padded_width;
      for (int64_t x = 0; x < width; ++x) {
        Sample s;
        std::memcpy(&s, row + static_cast<size_t>(x) * sizeof(Sample), sizeof(Sample));  // rows need not be aligned
        out[x] = static_cast<float>(std::min<int>(s, peak)) * unit;
      }
      std::fill(out + width, out + padded_width, out[width - 1]);
    }
  });
}

template <class Sample>
void write_rows(const float* from, int64_t padded_width, uint8_t* to, int64_t width, int64_t height, int peak) {
  const float scale = static_cast<float>(peak);
  models::parallel(height, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const float* row = from + y * padded_width;
      uint8_t* out = to + static_cast<size_t>(y * width) * sizeof(Sample);
      for (int64_t x = 0; x < width; ++x) {
        const float v = row[x] * scale + 0.5f;
        // Comparisons in this order send NaN to zero.
        const Sample s = static_cast<Sample>(v > 0.0f ? (v < scale ? v : scale) : 0.0f);
        std::memcpy(out + static_cast<size_t>(x) * sizeof(Sample), &s, sizeof(Sample));
      }
    }
  });
}

// A plane [1,1,height,width].
at::Tensor device_plane(const VideoFrameView& frame, const VideoFormat& format, int p, int64_t height, int64_t width, at::Device device) {
  const int64_t w = format.plane_width(p), h = format.plane_height(p);
  const bool wide = format.bit_depth > 8;
  const size_t row = static_cast<size_t>(w) * format.sample_bytes();
  at::Tensor bytes = host_tensor({1, 1, h, w}, wide ? at::kShort : at::kByte, device);
  auto* to = static_cast<uint8_t*>(bytes.data_ptr());
  const auto* from = static_cast<const uint8_t*>(frame.planes[p]);
  // By this thread alone: some 3 MB a frame.
  for (int64_t y = 0; y < h; ++y) std::memcpy(to + static_cast<size_t>(y) * row, from + static_cast<size_t>(y) * frame.strides[p], row);
  const int peak = (1 << format.bit_depth) - 1;
  at::Tensor samples = bytes.to(device, /*non_blocking=*/true);
  if (wide) samples = samples.to(at::kInt).bitwise_and(0xffff).clamp_max(peak);
  const at::Tensor plane = samples.to(at::kFloat) * (1.0f / static_cast<float>(peak));
  return w == width && h == height ? plane : at::replication_pad2d(plane, {0, width - w, 0, height - h});
}

}  // namespace

models::Planes planes_by_operators(const VideoFrameView& frame, const VideoFormat& format, at::Device device) {
  const c10::InferenceMode inference;
  const int64_t height = padded_side(format.height), width = padded_side(format.width);
  std::array<at::Tensor, 3> planes;
  for (int p = 0; p < 3; ++p) planes[static_cast<size_t>(p)] = device_plane(frame, format, p, p == 0 ? height : height / 2, p == 0 ? width : width / 2, device);
  return {planes[0], at::cat({planes[1], planes[2]}, 1)};
}

models::Planes planes_of(const VideoFrameView& frame, const VideoFormat& format, Device device) {
  if (device != Device::cpu) return planes_by_operators(frame, format, torch_device(device));
  const int64_t height = padded_side(format.height), width = padded_side(format.width);
  const auto options = at::TensorOptions().dtype(at::kFloat);
  models::Planes out{at::empty({1, 1, height, width}, options), at::empty({1, 2, height / 2, width / 2}, options)};
  const int peak = (1 << format.bit_depth) - 1;
  for (int p = 0; p < 3; ++p) {
    const int64_t pw = p == 0 ? width : width / 2, ph = p == 0 ? height : height / 2;
    float* to = p == 0 ? out.y.data_ptr<float>() : out.uv.data_ptr<float>() + (p - 1) * pw * ph;
    const auto* from = static_cast<const uint8_t*>(frame.planes[p]);
    const auto read = format.bit_depth > 8 ? read_rows<uint16_t> : read_rows<uint8_t>;
    read(from, frame.strides[p], to, format.plane_width(p), format.plane_height(p), pw, ph, peak);
  }
  return out;
}

namespace {

// 8-bit samples of a picture on a GPU: they are made there, a quarter of the bytes to copy.
std::vector<uint8_t> device_samples(const models::Planes& picture, const VideoFormat& format) {
  const c10::InferenceMode inference;
  std::vector<at::Tensor> planes;
  for (int p = 0; p < 3; ++p) {
    const at::Tensor plane = p == 0 ? picture.y.select(1, 0) : picture.uv.select(1, p - 1);
    const at::Tensor shown = plane.narrow(1, 0, format.plane_height(p)).narrow(2, 0, format.plane_width(p));
    planes.push_back((shown * 255 + 0.5).clamp(0, 255).to(at::kByte).reshape({-1}));
  }
  Arrivals arrivals;
  const at::Tensor bytes = arrivals.take(at::cat(planes), at::kByte);
  arrivals.wait();
  return {bytes.const_data_ptr<uint8_t>(), bytes.const_data_ptr<uint8_t>() + bytes.numel()};
}

}  // namespace

std::vector<uint8_t> samples_of(const models::Planes& picture, const VideoFormat& format) {
  if (!picture.y.is_cpu() && format.bit_depth == 8) return device_samples(picture, format);
  const at::Tensor y = picture.y.cpu().contiguous(), uv = picture.uv.cpu().contiguous();
  std::vector<uint8_t> samples(format.plane_bytes(0) + 2 * format.plane_bytes(1));
  const int peak = (1 << format.bit_depth) - 1;
  uint8_t* to = samples.data();
  for (int p = 0; p < 3; ++p) {
    const int64_t pw = p == 0 ? y.size(3) : uv.size(3), ph = p == 0 ? y.size(2) : uv.size(2);
    const float* from = p == 0 ? y.const_data_ptr<float>() : uv.const_data_ptr<float>() + (p - 1) * pw * ph;
    const auto write = format.bit_depth > 8 ? write_rows<uint16_t> : write_rows<uint8_t>;
    write(from, pw, to, format.plane_width(p), format.plane_height(p), peak);
    to += format.plane_bytes(p);
  }
  return samples;
}

std::vector<uint8_t> grey_samples(const VideoFormat& format) {
  std::vector<uint8_t> samples(format.plane_bytes(0) + 2 * format.plane_bytes(1), 128);
  if (format.bit_depth == 8) return samples;
  const auto grey = static_cast<uint16_t>(1 << (format.bit_depth - 1));
  for (size_t i = 0; i < samples.size(); i += sizeof grey) std::memcpy(samples.data() + i, &grey, sizeof grey);
  return samples;
}

}  // namespace tessera
