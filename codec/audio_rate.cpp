#include "codec/audio_rate.h"

#include <algorithm>

namespace tessera {
namespace {

constexpr double kSpread = 2.0;  // seconds
// Silence may cost less than asked for even at the most levels: what it saves beyond this is given up rather than spent in a burst.
constexpr double kLargest = 8.0;  // seconds of the bit rate

}  // namespace

double RateControl::budget(uint64_t samples, bool last) const {
  const double seconds = static_cast<double>(samples) / sample_rate_;
  const double share = last ? 1.0 : std::clamp(seconds / kSpread, 0.0, 1.0);
  return static_cast<double>(samples) * bits_a_sample_ + balance_ * share;
}

void RateControl::spend(uint64_t bytes, uint64_t samples) {
  balance_ += static_cast<double>(samples) * bits_a_sample_ - 8.0 * static_cast<double>(bytes);
  balance_ = std::min(balance_, kLargest * sample_rate_ * bits_a_sample_);
}

}  // namespace tessera
