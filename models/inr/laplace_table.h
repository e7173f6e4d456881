// Integer probabilities of a latent: a Laplace distribution of one of 64 scales around one of 16 fractions of a mean, over whole numbers.
//
// Part of the format (docs/bitstream.md 4.7): the rows follow from additions and products of IEEE doubles alone, without a library
// function, so that they are the same on every machine. Their CRC-32C is tested.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera::models::inr {

inline constexpr int kScales = 64;
inline constexpr int kPhaseBits = 4;  // means are multiples of 1/16
inline constexpr int kPhases = (1 << (kPhaseBits - 1)) + 1;  // 0..8 sixteenths; a negative fraction is the mirror image
inline constexpr int kProbabilityBits = 16;

class LaplaceTable {
 public:
  struct Row {
    int half = 0;                 // the support is -half..half; what is farther away is escaped
    std::vector<uint32_t> start;  // [2 half + 3]: cumulative frequencies in the order escape, -half..-1, 1..half, 0; the last is 2^16
    // 0 comes last: the range coder gives what its division leaves to the topmost interval.
    size_t index(int32_t k) const { return static_cast<size_t>(k == 0 ? 2 * half + 1 : k < 0 ? k + half + 1 : k + half); }
    int32_t symbol(size_t index) const {  // of all but the escape, index 0
      const int32_t i = static_cast<int32_t>(index);
      return i == 2 * half + 1 ? 0 : i <= half ? i - half - 1 : i - half;
    }
    uint32_t frequency(size_t i) const { return start[i + 1] - start[i]; }
  };

  // scale 0..63, phase 0..8.
  const Row& row(int scale, int phase) const { return rows_[static_cast<size_t>(scale * kPhases + phase)]; }

  // Shared by all; made at the first call.
  static const LaplaceTable& get();

 private:
  LaplaceTable();
  std::vector<Row> rows_;
};

// The scale parameter b of the row, for training: the density is exp(-|x - mean| / b) / 2b. 1 - exp(-1 / 16b) is kFirst kRatio^scale.
inline constexpr double kFirst = 0.75, kRatio = 229.0 / 256;

}  // namespace tessera::models::inr
