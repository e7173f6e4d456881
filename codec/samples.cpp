#include "codec/samples.h"

#include <algorithm>
#include <cstring>

#include "models/parallel.h"

namespace tessera {
namespace {

template <class T>
const T* row_of(const ImageView& image, uint32_t y) {
  return reinterpret_cast<const T*>(static_cast<const uint8_t*>(image.data) + size_t{y} * image.stride);
}

template <class T>
T* row_of(Image& image, uint32_t y) {
  return reinterpret_cast<T*>(image.data.data() + size_t{y} * image.stride());
}

template <class T>
void read_colour(const ImageView& image, const Area& area, int64_t width, int64_t height, float* out) {
  const float scale = 1.0f / static_cast<float>((1u << image.bit_depth) - 1);
  const uint32_t channels = image.channels;
  models::parallel(height, 16, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      const T* row = row_of<T>(image, area.y + static_cast<uint32_t>(std::min<int64_t>(y, area.height - 1)));
      float* o = out + y * width * 3;
      for (int64_t x = 0; x < width; ++x) {
        const T* p = row + (area.x + std::min<int64_t>(x, area.width - 1)) * channels;
        for (int c = 0; c < 3; ++c) o[3 * x + c] = std::min(static_cast<float>(p[channels < 3 ? 0 : c]) * scale, 1.0f);
      }
    }
  });
}

template <class T>
void write_colour(const float* in, int64_t width, const Area& area, Image& image) {
  const float top = static_cast<float>((1u << image.bit_depth) - 1);
  const uint32_t channels = image.channels;
  models::parallel(area.height, 16, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      T* row = row_of<T>(image, area.y + static_cast<uint32_t>(y)) + size_t{area.x} * channels;
      const float* p = in + y * width * 3;
      for (uint32_t x = 0; x < area.width; ++x, p += 3) {
        const auto sample = [&](float v) { return static_cast<T>(std::min(v > 0.0f ? v : 0.0f, 1.0f) * top + 0.5f); };  // NaN: 0
        if (channels < 3) {
          row[x * channels] = sample((p[0] + p[1] + p[2]) * (1.0f / 3));
        } else {
          for (uint32_t c = 0; c < 3; ++c) row[x * channels + c] = sample(p[c]);
        }
      }
    }
  });
}

int64_t aligned(uint32_t size, int64_t align) { return (size + align - 1) / align * align; }

}  // namespace

namespace {

// 8-bit RGB bytes of the area on the device, [H, W, 3] float32 in 0..1.
at::Tensor upload(const ImageView& image, const Area& area, at::Device device) {
  const uint8_t* first = row_of<uint8_t>(image, area.y) + size_t{area.x} * 3;
  const at::Tensor rows = at::from_blob(const_cast<uint8_t*>(first), {area.height, int64_t{area.width} * 3},
                                        {static_cast<int64_t>(image.stride), 1}, at::TensorOptions().dtype(at::kByte));
  return rows.to(device).to(at::kFloat).mul_(1.0f / 255).reshape({area.height, area.width, 3});
}

// Repeats the last row or column up to `size`.
at::Tensor extend(const at::Tensor& x, int64_t dim, int64_t size) {
  const int64_t n = x.size(dim);
  if (n == size) return x;
  auto shape = x.sizes().vec();
  shape[static_cast<size_t>(dim)] = size - n;
  return at::cat({x, x.narrow(dim, n - 1, 1).expand(shape)}, dim);
}

}  // namespace

at::Tensor to_tensor(const ImageView& image, const Area& area, int64_t align, at::Device device) {
  const int64_t width = aligned(area.width, align), height = aligned(area.height, align);
  if (device.is_cuda() && image.bit_depth == 8 && image.channels == 3) {
    return extend(extend(upload(image, area, device), 1, width), 0, height).unsqueeze(0);
  }
  at::Tensor out = at::empty({1, height, width, 3}, at::kFloat);
  if (image.bit_depth > 8) {
    read_colour<uint16_t>(image, area, width, height, out.data_ptr<float>());
  } else {
    read_colour<uint8_t>(image, area, width, height, out.data_ptr<float>());
  }
  return out.to(device);
}

void from_tensor(const at::Tensor& x, const Area& area, Image& image) {
  if (x.is_cuda() && image.bit_depth == 8 && image.channels == 3) {
    const at::Tensor bytes = x[0].narrow(0, 0, area.height).narrow(1, 0, area.width).clamp(0, 1).mul(255).add(0.5).to(at::kByte).contiguous().cpu();
    const uint8_t* from = bytes.const_data_ptr<uint8_t>();
    const size_t row = size_t{area.width} * 3;
    for (uint32_t y = 0; y < area.height; ++y) std::memcpy(row_of<uint8_t>(image, area.y + y) + size_t{area.x} * 3, from + y * row, row);
    return;
  }
  const at::Tensor t = x.cpu().contiguous();
  if (image.bit_depth > 8) {
    write_colour<uint16_t>(t.const_data_ptr<float>(), t.size(2), area, image);
  } else {
    write_colour<uint8_t>(t.const_data_ptr<float>(), t.size(2), area, image);
  }
}

std::vector<int32_t> read_alpha(const ImageView& image, const Area& area) {
  std::vector<int32_t> out;
  out.reserve(size_t{area.width} * area.height);
  const uint32_t last = image.channels - 1;
  const int32_t top = (1 << image.bit_depth) - 1;  // a caller's sample above it could not be decoded
  for (uint32_t y = 0; y < area.height; ++y) {
    for (uint32_t x = 0; x < area.width; ++x) {
      const size_t at = size_t{area.x + x} * image.channels + last;
      out.push_back(std::min<int32_t>(image.bit_depth > 8 ? row_of<uint16_t>(image, area.y + y)[at] : row_of<uint8_t>(image, area.y + y)[at], top));
    }
  }
  return out;
}

void write_alpha(const std::vector<int32_t>& alpha, const Area& area, Image& image) {
  const uint32_t last = image.channels - 1;
  size_t i = 0;
  for (uint32_t y = 0; y < area.height; ++y) {
    for (uint32_t x = 0; x < area.width; ++x, ++i) {
      const size_t at = size_t{area.x + x} * image.channels + last;
      if (image.bit_depth > 8) {
        row_of<uint16_t>(image, area.y + y)[at] = static_cast<uint16_t>(alpha[i]);
      } else {
        row_of<uint8_t>(image, area.y + y)[at] = static_cast<uint8_t>(alpha[i]);
      }
    }
  }
}

}  // namespace tessera
