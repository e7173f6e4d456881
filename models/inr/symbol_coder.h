// One whole number with a row of LaplaceTable through the range coder, and what it costs.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>

#include "entropy/range_coder.h"
#include "entropy/raw_bits.h"
#include "models/inr/laplace_table.h"

namespace tessera::models::inr {

inline constexpr int32_t kMaxLatent = 32767;  // of the absolute value

// Where a number lies: `mean` in sixteenths.
struct Place {
  int32_t centre;
  int phase;  // 0..8
  bool mirrored;
};

inline Place place_of(int32_t mean) {
  const int32_t centre = (mean + (1 << (kPhaseBits - 1))) >> kPhaseBits;
  const int32_t phase = mean - centre * (1 << kPhaseBits);
  return {centre, phase < 0 ? -phase : phase, phase < 0};
}

// Escaped values: order-0 Exp-Golomb as in entropy/raw_bits.h, its bits as equally probable symbols.
class SymbolEncoder {
 public:
  // |value| <= kMaxLatent.
  void put(int32_t value, int scale, int32_t mean) {
    const Place p = place_of(mean);
    const LaplaceTable::Row& row = table_.row(scale, p.phase);
    const int32_t k = p.mirrored ? p.centre - value : value - p.centre;
    const bool inside = -row.half <= k && k <= row.half;
    const size_t index = inside ? row.index(k) : 0;
    coder_.put(row.start[index], row.frequency(index), kProbabilityBits);
    if (inside) return;
    const uint64_t code = entropy::escape_to_code(k, -row.half, 2 * int64_t{row.half} + 1) + 1;
    const int width = static_cast<int>(std::bit_width(code));
    for (int i = 0; i < width - 1; ++i) coder_.put(0, 1, 1);
    for (int i = width - 1; i >= 0; --i) coder_.put(static_cast<uint32_t>(code >> i & 1), 1, 1);
  }
  std::vector<std::byte> finish() { return coder_.finish(); }

 private:
  const LaplaceTable& table_ = LaplaceTable::get();
  entropy::RangeEncoder coder_;
};

class SymbolDecoder {
 public:
  explicit SymbolDecoder(std::span<const std::byte> bytes) : coder_(bytes) {}

  // Nothing when no encoder writes this.
  std::optional<int32_t> get(int scale, int32_t mean) {
    const Place p = place_of(mean);
    const LaplaceTable::Row& row = table_.row(scale, p.phase);
    const uint32_t slot = coder_.slot(kProbabilityBits);
    const uint32_t* const start = row.start.data();
    // Most latents are at the mean, whose interval is the last.
    size_t index = static_cast<size_t>(2 * row.half + 1);
    if (slot < start[index]) index = static_cast<size_t>(std::upper_bound(start, start + index, slot) - start) - 1;
    coder_.advance(start[index], start[index + 1] - start[index], kProbabilityBits);
    int64_t k = row.symbol(index);
    if (index == 0) {
      const std::optional<uint64_t> code = exp_golomb();
      if (!code) return {};
      k = entropy::code_to_escape(*code, -row.half, 2 * int64_t{row.half} + 1);
    }
    const int64_t value = p.mirrored ? p.centre - k : p.centre + k;
    if (value < -kMaxLatent || value > kMaxLatent) return {};
    return static_cast<int32_t>(value);
  }
  bool at_end() const { return coder_.at_end(); }

 private:
  std::optional<uint64_t> exp_golomb() {
    int zeros = 0;
    while (bit() == 0) {
      if (++zeros == entropy::kMaxEscapeWidth) return {};
    }
    uint64_t value = 1;
    for (int i = 0; i < zeros; ++i) value = value << 1 | bit();
    return value - 1;
  }
  uint32_t bit() {
    const uint32_t b = coder_.slot(1);
    coder_.advance(b, 1, 1);
    return b;
  }

  const LaplaceTable& table_ = LaplaceTable::get();
  entropy::RangeDecoder coder_;
};

// Adds up what an encoder would write.
class SymbolCounter {
 public:
  void put(int32_t value, int scale, int32_t mean) {
    const Place p = place_of(mean);
    const LaplaceTable::Row& row = table_.row(scale, p.phase);
    const int32_t k = p.mirrored ? p.centre - value : value - p.centre;
    const bool inside = -row.half <= k && k <= row.half;
    bits_ += kProbabilityBits - std::log2(static_cast<double>(row.frequency(inside ? row.index(k) : 0)));
    if (!inside) bits_ += entropy::exp_golomb_bits(entropy::escape_to_code(k, -row.half, 2 * int64_t{row.half} + 1));
  }
  double bits() const { return bits_; }

 private:
  const LaplaceTable& table_ = LaplaceTable::get();
  double bits_ = 0;
};

}  // namespace tessera::models::inr
