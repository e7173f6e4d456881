// Binary decisions whose probabilities are learnt while they are coded, by coder and decoder alike: every decision is seen in several contexts, each of which has
// a probability of its own, and the probabilities are mixed in the logistic domain with weights that learn as well (M. Mahoney, "Adaptive weighing of context
// models for lossless data compression", 2005). For decisions by the thousand of which nothing is known before; for latents by the million see rans.h.
//
// Whole numbers only, so that it repeats on every machine (docs/exactness.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
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
  uint32_t predict(int set, std::span<const uint32_t> contexts);
  // What came of the decision last predicted.
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
  size_t count_ = 0;
  std::array<int32_t, kMostContexts>* mixing_ = nullptr;
  int32_t mixed_ = 0;
};

// Logistic function and its inverse between -2047..2047, in 1/256, and probabilities in 1/65536. Public for the tests.
int32_t squashed(int32_t logit);
int32_t stretched(uint32_t probability);

// A decision through a coder. All have code(mixer, set, contexts, bit), which returns the bit, and raw(bit) for one of even chances.
class BitWriter {
 public:
  explicit BitWriter(RangeEncoder& coder) : coder_(coder) {}
  bool code(ContextMixer& mixer, int set, std::span<const uint32_t> contexts, bool bit) {
    const uint32_t one = mixer.predict(set, contexts);
    coder_.put(bit ? 0 : one, bit ? one : kWhole - one, ContextMixer::kPrecision);
    mixer.learn(bit);
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
  bool code(ContextMixer& mixer, int set, std::span<const uint32_t> contexts, bool) {
    const uint32_t one = mixer.predict(set, contexts);
    const bool bit = coder_.slot(ContextMixer::kPrecision) < one;
    coder_.advance(bit ? 0 : one, bit ? one : kWhole - one, ContextMixer::kPrecision);
    mixer.learn(bit);
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
  bool code(ContextMixer& mixer, int set, std::span<const uint32_t> contexts, bool bit);
  bool raw(bool bit) {
    bits_ += 1;
    return bit;
  }
  double bits() const { return bits_; }

 private:
  double bits_ = 0;
};

}  // namespace tessera::entropy
