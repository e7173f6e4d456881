// The reference kernels, in plain C++: what every vector kernel is held to.
#include <cstring>

#include "entropy/rans_kernels.h"

namespace tessera::entropy::detail {
namespace {

// What a slot stands for. bias and freq give the next state: freq * (x >> precision) + bias.
struct Found {
  uint32_t freq;
  uint32_t bias;  // slot - start of the symbol
  int32_t symbol;
  bool aside;
};

// The precision is a template parameter because x86 shifts by a constant cost a third of shifts by a
// variable.
template <int P>
struct DirectLookup {
  static constexpr int kPrecision = P;
  explicit DirectLookup(const DecodeView& v) : lut(v.direct), base(static_cast<uint32_t>(v.code_base)) {}
  Found operator()(size_t row, uint32_t slot) const {
    const uint32_t entry = lut[row << P | slot];
    const uint32_t code = entry >> 24;
    return {entry & 0xfff, entry >> 12 & 0xfff, static_cast<int32_t>(base + code),
            code == DecodeView::kAsideCode};
  }
  const uint32_t* lut;
  uint32_t base;
};

template <int P>
struct BucketLookup {
  static constexpr int kPrecision = P;
  explicit BucketLookup(const DecodeView& v) : view(v) {}
  Found operator()(size_t row, uint32_t slot) const {
    const uint16_t* buckets = view.buckets + (row << DecodeView::kBucketBits);
    const uint32_t* entry = view.starts + row * view.stride + buckets[slot >> (P - DecodeView::kBucketBits)];
    uint32_t freq = *entry >> 16;
    uint32_t bias = slot - (*entry & 0xffff);
    // Ends: the frequencies of a row sum to 2^precision > slot.
    while (bias >= freq) {
      bias -= freq;
      freq = *++entry >> 16;
    }
    const auto index = static_cast<uint32_t>(entry - (view.starts + row * view.stride));
    return {freq, bias, static_cast<int32_t>(static_cast<uint32_t>(view.min_symbol[row]) + index),
            index + 1 == view.entries[row]};
  }
  const DecodeView view;
};

// Little-endian on every machine; compilers make one load of it where that is possible.
uint32_t load_word(const uint8_t* p) { return static_cast<uint32_t>(p[0] | p[1] << 8); }

// Members are copies of the chunk's: a store to the output cannot then make the compiler load them again.
template <typename Lookup>
class ScalarDecoder {
 public:
  ScalarDecoder(const DecodeView& v, const Chunk& chunk)
      : lookup_(v),
        rows_(chunk.rows),
        n_(chunk.n),
        out_(chunk.out),
        aside_(chunk.aside),
        aside_count_(chunk.aside_count) {}

  // Whole steps without a bounds test a word; returns the position reached.
  template <size_t W>
  size_t run(RansState& state) {
    constexpr size_t kTogether = std::min<size_t>(W, 8);  // as many states as registers hold
    uint32_t x[W];
    std::memcpy(x, state.x, sizeof x);
    const uint8_t* next = state.next;
    size_t i = 0;
    for (; i + W <= n_ && state.end - next >= ptrdiff_t{2 * W}; i += W) {
      for (size_t group = 0; group < W; group += kTogether) {
#pragma GCC unroll 8
        for (size_t lane = group; lane < group + kTogether; ++lane) {
          const uint32_t y = symbol(x[lane], i + lane);
          // Masks, lest the compiler makes a branch of it that no predictor foresees.
          const uint32_t refill = 0u - static_cast<uint32_t>(y < kLowerBound);
          const uint32_t filled = y << kWordBits | load_word(next);
          x[lane] = y + ((filled - y) & refill);
          next += refill & 2;
        }
      }
    }
    std::memcpy(state.x, x, sizeof x);
    state.next = next;
    return i;
  }

  // Everything from position i on.
  bool finish(RansState& state, size_t i, size_t lanes) {
    for (; i < n_; ++i) {
      uint32_t& x = state.x[i % lanes];
      x = symbol(x, i);
      if (x >= kLowerBound) continue;
      if (state.end - state.next < 2) return false;
      x = x << kWordBits | load_word(state.next);
      state.next += 2;
    }
    return true;
  }

  size_t aside_count() const { return aside_count_; }

 private:
  // Takes symbol i off the state; the caller refills it.
  [[gnu::always_inline]] inline uint32_t symbol(uint32_t x, size_t i) {
    const uint32_t slot = x & ((1u << Lookup::kPrecision) - 1);
    const Found found = lookup_(rows_[i], slot);
    out_[i] = found.symbol;
    if (found.aside) [[unlikely]] {
      out_[i] = static_cast<int32_t>(slot);
      aside_[aside_count_++] = static_cast<uint16_t>(i);
    }
    return found.freq * (x >> Lookup::kPrecision) + found.bias;
  }

  Lookup lookup_;
  const uint8_t* rows_;
  size_t n_;
  int32_t* out_;
  uint16_t* aside_;
  size_t aside_count_;
};

template <size_t W, typename Lookup>
bool run_with(const DecodeView& view, RansState& state, Chunk& chunk, size_t done) {
  ScalarDecoder<Lookup> decoder(view, chunk);
  if constexpr (W > 0) done = decoder.template run<W>(state);
  const bool complete = decoder.finish(state, done, W > 0 ? W : kMaxLanes);
  chunk.aside_count = decoder.aside_count();
  return complete;
}

// W = 0: 32 lanes from position `done`, bounds tested before every word.
template <size_t W>
bool run(const DecodeView& view, RansState& state, Chunk& chunk, size_t done = 0) {
  const bool direct = view.direct != nullptr;
  switch (view.precision) {
    case 10:
      return direct ? run_with<W, DirectLookup<10>>(view, state, chunk, done)
                    : run_with<W, BucketLookup<10>>(view, state, chunk, done);
    case 11:
      return direct ? run_with<W, DirectLookup<11>>(view, state, chunk, done)
                    : run_with<W, BucketLookup<11>>(view, state, chunk, done);
    case 12:
      return direct ? run_with<W, DirectLookup<12>>(view, state, chunk, done)
                    : run_with<W, BucketLookup<12>>(view, state, chunk, done);
    case 13:
      return run_with<W, BucketLookup<13>>(view, state, chunk, done);
    case 14:
      return run_with<W, BucketLookup<14>>(view, state, chunk, done);
    case 15:
      return run_with<W, BucketLookup<15>>(view, state, chunk, done);
    default:
      return run_with<W, BucketLookup<16>>(view, state, chunk, done);
  }
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
bool decode_scalar_32_from(const DecodeView& view, RansState& state, Chunk& chunk, size_t i) {
  return i == chunk.n || run<0>(view, state, chunk, i);
}

}  // namespace tessera::entropy::detail
