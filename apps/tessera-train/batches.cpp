#include "apps/tessera-train/batches.h"

#include <cstring>
#include <stdexcept>
#include <utility>

#include "data/pack.h"

#ifdef TESSERA_WITH_CUDA
#include "models/cuda/register.h"
#endif

namespace tessera::train {

Batches::Batches(const std::string& path, at::Device device) {
  Result<media::Pack> opened = media::Pack::open(path);
  if (!opened.ok()) throw std::runtime_error(opened.status().message());
  const media::Pack& pack = *opened;
  count_ = static_cast<int64_t>(pack.size());
  if (count_ == 0) throw std::runtime_error(path + ": holds no pictures");
  pack_ = at::empty({static_cast<int64_t>(pack.pixels() * 3)}, at::kByte);
  host_offset_ = at::empty({count_}, at::kLong);
  host_width_ = at::empty({count_}, at::kInt);
  host_height_ = at::empty({count_}, at::kInt);
  at::Tensor area = at::empty({count_}, at::kDouble);
  int64_t offset = 0;
  for (int64_t i = 0; i < count_; ++i) {
    const media::PackedPicture& p = pack[static_cast<size_t>(i)];
    const int64_t pixels = static_cast<int64_t>(p.width) * p.height;
    std::memcpy(pack_.data_ptr<uint8_t>() + offset, p.rgb, static_cast<size_t>(3 * pixels));
    host_offset_.data_ptr<int64_t>()[i] = offset;
    host_width_.data_ptr<int32_t>()[i] = static_cast<int32_t>(p.width);
    host_height_.data_ptr<int32_t>()[i] = static_cast<int32_t>(p.height);
    area.data_ptr<double>()[i] = static_cast<double>(pixels);
    offset += 3 * pixels;
  }
  cumulative_ = (area.cumsum(0) / area.sum()).to(at::kFloat).to(device);
  pack_ = pack_.to(device);
  offset_ = host_offset_.to(device);
  width_ = host_width_.to(device);
  height_ = host_height_.to(device);
}

at::Tensor Batches::sample(int64_t batch, int64_t crop) const {
  const at::Tensor index = at::searchsorted(cumulative_, at::rand({batch}, cumulative_.options())).clamp_max(count_ - 1);
  const at::Tensor rnd = at::rand({batch, 4}, cumulative_.options()) * 0.999999;
#ifdef TESSERA_WITH_CUDA
  if (pack_.is_cuda()) return models::cuda::sample(pack_, offset_, width_, height_, index, rnd, crop);
#endif
  // The same on the host, for trials without a GPU.
  at::Tensor out = at::empty({batch, crop, crop, 3}, at::kFloat);
  float* o = out.data_ptr<float>();
  const uint8_t* bytes = pack_.const_data_ptr<uint8_t>();
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t k = index.data_ptr<int64_t>()[b];
    const float* r = rnd.const_data_ptr<float>() + 4 * b;
    const int64_t w = width_.data_ptr<int32_t>()[k], h = height_.data_ptr<int32_t>()[k];
    const auto x0 = static_cast<int64_t>(r[0] * static_cast<float>(std::max<int64_t>(w - crop, 0) + 1));
    const auto y0 = static_cast<int64_t>(r[1] * static_cast<float>(std::max<int64_t>(h - crop, 0) + 1));
    for (int64_t i = 0; i < crop; ++i) {
      for (int64_t j = 0; j < crop; ++j) {
        int64_t dx = r[2] < 0.5f ? j : crop - 1 - j, dy = i;
        if (r[3] < 0.5f) std::swap(dx, dy);
        const int64_t xx = std::min(x0 + dx, w - 1), yy = std::min(y0 + dy, h - 1);
        const uint8_t* p = bytes + offset_.data_ptr<int64_t>()[k] + (yy * w + xx) * 3;
        for (int c = 0; c < 3; ++c) *o++ = static_cast<float>(p[c]) * (1.f / 255.f);
      }
    }
  }
  return out;
}

at::Tensor Batches::picture(int64_t i, int64_t align) const {
  const int64_t w = host_width_.data_ptr<int32_t>()[i], h = host_height_.data_ptr<int32_t>()[i];
  const at::Tensor all = pack_.narrow(0, host_offset_.data_ptr<int64_t>()[i], w * h * 3).view({1, h, w, 3});
  const int64_t cw = w / align * align, ch = h / align * align;
  if (cw == 0 || ch == 0) throw std::runtime_error("a picture of the evaluation pack is too small");
  return all.narrow(1, (h - ch) / 2, ch).narrow(2, (w - cw) / 2, cw).to(at::kFloat) / 255.0;
}

}  // namespace tessera::train
