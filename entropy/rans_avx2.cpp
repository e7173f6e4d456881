// AVX2 kernel: the 32 lanes are four vectors of 8. As in rans_avx512.cpp, functions carry their target one by
// one.
#include "entropy/rans_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <array>
#include <bit>
#include <cstring>

#define TESSERA_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

namespace tessera::entropy::detail {
namespace {

struct Permutations {
  alignas(32) std::array<std::array<uint8_t, 8>, 256> expand{};
};

constexpr Permutations make_permutations() {
  Permutations p;
  for (size_t m = 0; m < 256; ++m) {
    uint8_t k = 0;
    for (uint8_t bit = 0; bit < 8; ++bit) {
      if (!(m >> bit & 1)) continue;
      p.expand[m][bit] = k++;
    }
  }
  return p;
}

// 2 KiB, made by the compiler; widened to 32 bits when loaded.
constexpr Permutations kPermutations = make_permutations();

[[gnu::always_inline]] TESSERA_AVX2 inline __m256i load_permutation(const std::array<uint8_t, 8>& p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p.data())));
}

[[gnu::always_inline]] TESSERA_AVX2 inline uint32_t lane_mask(__m256i v) {
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(v)));
}

[[gnu::always_inline]] TESSERA_AVX2 inline __m256i gather(const void* base, __m256i index) {
  return _mm256_i32gather_epi32(static_cast<const int*>(base), index, 4);
}

struct Lookup8 {
  __m256i freq;
  __m256i bias;
  __m256i symbol;
  __m256i aside;  // all ones in the lanes concerned
};

// The two lookups of DecodeView, eight slots at a time.
struct DirectAvx2 {
  TESSERA_AVX2 explicit DirectAvx2(const DecodeView& v)
      : lut(v.direct), shift(_mm_cvtsi32_si128(v.precision)), base(_mm256_set1_epi32(v.code_base)) {}

  [[gnu::always_inline]] TESSERA_AVX2 inline Lookup8 operator()(__m256i rows, __m256i slot) const {
    const __m256i entry = gather(lut, _mm256_or_si256(_mm256_sll_epi32(rows, shift), slot));
    const __m256i field = _mm256_set1_epi32(0xfff);
    const __m256i code = _mm256_srli_epi32(entry, 24);
    return {_mm256_and_si256(entry, field), _mm256_and_si256(_mm256_srli_epi32(entry, 12), field),
            _mm256_add_epi32(code, base),
            _mm256_cmpeq_epi32(code, _mm256_set1_epi32(DecodeView::kAsideCode))};
  }

  const uint32_t* lut;
  __m128i shift;
  __m256i base;
};

struct BucketAvx2 {
  TESSERA_AVX2 explicit BucketAvx2(const DecodeView& v)
      : view(v),
        row_shift(_mm_cvtsi32_si128(DecodeView::kBucketBits)),
        slot_shift(_mm_cvtsi32_si128(v.precision - DecodeView::kBucketBits)) {}

  [[gnu::always_inline]] TESSERA_AVX2 inline Lookup8 operator()(__m256i rows, __m256i slot) const {
    const __m256i low = _mm256_set1_epi32(0xffff);
    const __m256i bucket =
        _mm256_or_si256(_mm256_sll_epi32(rows, row_shift), _mm256_srl_epi32(slot, slot_shift));
    __m256i index =
        _mm256_and_si256(_mm256_i32gather_epi32(reinterpret_cast<const int*>(view.buckets), bucket, 2), low);
    const __m256i first = _mm256_mullo_epi32(rows, _mm256_set1_epi32(static_cast<int>(view.stride)));
    __m256i entry = gather(view.starts, _mm256_add_epi32(first, index));
    __m256i freq = _mm256_srli_epi32(entry, 16);
    __m256i bias = _mm256_sub_epi32(slot, _mm256_and_si256(entry, low));
    // Both sides are below 2^17, so the signed comparison serves. Lanes that have their symbol add zero.
    for (__m256i done; lane_mask(done = _mm256_cmpgt_epi32(freq, bias)) != 0xff;) {
      index = _mm256_add_epi32(index, _mm256_add_epi32(done, _mm256_set1_epi32(1)));
      entry = gather(view.starts, _mm256_add_epi32(first, index));
      freq = _mm256_srli_epi32(entry, 16);
      bias = _mm256_sub_epi32(slot, _mm256_and_si256(entry, low));
    }
    const __m256i stop = _mm256_add_epi32(_mm256_and_si256(entry, low), freq);
    return {freq, bias, _mm256_add_epi32(gather(view.min_symbol, rows), index),
            _mm256_cmpeq_epi32(stop, _mm256_set1_epi32(1 << view.precision))};
  }

  const DecodeView view;
  __m128i row_shift;
  __m128i slot_shift;
};

