#include "apps/ffmpeg/lv2/resampler.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tessera::lv2 {
namespace {

constexpr double kZeros = 16;       // zero crossings of the sinc to either side
constexpr double kPassband = 0.95;  // of the lower rate's half
constexpr int kPhases = 256;        // entries of the table from one zero crossing to the next, with linear interpolation between

double sinc(double x) { return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x); }

// Hann window, 1 at 0 and 0 at 1.
double window(double x) { return 0.5 + 0.5 * std::cos(std::numbers::pi * x); }

}  // namespace

Resampler::Resampler(double from, double to)
    : same_(from == to), step_(from / to), cutoff_(kPassband * std::min(1.0, to / from)), reach_(kZeros / cutoff_) {
  if (same_) return;
  const auto entries = static_cast<size_t>(kZeros * kPhases);
  for (size_t i = 0; i <= entries + 1; ++i) {
    const double x = static_cast<double>(i) / kPhases;
    table_.push_back(x < kZeros ? static_cast<float>(cutoff_ * sinc(x) * window(x / kZeros)) : 0);
  }
  reset();
}

void Resampler::reset() {
  // Silence before the first sample.
  start_ = -static_cast<int64_t>(std::ceil(reach_)) - 1;
  history_.assign(static_cast<size_t>(-start_), 0.0f);
  made_ = 0;
}

float Resampler::at(double position) const {
  const auto first = static_cast<int64_t>(std::ceil(position - reach_));
  const auto last = static_cast<int64_t>(std::floor(position + reach_));
  float sum = 0;
  for (int64_t i = first; i <= last; ++i) {
    const double entry = std::abs(static_cast<double>(i) - position) * cutoff_ * kPhases;
    const auto low = static_cast<size_t>(entry);
    const auto part = static_cast<float>(entry - static_cast<double>(low));
    sum += history_[static_cast<size_t>(i - start_)] * (table_[low] + part * (table_[low + 1] - table_[low]));
  }
  return sum;
}

void Resampler::push(const float* samples, size_t count, std::vector<float>& out) {
  if (same_) {
    out.insert(out.end(), samples, samples + count);
    return;
  }
  history_.insert(history_.end(), samples, samples + count);
  const double end = static_cast<double>(start_ + static_cast<int64_t>(history_.size()));
  double position = static_cast<double>(made_) * step_;
  for (; position + reach_ < end - 1; position = static_cast<double>(++made_) * step_) out.push_back(at(position));
  const int64_t keep = static_cast<int64_t>(std::floor(position - reach_)) - 1;
  if (keep > start_) {
    history_.erase(history_.begin(), history_.begin() + std::min<int64_t>(keep - start_, static_cast<int64_t>(history_.size())));
    start_ = keep;
  }
}

}  // namespace tessera::lv2
