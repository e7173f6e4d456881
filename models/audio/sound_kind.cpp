#include "models/audio/sound_kind.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "models/audio/sound_kind_table.h"

namespace tessera::models::audio {
namespace {

constexpr int64_t kWindow = 512, kHop = 256, kBands = 18;
constexpr double kFramesASecond = static_cast<double>(kKindRate) / kHop;

double average_of(const at::Tensor& x) { return x.mean().item<double>(); }
double deviation(const at::Tensor& x) { return x.std(false).item<double>(); }

// Edges of bands of equal ratio from 100 to 7000 Hz, in bins.
std::vector<int64_t> band_edges() {
  std::vector<int64_t> edges;
  for (int64_t i = 0; i <= kBands; ++i) {
    const double hz = 100 * std::pow(70.0, static_cast<double>(i) / kBands);
    edges.push_back(std::llround(hz * kWindow / kKindRate));
  }
  return edges;
}

}  // namespace

std::optional<KindFeatures> kind_features(std::span<const float> samples) {
  if (samples.size() < kKindRate / 2) return std::nullopt;
  const c10::InferenceMode inference;
  const at::Tensor x = at::from_blob(const_cast<float*>(samples.data()), {static_cast<int64_t>(samples.size())}, at::kFloat).to(at::kDouble);
  const at::Tensor frames = x.unfold(0, kWindow, kHop);
  const int64_t n = frames.size(0);
  const at::Tensor s = at::fft_rfft(frames * at::hann_window(kWindow, x.options())).abs().square();  // [n, 257]
  const at::Tensor energy = s.narrow(1, 3, s.size(1) - 3).sum(1) + 1e-9;
  const double reference = at::quantile(energy, 0.95).item<double>();
  if (!(reference > 1e-6) || !std::isfinite(reference)) return std::nullopt;
  const at::Tensor loud = energy > reference * 1e-3;
  const auto of_loud = [&](const at::Tensor& t) { return t.masked_select(loud); };

  // Envelopes of the bands: their logarithms, and how fast they change.
  std::vector<at::Tensor> bands;
  const std::vector<int64_t> edges = band_edges();
  for (size_t i = 0; i < kBands; ++i) bands.push_back(s.narrow(1, edges[i], std::max<int64_t>(1, edges[i + 1] - edges[i])).sum(1));
  const at::Tensor b = at::stack(bands, 1) + (1e-6 * reference / kBands + 1e-9);
  at::Tensor envelope = b.sqrt();
  envelope = envelope - envelope.mean(0, true);
  const at::Tensor modulation = at::fft_rfft(envelope, std::nullopt, 0).abs().square().sum(1);  // [n / 2 + 1]
  const at::Tensor hz = at::arange(modulation.size(0), x.options()) * (kFramesASecond / static_cast<double>(n));
  const double all = modulation.masked_select(hz > 0.5).sum().item<double>() + 1e-12;
  const double syllables = modulation.masked_select(hz.ge(2).logical_and(hz.lt(8))).sum().item<double>() / all;
  const double fast = modulation.masked_select(hz.ge(8)).sum().item<double>() / all;
  const at::Tensor change = b.log().diff(1, 0).square().mean(1).sqrt();
  at::Tensor both = loud.narrow(0, 1, n - 1).logical_and(loud.narrow(0, 0, n - 1));
  if (both.sum().item<int64_t>() < 5) both = at::ones_like(both);
  const at::Tensor flux = change.masked_select(both);

  // The spectrum's centre, flatness and balance.
  const at::Tensor f = at::arange(s.size(1), x.options()) * (static_cast<double>(kKindRate) / kWindow);
  const at::Tensor centre = of_loud(((s * f).sum(1) / (s.sum(1) + 1e-12) + 50).log());
  const at::Tensor middle = s.narrow(1, 3, 197);
  const double little = 1e-12 * reference + 1e-12;
  const at::Tensor flat = of_loud(((middle + little).log().mean(1).exp() / (middle.mean(1) + little) + 1e-6).log());
  const at::Tensor high = of_loud(((s.narrow(1, 128, s.size(1) - 128).sum(1) + 1e-9) / (s.narrow(1, 3, 125).sum(1) + 1e-9)).log());

  // Pitch: the highest peak of the flattened spectrum's correlation between 70 and 400 Hz.
  const at::Tensor correlation = at::fft_irfft(s.sqrt(), kWindow);
  constexpr int64_t kShortest = kKindRate / 400, kLongest = kKindRate / 70;
  const auto [peak, place] = correlation.narrow(1, kShortest, kLongest - kShortest).max(1);
  const at::Tensor voiced = of_loud(peak / (correlation.select(1, 0) + 1e-9));
  const at::Tensor lag = (of_loud(place) + kShortest).to(at::kDouble).log();
  const double steady = lag.size(0) > 1 ? (lag.diff().abs() < 0.02).to(at::kDouble).mean().item<double>() : 0;

  const double average = average_of(energy);
  const auto share = [&](double of_average) { return (energy < of_average * average).to(at::kDouble).mean().item<double>(); };
  const KindFeatures out = {share(0.1),   share(0.01),       syllables,  fast,           average_of(flux),   deviation(flux), average_of(centre), deviation(centre),
                            average_of(flat),   deviation(flat),   average_of(high), deviation(high), average_of(voiced), deviation(voiced), steady,     deviation(of_loud(energy).log())};
  if (!std::all_of(out.begin(), out.end(), [](double v) { return std::isfinite(v); })) return std::nullopt;
  return out;
}

std::array<double, 2 * kKindFeatures> kind_terms(const KindFeatures& features, const KindTable& table) {
  std::array<double, 2 * kKindFeatures> terms;
  for (size_t i = 0; i < kKindFeatures; ++i) {
    terms[i] = std::clamp((features[i] - table.mean[i]) * table.scale[i], -3.0, 3.0);
    terms[kKindFeatures + i] = terms[i] * terms[i];
  }
  return terms;
}

double speech_log_odds(const KindFeatures& features, const KindTable& table) {
  const auto terms = kind_terms(features, table);
  return std::inner_product(terms.begin(), terms.end(), table.weights.begin(), table.weights.back());
}

}  // namespace tessera::models::audio
