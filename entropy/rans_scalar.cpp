// The reference kernels, in plain C++: what every vector kernel is held to.
#include <cstring>

#include "entropy/rans_kernels.h"

namespace tessera::entropy::detail {
namespace {

struct Found {
  uint32_t freq;
  uint32_t bias;  // slot - start of the symbol
  int32_t symbol;
  bool aside;
};

struct DirectLookup {
  explicit DirectLookup(const DecodeView& v)
      : lut(v.direct), precision(v.precision), base(static_cast<uint32_t>(v.code_base)) {}
  Found operator()(size_t row, uint32_t slot) const {
    const uint32_t entry = lut[row << precision | slot];
    const uint32_t code = entry >> 24;
    return {entry & 0xfff, entry >> 12 & 0xfff, static_cast<int32_t>(base + code),
            code == DecodeView::kAsideCode};
  }
  const uint32_t* lut;
  int precision;
  uint32_t base;
};

struct BucketLookup {
  explicit BucketLookup(const DecodeView& v) : view(v), shift(v.precision - v.bucket_bits) {}
  Found operator()(size_t row, uint32_t slot) const {
    uint32_t index = view.buckets[row << view.bucket_bits | slot >> shift];
    const uint32_t* starts = view.starts + row * view.stride;
    uint32_t freq = starts[index] >> 16;
    uint32_t bias = slot - (starts[index] & 0xffff);
    // Ends: the frequencies of a row sum to 2^precision > slot.
    while (bias >= freq) {
      bias -= freq;
      freq = starts[++index] >> 16;
    }
    return {freq, bias, static_cast<int32_t>(static_cast<uint32_t>(view.min_symbol[row]) + index),
            index + 1 == view.entries[row]};
  }
  const DecodeView view;
  int shift;
};

uint32_t load_word(const uint8_t* p) { return static_cast<uint32_t>(p[0] | p[1] << 8); }

template <typename Lookup>
class ScalarDecoder {
 public:
  ScalarDecoder(const DecodeView& v, Chunk& chunk)
      : lookup_(v), precision_(v.precision), mask_((1u << v.precision) - 1), chunk_(chunk) {}

  // The new state before renormalisation; the symbol goes to out[i].
  uint32_t symbol(uint32_t x, size_t i) {
    const uint32_t slot = x & mask_;
    const Found found = lookup_(chunk_.rows[i], slot);
    chunk_.out[i] = found.symbol;
    if (found.aside) [[unlikely]] {
      chunk_.out[i] = static_cast<int32_t>(slot);
      chunk_.aside[chunk_.aside_count++] = static_cast<uint16_t>(i);
    }
    return found.freq * (x >> precision_) + found.bias;
  }

  template <int W>
  bool run(RansState& state) {
    uint32_t x[W];
    std::memcpy(x, state.x, sizeof x);
    const uint8_t* next = state.next;
    size_t i = 0;
    // A step takes W words at most: one bounds test a step while so many are left.
    for (; i + W <= chunk_.n && state.end - next >= 2 * W; i += W) {
#pragma GCC unroll 4
      for (size_t lane = 0; lane < W; ++lane) {
        const uint32_t y = symbol(x[lane], i + lane);
        const bool refill = y < kLowerBound;
        const uint32_t filled = y << kWordBits | load_word(next);
        x[lane] = refill ? filled : y;
        next += refill ? 2 : 0;
      }
    }
    std::memcpy(state.x, x, sizeof x);
    state.next = next;
    return run_checked<W>(state, i);
  }

 private:
  template <int W>
  bool run_checked(RansState& state, size_t i) {
    for (; i < chunk_.n; ++i) {
      uint32_t& x = state.x[i % W];
      x = symbol(x, i);
      if (x >= kLowerBound) continue;
      if (state.end - state.next < 2) return false;
      x = x << kWordBits | load_word(state.next);
      state.next += 2;
    }
    return true;
  }

  Lookup lookup_;
  int precision_;
  uint32_t mask_;
  Chunk& chunk_;
};

template <int W>
bool run(const DecodeView& view, RansState& state, Chunk& chunk) {
  if (view.direct) return ScalarDecoder<DirectLookup>(view, chunk).template run<W>(state);
  return ScalarDecoder<BucketLookup>(view, chunk).template run<W>(state);
}

}  // namespace

bool decode_scalar_1(const DecodeView& view, RansState& state, Chunk& chunk) {
  return run<1>(view, state, chunk);
}
bool decode_scalar_4(const DecodeView& view, RansState& state, Chunk& chunk) {
  return run<4>(view, state, chunk);
}
bool decode_scalar_32(const DecodeView& view, RansState& state, Chunk& chunk) {
  return run<32>(view, state, chunk);
}

}  // namespace tessera::entropy::detail
