#include "models/audio/frontend.h"

#include <cmath>
#include <stdexcept>
#include <vector>

namespace tessera::models::audio {

Frontend::Frontend(int64_t hop, int64_t window, bool causal) : hop_(hop), window_(window), overlap_(window / hop), causal_(causal) {
  if (hop < 1 || window % hop != 0 || overlap_ < 2 || window % 2 != 0 || (window - hop) % 2 != 0) {
    throw std::runtime_error("configuration: the window must be even and a multiple of the hop, at least twice it");
  }
  left_ = causal ? window - hop : (window - hop) / 2;
  shape_ = at::hann_window(window, true, at::TensorOptions().dtype(at::kDouble));
  if (overlap_ == 2) shape_ = shape_.sqrt();
  scale_ = 1 / std::sqrt(shape_.square().sum().item<double>());
  shape_ = shape_.to(at::kFloat);
}

std::pair<at::Tensor, at::Tensor> Frontend::forward(const at::Tensor& x) const {
  const int64_t b = x.size(0), c = x.size(1), n = frames(x.size(2));
  const int64_t right = (n + overlap_ - 1) * hop_ - left_ - x.size(2);
  const at::Tensor rows = at::constant_pad_nd(x, {left_, right}).reshape({b, c, n + overlap_ - 1, hop_});
  std::vector<at::Tensor> slices;
  for (int64_t j = 0; j < overlap_; ++j) slices.push_back(rows.narrow(2, j, n));
  const at::Tensor spectrum = at::view_as_real(at::fft_rfft(at::cat(slices, -1) * (shape_ * scale_)));
  return {spectrum.select(-1, 0), spectrum.select(-1, 1)};
}

at::Tensor Frontend::overlap_add(const at::Tensor& frames) const {
  const int64_t b = frames.size(0), c = frames.size(1), n = frames.size(2);
  const at::Tensor parts = frames.reshape({b, c, n, overlap_, hop_});
  at::Tensor rows;
  for (int64_t j = 0; j < overlap_; ++j) {
    const at::Tensor moved = at::constant_pad_nd(parts.select(3, j), {0, 0, j, overlap_ - 1 - j});
    rows = rows.defined() ? rows + moved : moved;
  }
  const int64_t samples = (causal_ ? n - overlap_ + 1 : n) * hop_;
  return rows.reshape({b, c, (n + overlap_ - 1) * hop_}).narrow(2, left_, samples);
}

at::Tensor Frontend::inverse(const at::Tensor& re, const at::Tensor& im) const {
  const at::Tensor spectrum = at::view_as_complex(at::stack({re, im}, -1));
  const at::Tensor frames = at::fft_irfft(spectrum, window_) * (shape_ / scale_);
  const at::Tensor weight = overlap_add(shape_.square().view({1, 1, 1, window_}).expand({1, 1, re.size(2), window_}));
  return overlap_add(frames) / weight;
}

void Frontend::to(at::Device device) { shape_ = shape_.to(device); }

at::Tensor pad_to(const at::Tensor& x, int64_t hop) {
  const int64_t missing = (hop - x.size(-1) % hop) % hop;
  return missing == 0 ? x : at::constant_pad_nd(x, {0, missing});
}

}  // namespace tessera::models::audio
