#include "models/audio/losses.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace tessera::models::audio {
namespace {

// Linear below 1 kHz, logarithmic above.
double to_mel(double hz) { return hz < 1000 ? hz * 3 / 200 : 15 + std::log(hz / 1000) * 27 / std::log(6.4); }
double to_hz(double mel) { return mel < 15 ? mel * 200 / 3 : 1000 * std::exp((mel - 15) * std::log(6.4) / 27); }

}  // namespace

at::Tensor mel_filters(int64_t sample_rate, int64_t window, int64_t bands) {
  const int64_t bins = window / 2 + 1;
  const double top = to_mel(static_cast<double>(sample_rate) / 2);
  at::Tensor filters = at::zeros({bands, bins}, at::kFloat);
  float* f = filters.data_ptr<float>();
  for (int64_t b = 0; b < bands; ++b) {
    const auto edge = [&](int64_t i) { return to_hz(top * static_cast<double>(b + i) / static_cast<double>(bands + 1)); };
    const double lo = edge(0), mid = edge(1), hi = edge(2);
    for (int64_t k = 0; k < bins; ++k) {
      const double hz = static_cast<double>(k * sample_rate) / static_cast<double>(window);
      f[b * bins + k] = static_cast<float>(std::max(0.0, std::min((hz - lo) / (mid - lo), (hi - hz) / (hi - mid))) * 2 / (hi - lo));
    }
  }
  return filters;
}

SpectralLoss::SpectralLoss(int64_t sample_rate, at::Device device) {
  int64_t bands = 5;
  for (int64_t window = 32; window <= 2048; window *= 2, bands *= 2) {
    Scale s{window, Frontend(window / 4, window, false), mel_filters(sample_rate, window, bands).t().contiguous().to(device),
            std::sqrt(0.375 * static_cast<double>(window)), window == 512 || window == 2048, window >= 512};
    s.frontend.to(device);
    scales_.push_back(std::move(s));
  }
}

SpectralLoss::Spectrum SpectralLoss::spectrum(const Scale& s, const at::Tensor& signal) {
  const auto [re, im] = s.frontend.forward(pad_to(signal, s.window / 4));
  const at::Tensor power = re.square() + im.square();
  // The small constants bound the slopes at digital silence.
  Spectrum result{at::sqrt(power + 1e-14) * s.magnitude, {}, {}};
  if (s.stft) {
    const at::Tensor shrink = (power + 1e-8).pow(-0.35);
    result.re = re * shrink;
    result.im = im * shrink;
  }
  return result;
}

namespace {

at::Tensor log_mel(const at::Tensor& magnitude, const at::Tensor& mel) { return at::log10(at::matmul(magnitude, mel).clamp_min(1e-5)); }
at::Tensor log_power(const at::Tensor& magnitude) { return at::log10(magnitude.clamp_min(1e-5)) * 2; }

}  // namespace

SpectralLoss::Reference SpectralLoss::reference(const at::Tensor& x) const {
  const at::NoGradGuard no_grad;
  Reference out;
  for (const Scale& s : scales_) {
    const Spectrum sx = spectrum(s, x);
    out.scales_.push_back({sx.magnitude, sx.re, sx.im, log_mel(sx.magnitude, s.mel), s.stft ? log_power(sx.magnitude) : at::Tensor()});
  }
  return out;
}

SpectralLoss::Terms SpectralLoss::operator()(const at::Tensor& y, const at::Tensor& x, const at::Tensor& share) const {
  return (*this)(y, reference(x), share);
}

SpectralLoss::Terms SpectralLoss::operator()(const at::Tensor& y, const Reference& x, const at::Tensor& share) const {
  Terms out;
  const auto add = [](at::Tensor& sum, const at::Tensor& term) { sum = sum.defined() ? sum + term : term; };
  for (size_t i = 0; i < scales_.size(); ++i) {
    const Scale& s = scales_[i];
    const Reference::Spectra& sx = x.scales_[i];
    const Spectrum sy = spectrum(s, y);
    add(out.mel, (log_mel(sy.magnitude, s.mel) - sx.log_mel).abs().mean());
    if (s.multi) {
      const at::Tensor difference = (sy.magnitude - sx.magnitude).square().sum({2, 3}), whole = sx.magnitude.square().sum({2, 3});
      const at::Tensor convergence = at::sqrt((difference + 1e-6) / (whole + 1e-3)).mean();
      const auto log = [](const at::Tensor& m) { return at::log(m.clamp_min(1e-5)); };
      add(out.multi, (convergence + (log(sy.magnitude) - log(sx.magnitude)).abs().mean()) * (1.0 / 3));
    }
    if (s.stft) {
      add(out.stft, (log_power(sy.magnitude) - sx.log_power).abs().mean() + (sy.magnitude - sx.magnitude).abs().mean());
      // Relative to the size of the spectrum, so that quiet segments count as much.
      const at::Tensor size = (sx.re.abs() + sx.im.abs()).mean({1, 2, 3}) + 1e-3;
      const at::Tensor each = ((sy.re - sx.re).abs() + (sy.im - sx.im).abs()).mean({1, 2, 3}) / size;
      add(out.complex, share.defined() ? (each * share).sum() / share.sum().clamp_min(1e-6) : each.mean());
    }
  }
  return out;
}

}  // namespace tessera::models::audio
