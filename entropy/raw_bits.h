// The raw-bit section: values of escaped symbols, most significant bit first, as order-0 Exp-Golomb codes. It
// is kept apart from the rANS words so that the lanes of a SIMD decoder stay in step whatever is escaped.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera::entropy {

// Largest bit width of code + 1: the distance outside of a support is below 2^32, the zig-zag doubles it.
inline constexpr int kMaxEscapeWidth = 33;

// Distance of a value outside of [min, min + support) to that interval, zig-zag: below is odd, above is even.
inline uint64_t escape_to_code(int32_t symbol, int32_t min, int64_t support) {
  const int64_t below = int64_t{min} - 1 - symbol;
  if (below >= 0) return static_cast<uint64_t>(below) * 2 + 1;
  return static_cast<uint64_t>(int64_t{symbol} - min - support) * 2;
}

// The inverse; the result may lie outside of int32, which the caller must reject.
inline int64_t code_to_escape(uint64_t code, int32_t min, int64_t support) {
  const int64_t distance = static_cast<int64_t>(code >> 1);
  return (code & 1) ? int64_t{min} - 1 - distance : int64_t{min} + support + distance;
}

inline int exp_golomb_bits(uint64_t code) { return 2 * static_cast<int>(std::bit_width(code + 1)) - 1; }

// Collects the section; the encoder knows its length only at the end.
class RawBitWriter {
 public:
  void put_exp_golomb(uint64_t code) {
    const int width = static_cast<int>(std::bit_width(code + 1));
    put(0, width - 1);
    put(code + 1, width);
  }

  // Pads the last byte with zeros and returns all bytes.
  const std::vector<uint8_t>& finish() {
    if (used_ > 0) bytes_.push_back(static_cast<uint8_t>(held_ << (8 - used_)));
    used_ = 0;
    return bytes_;
  }

 private:
  void put(uint64_t value, int bits) {  // bits in 0..kMaxEscapeWidth, value < 2^bits
    held_ = held_ << bits | value;
    for (used_ += bits; used_ >= 8; used_ -= 8) bytes_.push_back(static_cast<uint8_t>(held_ >> (used_ - 8)));
  }

  std::vector<uint8_t> bytes_;
  uint64_t held_ = 0;  // its low used_ bits are not written yet
  int used_ = 0;       // 0..7 between calls
};

// Reads it back. Escapes are rare: bit by bit is fast enough, and easy to bound.
class RawBitReader {
 public:
  enum class Result { ok, truncated, corrupt };

  explicit RawBitReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  // On anything but ok, *code is left alone.
  Result get_exp_golomb(uint64_t* code) {
    int zeros = 0;
    for (;; ++zeros) {
      if (zeros == kMaxEscapeWidth) return Result::corrupt;  // longer than any int32 needs
      if (at_ == bytes_.size() * 8) return Result::truncated;
      if (bit()) break;
    }
    if (bytes_.size() * 8 - at_ < static_cast<size_t>(zeros)) return Result::truncated;
    uint64_t value = 1;
    for (int i = 0; i < zeros; ++i) value = value << 1 | bit();
    *code = value - 1;
    return Result::ok;
  }

  // True when only the zero padding of the last byte is left.
  bool at_end() {
    if (bytes_.size() * 8 - at_ >= 8) return false;
    while (at_ < bytes_.size() * 8) {
      if (bit()) return false;
    }
    return true;
  }

 private:
  uint32_t bit() {
    const uint32_t value = bytes_[at_ / 8] >> (7 - at_ % 8) & 1u;
    ++at_;
    return value;
  }

  std::span<const uint8_t> bytes_;
  size_t at_ = 0;  // bits read
};

}  // namespace tessera::entropy
