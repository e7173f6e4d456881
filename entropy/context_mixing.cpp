#include "entropy/context_mixing.h"

#include <algorithm>
#include <cmath>

namespace tessera::entropy {
namespace {

constexpr int32_t kMostLogit = 2047;      // in 1/256
constexpr uint32_t kMostCount = 255;      // a context forgets what is longer ago
constexpr int32_t kFirstWeight = 25000;   // .38
constexpr int kLearning = 15;             // of the weights: an error of one at a logit of one moves them by 1/128

// squash[d] = 65536 / (1 + e^(-d/256)), by whole numbers: powers of e^(-1/256) with 62 binary places.
struct Logistic {
  std::array<uint16_t, 2 * kMostLogit + 1> squash{};
  std::array<int16_t, 4096> stretch{};

  constexpr Logistic() {
    constexpr uint64_t factor = 4593706758521714574u;  // 2^62 e^(-1/256)
    constexpr uint64_t unit = uint64_t{1} << 62;
    uint64_t power = unit;  // 2^62 e^(-d/256)
    for (int32_t d = 0; d <= kMostLogit; ++d) {
      // In 30 binary places: 65536 * 2^30 / (2^30 + power), rounded.
      const uint64_t below = (uint64_t{1} << 30) + (power >> 32);
      const uint64_t one = ((uint64_t{1} << 46) + below / 2) / below;
      squash[static_cast<size_t>(kMostLogit + d)] = static_cast<uint16_t>(one);
      squash[static_cast<size_t>(kMostLogit - d)] = static_cast<uint16_t>(65536 - one);
      power = static_cast<uint64_t>((static_cast<unsigned __int128>(power) * factor) >> 62);
    }
    // The inverse at the middle of each 4096th: the largest logit whose probability is not above it.
    int32_t d = -kMostLogit;
    for (uint32_t i = 0; i < 4096; ++i) {
      while (d < kMostLogit && squash[static_cast<size_t>(kMostLogit + d + 1)] <= 16 * i + 8) ++d;
      stretch[i] = static_cast<int16_t>(d);
    }
  }
};
constexpr Logistic kLogistic;

// 65536 / (n + 3/2)
struct Rates {
  std::array<uint32_t, kMostCount + 1> of{};
  constexpr Rates() {
    for (uint32_t n = 0; n <= kMostCount; ++n) of[n] = (131072 + (2 * n + 3) / 2) / (2 * n + 3);
  }
};
constexpr Rates kRates;

uint32_t hashed(uint32_t x) {
  x *= 0x9e3779b1u;
  x ^= x >> 15;
  x *= 0x85ebca6bu;
  return x >> (32 - ContextMixer::kSlotBits);
}

}  // namespace

int32_t squashed(int32_t logit) { return kLogistic.squash[static_cast<size_t>(kMostLogit + std::clamp(logit, -kMostLogit, kMostLogit))]; }
int32_t stretched(uint32_t probability) { return kLogistic.stretch[std::min<uint32_t>(probability, 65535) >> 4]; }

ContextMixer::ContextMixer(int sets) : slots_(size_t{1} << kSlotBits, kNew), weights_(static_cast<size_t>(sets)) { reset(); }

void ContextMixer::reset() {
  std::fill(slots_.begin(), slots_.end(), kNew);
  for (auto& w : weights_) w.fill(kFirstWeight);
  mixing_ = nullptr;
}

uint32_t ContextMixer::predict(int set, std::span<const uint32_t> contexts) {
  mixing_ = &weights_[static_cast<size_t>(set)];
  count_ = contexts.size();
  int64_t sum = 0;
  for (size_t i = 0; i < count_; ++i) {
    // A context's place in the list is part of it.
    Slot& slot = slots_[hashed(contexts[i] + static_cast<uint32_t>(i + 1) * 0xc2b2ae35u)];
    seen_[i] = &slot;
    stretched_[i] = kLogistic.stretch[slot.probability >> 10];
    sum += int64_t{(*mixing_)[i]} * stretched_[i];
  }
  mixed_ = squashed(static_cast<int32_t>(std::clamp<int64_t>(sum >> 16, -kMostLogit, kMostLogit)));
  return static_cast<uint32_t>(mixed_);
}

void ContextMixer::learn(bool one) {
  constexpr int32_t largest = (1 << 22) - 1, most_weight = 1 << 22;
  const int32_t error = (one ? 65536 : 0) - mixed_;
  for (size_t i = 0; i < count_; ++i) {
    int32_t& weight = (*mixing_)[i];
    weight = std::clamp(weight + ((error * stretched_[i] + (1 << (kLearning - 1))) >> kLearning), -most_weight, most_weight);
    Slot& slot = *seen_[i];
    const auto p = static_cast<int32_t>(slot.probability);
    const int64_t step = int64_t{(one ? largest : 0) - p} * kRates.of[slot.count];
    slot.probability = static_cast<uint32_t>(std::clamp(p + static_cast<int32_t>(step >> 16), 0, largest)) & 0x3fffffu;
    slot.count = std::min<uint32_t>(slot.count + 1u, kMostCount) & 0x3ffu;
  }
}

bool BitCounter::code(ContextMixer& mixer, int set, std::span<const uint32_t> contexts, bool bit) {
  const double one = mixer.predict(set, contexts) / 65536.0;
  bits_ -= std::log2(bit ? one : 1 - one);
  mixer.learn(bit);
  return bit;
}

}  // namespace tessera::entropy
