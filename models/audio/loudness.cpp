#include "models/audio/loudness.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace tessera::models::audio {
namespace {

constexpr int64_t kBands = 49;
// Level and weights are fitted to PESQ scores of this project's own decoded speech (docs/results/training.md): at this level the
// loudness of each band comes out about as large as in P.862.
constexpr double kListeningPower = 3e8;
constexpr double kExponent = 0.23;       // Zwicker's
constexpr double kSone = 0.1866;         // 40 dB at 1 kHz in about a sone
constexpr double kMasking = 0.25;        // of the smaller loudness: differences below it are not heard
constexpr double kSymmetric = 0.05, kAsymmetric = 0.02;
constexpr int64_t kSyllable = 20;  // frames whose disturbances are summed by their sixth powers

// [..., n] -> [..., n]: a short memory, 0.8 (g0 + 0.2 g1 + 0.04 g2).
at::Tensor smooth(const at::Tensor& gain) {
  const auto delayed = [&](int64_t by) { return at::cat({gain.narrow(-1, 0, 1).expand_as(gain.narrow(-1, 0, by)), gain.narrow(-1, 0, gain.size(-1) - by)}, -1); };
  if (gain.size(-1) < 3) return gain;
  return (gain + delayed(1) * 0.2 + delayed(2) * 0.04) * (1 / 1.24);
}

int64_t frame(int64_t sample_rate) { return sample_rate / 125 * 4; }

// Threshold in quiet (Terhardt), as a power.
double threshold_in_quiet(double hz) {
  const double k = std::max(hz, 30.0) / 1000;
  return std::pow(10, 0.1 * (3.64 * std::pow(k, -0.8) - 6.5 * std::exp(-0.6 * (k - 3.3) * (k - 3.3)) + 1e-3 * std::pow(k, 4)));
}

double to_bark(double hz) { return 6 * std::asinh(hz / 600); }
double from_bark(double z) { return 600 * std::sinh(z / 6); }

}  // namespace

at::Tensor bark_bands(int64_t sample_rate, int64_t window, int64_t bands, double top) {
  const int64_t bins = window / 2 + 1;
  const double spacing = static_cast<double>(sample_rate) / static_cast<double>(window);
  at::Tensor out = at::zeros({bins, bands}, at::kFloat);
  float* o = out.data_ptr<float>();
  const double step = to_bark(top) / static_cast<double>(bands);
  for (int64_t b = 0; b < bands; ++b) {
    const double lo = from_bark(step * static_cast<double>(b)), hi = from_bark(step * static_cast<double>(b + 1));
    for (int64_t k = 0; k < bins; ++k) {
      const double left = (static_cast<double>(k) - 0.5) * spacing, right = left + spacing;
      o[k * bands + b] = static_cast<float>(std::max(0.0, std::min(hi, right) - std::max(lo, left)) / spacing);
    }
  }
  return out;
}

LoudnessLoss::LoudnessLoss(int64_t sample_rate, at::Device device) : frontend_(frame(sample_rate) / 2, frame(sample_rate), false) {
  const double top = std::min(8000.0, static_cast<double>(sample_rate) / 2);
  bands_ = bark_bands(sample_rate, frame(sample_rate), kBands, top).to(device);
  width_ = to_bark(top) / static_cast<double>(kBands);
  threshold_ = at::zeros({kBands}, at::kFloat);
  for (int64_t b = 0; b < kBands; ++b) {
    threshold_.data_ptr<float>()[b] = static_cast<float>(threshold_in_quiet(from_bark(width_ * (static_cast<double>(b) + 0.5))));
  }
  threshold_ = threshold_.to(device);
  frontend_.to(device);
}

at::Tensor LoudnessLoss::powers(const at::Tensor& signal, const at::Tensor& gain) const {
  const auto [re, im] = frontend_.forward(pad_to(signal, frontend_.hop()));
  return at::matmul(re.square() + im.square(), bands_) * gain;
}

at::Tensor LoudnessLoss::loudness(const at::Tensor& p) const {
  return at::pow(threshold_ * 2, kExponent) * at::relu(at::pow(p / threshold_ * 0.5 + 0.5, kExponent) - 1) * kSone;
}

at::Tensor LoudnessLoss::operator()(const at::Tensor& y, const at::Tensor& x) const {
  at::Tensor gain, px, lx, weight;
  {
    const at::NoGradGuard no_grad;
    const at::Tensor raw = powers(x, at::ones({}, x.options()));
    // The level of what sounds: frames within 40 dB of the loudest. Silence is not raised above -70 dB of full scale.
    const at::Tensor total = raw.sum(-1, true);
    const at::Tensor active = total.gt(total.amax(2, true) * 1e-4).to(at::kFloat);
    gain = kListeningPower / ((total * active).sum(2, true) / active.sum(2, true).clamp_min(1.0)).clamp_min(1e-5);
    px = raw * gain;
    lx = loudness(px);
    // Quiet frames count a little more.
    weight = at::pow((px.sum(-1) + 1e5) * 1e-7, -0.04);
  }
  at::Tensor py = powers(y, gain);
  {
    const at::NoGradGuard no_grad;
    gain = smooth(((px.sum(-1) + 5e3) / (py.sum(-1) + 5e3)).clamp(3e-4, 5)).unsqueeze(-1);
  }
  py = py * gain;
  const at::Tensor ly = loudness(py);
  const at::Tensor difference = ly - lx;
  const at::Tensor heard = at::relu(difference.abs() - at::minimum(ly, lx).detach() * kMasking);
  at::Tensor added;
  {
    const at::NoGradGuard no_grad;
    const at::Tensor h = at::pow((py + 50) / (px + 50), 1.2);
    added = at::where(h < 3, at::zeros({}, h.options()), h.clamp_max(12.0));
  }
  const double bark = width_ * static_cast<double>(kBands);
  // The constants bound the roots' slopes at zero.
  const at::Tensor symmetric = at::sqrt((heard * width_).square().sum(-1) * bark + 1e-4) * weight;
  const at::Tensor asymmetric = (heard * added).sum(-1) * width_ * weight;
  // The worst frames of a syllable count most: sixth powers within, squares over the syllables.
  const auto over_time = [](const at::Tensor& d) {
    const int64_t n = d.size(-1), window = std::min(kSyllable, n);
    const at::Tensor sixth = (d.clamp_max(45.0) * (1.0 / 16)).square().pow(3).reshape({-1, 1, n});
    const at::Tensor syllables = at::avg_pool1d(sixth, window, std::max<int64_t>(1, window / 2));
    return at::sqrt((syllables + 1e-18).pow(1.0 / 3).mean(-1) + 1e-6).mean() * 16;
  };
  return over_time(symmetric) * kSymmetric + over_time(asymmetric) * kAsymmetric;
}

}  // namespace tessera::models::audio
