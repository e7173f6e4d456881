#include "entropy/context_mixing.h"

#include <algorithm>

namespace tessera::entropy {
namespace mixing {
namespace {

// floor(a b / 2^62) of numbers up to 2^62, without 128 bits, which not every machine has.
constexpr uint64_t product(uint64_t a, uint64_t b) {
  constexpr uint64_t low = (uint64_t{1} << 31) - 1;
  const uint64_t middle = (a >> 31) * (b & low) + (a & low) * (b >> 31) + ((a & low) * (b & low) >> 31);
  return (a >> 31) * (b >> 31) + (middle >> 31);
}

// squash[d] = 65536 / (1 + e^(-d/256)), by whole numbers: powers of e^(-1/256) with 62 binary places.
constexpr Logistic make_logistic() {
  Logistic l{};
  constexpr uint64_t factor = 4593706758521714574u;  // 2^62 e^(-1/256)
  uint64_t power = uint64_t{1} << 62;                // 2^62 e^(-d/256)
  for (int32_t d = 0; d <= kMostLogit; ++d) {
    // In 30 binary places: 65536 * 2^30 / (2^30 + power), rounded.
    const uint64_t below = (uint64_t{1} << 30) + (power >> 32);
    const uint64_t one = ((uint64_t{1} << 46) + below / 2) / below;
    l.squash[static_cast<size_t>(kMostLogit + d)] = static_cast<uint16_t>(one);
    l.squash[static_cast<size_t>(kMostLogit - d)] = static_cast<uint16_t>(65536 - one);
    power = product(power, factor);
  }
  // The inverse at the middle of each 4096th: the largest logit whose probability is not above it.
  int32_t d = -kMostLogit;
  for (uint32_t i = 0; i < l.stretch.size(); ++i) {
    while (d < kMostLogit && l.squash[static_cast<size_t>(kMostLogit + d + 1)] <= 16 * i + 8) ++d;
    l.stretch[i] = static_cast<int16_t>(d);
  }
  return l;
}

constexpr std::array<uint32_t, kMostCount + 1> make_rates() {
  std::array<uint32_t, kMostCount + 1> rates{};
  for (uint32_t n = 0; n <= kMostCount; ++n) rates[n] = (131072 + (2 * n + 3) / 2) / (2 * n + 3);
  return rates;
}

}  // namespace

constexpr Logistic kLogistic = make_logistic();
constexpr std::array<uint32_t, kMostCount + 1> kRates = make_rates();

}  // namespace mixing

namespace {

constexpr int32_t kFirstWeight = 25000;  // .38

}  // namespace

ContextMixer::ContextMixer(int sets) : slots_(size_t{1} << kSlotBits, kNew), weights_(static_cast<size_t>(sets)) { reset(); }

void ContextMixer::reset() {
  std::fill(slots_.begin(), slots_.end(), kNew);
  for (auto& w : weights_) w.fill(kFirstWeight);
  mixing_ = nullptr;
}

}  // namespace tessera::entropy
