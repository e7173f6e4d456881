// Binary decisions whose probabilities are learnt while they are coded, by coder and decoder alike: every decision is seen in several contexts, each of which has
// a probability of its own, and the probabilities are mixed in the logistic domain with weights that learn as well (M. Mahoney, "Adaptive weighing of context
// models for lossless data compression", 2005). For decisions by the thousand of which nothing is known before; for latents by the million see rans.h.
//
// Whole numbers only, so that it repeats on every machine (docs/exactness.md).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "entropy/range_coder.h"

namespace tessera::entropy {

class ContextMixer {
 public:
  static constexpr int kMostContexts = 8;
  static constexpr int kPrecision = 16;  // of a probability, bits
  static constexpr int kSlotBits = 15;   // contexts share 2^15 places by a hash of 32 bits

  explicit ContextMixer(int sets);
  // As it was made.
  void reset();

  // That the next decision is one, in 1/65536, never 0 nor 65536. `set`, from 0: whose weights. `contexts`: 1 to kMostContexts of them, of which the same number in
  // the same place of the same kind of decision means the same context; salt it with the kind.
  template <size_t kCount>
  uint32_t predict(int set, const std::array<uint32_t, kCount>& contexts);
  // What came of the decision last predicted, which had as many contexts.
  template <size_t kCount>
  void learn(bool one);

 private:
  struct Slot {
    uint32_t probability : 22, count : 10;
  };
  static constexpr Slot kNew{uint32_t{1} << 21, 0};

  std::vector<Slot> slots_;
  std::vector<std::array<int32_t, kMostContexts>> weights_;  // in 1/65536
  // The decision that is being coded.
  std::array<Slot*, kMostContexts> seen_{};
  std::array<int32_t, kMostContexts> stretched_{};
  std::array<int32_t, kMostContexts>* mixing_ = nullptr;
  int32_t mixed_ = 0;
};

// The logistic function: from -2047..2047, in 1/256, to probabilities in 1/65536.
int32_t squashed(int32_t logit);
// Its inverse.
int32_t stretched(uint32_t probability);

namespace mixing {

inline constexpr int32_t kMostLogit = 2047;   // in 1/256
inline constexpr uint32_t kMostCount = 255;   // a context forgets what is longer ago
inline constexpr int kLearning = 15;          // of the weights: an error of one at a logit of one moves them by 1/128

struct Logistic {
  std::array<uint16_t, 2 * kMostLogit + 1> squash;
  std::array<int16_t, 4096> stretch;  // of each 4096th
};
extern const Logistic kLogistic;
extern const std::array<uint32_t, kMostCount + 1> kRates;  // 65536 / (n + 3/2)

}  // namespace mixing

inline int32_t squashed(int32_t logit) {
  return mixing::kLogistic.squash[static_cast<size_t>(mixing::kMostLogit + std::clamp(logit, -mixing::kMostLogit, mixing::kMostLogit))];
}
inline int32_t stretched(uint32_t probability) { return mixing::kLogistic.stretch[std::min<uint32_t>(probability, 65535) >> 4]; }

template <size_t kCount>
uint32_t ContextMixer::predict(int set, const std::array<uint32_t, kCount>& contexts) {
  static_assert(kCount >= 1 && kCount <= kMostContexts);
  mixing_ = &weights_[static_cast<size_t>(set)];
  int64_t sum = 0;
  for (size_t i = 0; i < kCount; ++i) {
    // A context's place in the list is part of it.
    uint32_t hash = (contexts[i] + static_cast<uint32_t>(i + 1) * 0xc2b2ae35u) * 0x9e3779b1u;
    hash ^= hash >> 15;
    hash *= 0x85ebca6bu;
    Slot& slot = slots_[hash >> (32 - kSlotBits)];
    seen_[i] = &slot;
    stretched_[i] = mixing::kLogistic.stretch[slot.probability >> 10];
    sum += int64_t{(*mixing_)[i]} * stretched_[i];
  }
  mixed_ = squashed(static_cast<int32_t>(std::clamp<int64_t>(sum >> 16, -mixing::kMostLogit, mixing::kMostLogit)));
  return static_cast<uint32_t>(mixed_);
}

template <size_t kCount>
void ContextMixer::learn(bool one) {
  constexpr int32_t largest = (1 << 22) - 1, most_weight = 1 << 22;
  const int32_t error = (one ? 65536 : 0) - mixed_, target = one ? largest : 0;
  for (size_t i = 0; i < kCount; ++i) {
    int32_t& weight = (*mixing_)[i];
    weight = std::clamp(weight + ((error * stretched_[i] + (1 << (mixing::kLearning - 1))) >> mixing::kLearning), -most_weight, most_weight);
    Slot& slot = *seen_[i];
    const auto p = static_cast<int32_t>(slot.probability);
    const int64_t step = int64_t{target - p} * mixing::kRates[slot.count];
    slot.probability = static_cast<uint32_t>(std::clamp(p + static_cast<int32_t>(step >> 16), 0, largest)) & 0x3fffffu;
    slot.count = std::min<uint32_t>(slot.count + 1u, mixing::kMostCount) & 0x3ffu;
  }
}

// A decision through a coder. All have code(mixer, set, contexts, bit), which returns the bit, and raw(bit) for one of even chances.
class BitWriter {
 public:
  explicit BitWriter(RangeEncoder& coder) : coder_(coder) {}
  template <size_t kCount>
  bool code(ContextMixer& mixer, int set, const std::array<uint32_t, kCount>& contexts, bool bit) {
    const uint32_t one = mixer.predict(set, contexts);
    coder_.put(bit ? 0 : one, bit ? one : kWhole - one, ContextMixer::kPrecision);
    mixer.learn<kCount>(bit);
    return bit;
  }
  bool raw(bool bit) {
    coder_.put(bit ? 1 : 0, 1, 1);
    return bit;
  }

 private:
  static constexpr uint32_t kWhole = uint32_t{1} << ContextMixer::kPrecision;
  RangeEncoder& coder_;
};

// The bit that is handed in is ignored.
class BitReader {
 public:
  explicit BitReader(RangeDecoder& coder) : coder_(coder) {}
  template <size_t kCount>
  bool code(ContextMixer& mixer, int set, const std::array<uint32_t, kCount>& contexts, bool) {
    const uint32_t one = mixer.predict(set, contexts);
    const bool bit = coder_.slot(ContextMixer::kPrecision) < one;
    coder_.advance(bit ? 0 : one, bit ? one : kWhole - one, ContextMixer::kPrecision);
    mixer.learn<kCount>(bit);
    return bit;
  }
  bool raw(bool) {
    const uint32_t bit = coder_.slot(1);
    coder_.advance(bit, 1, 1);
    return bit != 0;
  }

 private:
  static constexpr uint32_t kWhole = uint32_t{1} << ContextMixer::kPrecision;
  RangeDecoder& coder_;
};

// Counts what a coder would write.
class BitCounter {
 public:
  template <size_t kCount>
  bool code(ContextMixer& mixer, int set, const std::array<uint32_t, kCount>& contexts, bool bit) {
    const double one = mixer.predict(set, contexts) / 65536.0;
    bits_ -= std::log2(bit ? one : 1 - one);
    mixer.learn<kCount>(bit);
    return bit;
  }
  bool raw(bool bit) {
    bits_ += 1;
    return bit;
  }
  double bits() const { return bits_; }

 private:
  double bits_ = 0;
};

}  // namespace tessera::entropy