template <typename Lookup>
struct Avx2Decoder {
  // Decodes 8 symbols from chunk position i and refills the lanes that need a word, in lane order.
  [[gnu::always_inline]] TESSERA_AVX2 inline __m256i step(__m256i x, const uint8_t* rows, size_t i,
                                                          const uint8_t*& next) {
    const __m256i row = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(rows + i)));
    const __m256i slot = _mm256_and_si256(x, mask);
    const Lookup8 found = lookup(row, slot);
    x = _mm256_add_epi32(_mm256_mullo_epi32(_mm256_srl_epi32(x, shift), found.freq), found.bias);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm256_blendv_epi8(found.symbol, slot, found.aside));
    // Rarely entered, and ascending as the raw bits are.
    for (uint32_t left = lane_mask(found.aside); left != 0; left &= left - 1) {
      aside[aside_count++] = static_cast<uint16_t>(i + static_cast<size_t>(std::countr_zero(left)));
    }
    // Unsigned x < L: no bit above the word is set.
    const __m256i refill = _mm256_cmpeq_epi32(_mm256_srli_epi32(x, kWordBits), _mm256_setzero_si256());
    const uint32_t refilled = lane_mask(refill);
    // The next eight words, of which the k-th lane to be refilled takes the k-th.
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(next)));
    next += 2 * _mm_popcnt_u32(refilled);
    const __m256i spread =
        _mm256_permutevar8x32_epi32(words, load_permutation(kPermutations.expand[refilled]));
    return _mm256_blendv_epi8(x, _mm256_or_si256(_mm256_slli_epi32(x, kWordBits), spread), refill);
  }

  // Whole steps of 32 while a step's reads stay below `stop`; returns the position reached. Four vectors hide
  // each other's latencies; only the place of the next word runs through all of them.
  [[gnu::always_inline]] TESSERA_AVX2 inline size_t run(RansState& state, const Chunk& chunk, size_t i,
                                                        const uint8_t* stop) {
    auto* lanes = reinterpret_cast<__m256i*>(state.x);
    __m256i x0 = lanes[0], x1 = lanes[1], x2 = lanes[2], x3 = lanes[3];
    const uint8_t* next = state.next;
    for (; i + kMaxLanes <= chunk.n && stop - next >= kStepBytes; i += kMaxLanes) {
      x0 = step(x0, chunk.rows, i, next);
      x1 = step(x1, chunk.rows, i + 8, next);
      x2 = step(x2, chunk.rows, i + 16, next);
      x3 = step(x3, chunk.rows, i + 24, next);
    }
    lanes[0] = x0, lanes[1] = x1, lanes[2] = x2, lanes[3] = x3;
    state.next = next;
    return i;
  }

  Lookup lookup;
  __m256i mask;
  __m128i shift;
  int32_t* out;
  uint16_t* aside;
  size_t aside_count;
};

template <typename Lookup>
[[gnu::always_inline]] TESSERA_AVX2 inline bool decode_with(const DecodeView& view, RansState& state,
                                                            Chunk& chunk) {
  Avx2Decoder<Lookup> decoder{Lookup(view),
                              _mm256_set1_epi32((1 << view.precision) - 1),
                              _mm_cvtsi32_si128(view.precision),
                              chunk.out,
                              chunk.aside,
                              0};
  size_t done = decoder.run(state, chunk, 0, state.end);
  // As in the AVX-512 kernel: the last words in front of zeros, then fewer than 32 symbols one by one.
  const bool complete = run_padded(
      state, [&](const uint8_t* stop) TESSERA_AVX2 { done = decoder.run(state, chunk, done, stop); });
  chunk.aside_count = decoder.aside_count;
  return complete && decode_scalar_32_from(view, state, chunk, done);
}

}  // namespace

TESSERA_AVX2 bool decode_avx2_32(const DecodeView& view, RansState& state, Chunk& chunk) {
  return view.direct ? decode_with<DirectAvx2>(view, state, chunk)
                     : decode_with<BucketAvx2>(view, state, chunk);
}

TESSERA_AVX2 Compaction compact_rows_bmi2(std::span<const uint8_t> rows, int skip_below, uint8_t* out,
                                          size_t capacity) {
  const __m128i skip = _mm_set1_epi8(static_cast<char>(skip_below));
  size_t coded = 0;
  size_t i = 0;
  for (; i + 8 <= rows.size() && coded + 8 <= capacity; i += 8) {
    const __m128i r = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(rows.data() + i));
    // r >= skip, unsigned: the maximum of both is r.
    const auto keep = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_cmpeq_epi8(_mm_max_epu8(r, skip), r)));
    // pext gathers the kept bytes at the low end: eight rows a step without a table.
    const uint64_t packed = _pext_u64(static_cast<uint64_t>(_mm_cvtsi128_si64(r)), keep);
    std::memcpy(out + coded, &packed, sizeof packed);
    coded += static_cast<size_t>(std::popcount(keep)) / 8;
  }
  // The last few, and where fewer than eight places are left.
  const Compaction rest = compact_rows_scalar(rows.subspan(i), skip_below, out + coded, capacity - coded);
  return {i + rest.consumed, coded + rest.coded};
}

TESSERA_AVX2 void expand_symbols_avx2(std::span<const uint8_t> rows, int skip_below, const int32_t* coded,
                                      int32_t* out) {
  const __m128i skip = _mm_set1_epi8(static_cast<char>(skip_below));
  size_t i = 0;
  for (; i + 8 <= rows.size(); i += 8) {
    const __m128i r = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(rows.data() + i));
    const __m128i keep = _mm_cmpeq_epi8(_mm_max_epu8(r, skip), r);
    const uint32_t kept = static_cast<uint32_t>(_mm_movemask_epi8(keep)) & 0xff;
    const __m256i symbols = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(coded));
    const __m256i spread = _mm256_permutevar8x32_epi32(symbols, load_permutation(kPermutations.expand[kept]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm256_and_si256(spread, _mm256_cvtepi8_epi32(keep)));
    coded += std::popcount(kept);
  }
  expand_symbols_scalar(rows.subspan(i), skip_below, coded, out + i);
}

}  // namespace tessera::entropy::detail
#endif
