// Range coder for symbols whose probabilities change with every symbol and whose sections are short (audio packets of some dozen bytes):
// one lane, no tables, an end that costs less than a byte. For large sections with fixed tables see rans.h.
//
// G. N. N. Martin, "Range encoding: an algorithm for removing redundancy from a digitised message" (1979), with the carry kept back in
// bytes. 32-bit range, renormalised by bytes when below 2^24. A symbol is an interval [start, start + frequency) of 2^precision; the
// topmost interval also gets what the division leaves.
//
// The end: of all values in the final interval the encoder takes the one with the most zero bytes at its end, and zero bytes at the end of a
// section are not stored; a decoder reads zeros beyond the last byte. So a section without symbols is empty, a section's last byte is
// never zero, and every sequence of symbols has exactly one section, which the decoder verifies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera::entropy {

inline constexpr int kMaxRangePrecision = 16;

class RangeEncoder {
 public:
  // precision in 1..kMaxRangePrecision, frequency >= 1, start + frequency <= 2^precision.
  void put(uint32_t start, uint32_t frequency, int precision) {
    const uint32_t unit = range_ >> precision;
    low_ += uint64_t{unit} * start;
    range_ = (start + frequency) >> precision ? range_ - unit * start : unit * frequency;
    while (range_ < kLow) {
      shift();
      range_ <<= 8;
    }
  }

  // The section; the encoder must not be used afterwards.
  std::vector<std::byte> finish() {
    // The interval is at least 2^24 long: it contains a value with three zero bytes, perhaps one with four.
    uint64_t value = (low_ + 0xffffffffu) >> 32 << 32;
    if (value - low_ >= range_) value = (low_ + (kLow - 1)) / kLow * kLow;
    low_ = value;
    for (int i = 0; i < 5; ++i) shift();
    while (!bytes_.empty() && bytes_.back() == std::byte{0}) bytes_.pop_back();
    return std::move(bytes_);
  }

 private:
  static constexpr uint32_t kLow = uint32_t{1} << 24;

  // Moves the top byte of low_ out. It may still grow by a carry, as may the bytes of 255 that follow it: they are held back.
  void shift() {
    const auto carry = static_cast<uint8_t>(low_ >> 32);
    if (carry != 0 || (low_ & 0xffffffffu) < 0xff000000u) {
      if (held_) bytes_.push_back(static_cast<std::byte>(static_cast<uint8_t>(cache_ + carry)));
      for (; pending_ > 0; --pending_) bytes_.push_back(static_cast<std::byte>(static_cast<uint8_t>(0xff + carry)));
      cache_ = static_cast<uint8_t>(low_ >> 24);
      held_ = true;
    } else {
      ++pending_;
    }
    low_ = (low_ & (kLow - 1)) << 8;
  }

  std::vector<std::byte> bytes_;
  uint64_t low_ = 0, pending_ = 0;  // low_ < 2^33: bit 32 is the carry
  uint32_t range_ = 0xffffffffu;
  uint8_t cache_ = 0;
  bool held_ = false;  // cache_ has a byte: not before the first, which no carry can reach
};

// Decodes any bytes whatsoever to some symbols, in constant time for each.
class RangeDecoder {
 public:
  explicit RangeDecoder(std::span<const std::byte> bytes) : bytes_(bytes) {
    for (int i = 0; i < 4; ++i) next();
    code_ = window_;
    outside_ = code_ == range_;
  }

  // A number in 0..2^precision - 1, inside of the next symbol's interval.
  uint32_t slot(int precision) {
    unit_ = range_ >> precision;
    const uint32_t slot = code_ / unit_, last = (uint32_t{1} << precision) - 1;
    return slot < last ? slot : last;
  }

  // The interval that the number was in.
  void advance(uint32_t start, uint32_t frequency, int precision) {
    code_ -= unit_ * start;
    range_ = (start + frequency) >> precision ? range_ - unit_ * start : unit_ * frequency;
    while (range_ < kLow) {
      code_ = code_ << 8 | next();
      range_ <<= 8;
    }
  }

  // After the last symbol: true when an encoder writes exactly these bytes for these symbols.
  bool at_end() const {
    if (at_ < bytes_.size() || outside_ || (!bytes_.empty() && bytes_.back() == std::byte{0})) return false;
    // The interval's low end, but for the bytes already passed; RangeEncoder::finish() chooses from it.
    const uint32_t low = window_ - code_;
    const bool whole = low == 0 || uint64_t{low} + range_ > uint64_t{1} << 32;
    return window_ == (whole ? 0 : (low + (kLow - 1)) / kLow * kLow);
  }

 private:
  static constexpr uint32_t kLow = uint32_t{1} << 24;

  uint8_t next() {
    const size_t i = at_++;
    const auto byte = i < bytes_.size() ? static_cast<uint8_t>(bytes_[i]) : uint8_t{0};
    window_ = window_ << 8 | byte;
    return byte;
  }

  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  uint32_t window_ = 0;  // the last four bytes
  uint32_t code_ = 0, range_ = 0xffffffffu, unit_ = 0;  // code_ < range_ unless outside_
  bool outside_ = false;  // the code begins with the one number beyond the first interval
};

}  // namespace tessera::entropy
