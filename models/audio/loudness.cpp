#include "models/audio/loudness.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace tessera::models::audio {
namespace {

constexpr int64_t kBands = 49;
constexpr double kListeningPower = 3e7;  // 75 dB SPL, with powers relative to 0 dB
constexpr double kExponent = 0.23;       // Zwicker's
constexpr double kSone = 0.1866;         // 40 dB at 1 kHz in about a sone
constexpr double kMasking = 0.25;        // of the smaller loudness: differences below it are not heard
constexpr double kSymmetric = 0.1, kAsymmetric = 0.0309;  // P.862's weights

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
  const at::Tensor py = powers(y, gain), ly = loudness(py);
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
  const auto over_time = [](const at::Tensor& d) { return at::sqrt(d.clamp_max(45.0).square().mean(-1) + 1e-4).mean(); };
  return over_time(symmetric) * kSymmetric + over_time(asymmetric) * kAsymmetric;
}

}  // namespace tessera::models::audio
