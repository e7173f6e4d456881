// AVX-512 kernel: the 32 lanes are two vectors of 16. Functions are compiled for the instruction set one by
// one, so that no inline function of a header can leak AVX-512 code into a program that runs elsewhere.
#include "entropy/rans_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#define TESSERA_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,bmi,bmi2,popcnt")))

namespace tessera::entropy::detail {
namespace {

// A gather into a zeroed register. The plain intrinsic leaves the destination's old value as an input, which
// would chain the two halves of a step to each other.
[[gnu::always_inline]] TESSERA_AVX512 inline __m512i gather(const void* base, __m512i index) {
  return _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), 0xffff, index, base, 4);
}

struct Lookup16 {
  __m512i freq;
  __m512i bias;
  __m512i symbol;
  __mmask16 aside;
};

// The two lookups of DecodeView, sixteen slots at a time.
struct DirectAvx512 {
  TESSERA_AVX512 explicit DirectAvx512(const DecodeView& v)
      : lut(v.direct), shift(_mm_cvtsi32_si128(v.precision)), base(_mm512_set1_epi32(v.code_base)) {}

  [[gnu::always_inline]] TESSERA_AVX512 inline Lookup16 operator()(__m512i rows, __m512i slot) const {
    const __m512i index = _mm512_or_si512(_mm512_sll_epi32(rows, shift), slot);
    const __m512i entry = gather(lut, index);
    const __m512i field = _mm512_set1_epi32(0xfff);
    const __m512i code = _mm512_srli_epi32(entry, 24);
    return {_mm512_and_si512(entry, field), _mm512_and_si512(_mm512_srli_epi32(entry, 12), field),
            _mm512_add_epi32(code, base),
            _mm512_cmpeq_epi32_mask(code, _mm512_set1_epi32(DecodeView::kAsideCode))};
  }

  const uint32_t* lut;
  __m128i shift;
  __m512i base;
};

struct BucketAvx512 {
  TESSERA_AVX512 explicit BucketAvx512(const DecodeView& v)
      : view(v),
        row_shift(_mm_cvtsi32_si128(DecodeView::kBucketBits)),
        slot_shift(_mm_cvtsi32_si128(v.precision - DecodeView::kBucketBits)) {}

  [[gnu::always_inline]] TESSERA_AVX512 inline Lookup16 operator()(__m512i rows, __m512i slot) const {
    const __m512i low = _mm512_set1_epi32(0xffff);
    const __m512i bucket =
        _mm512_or_si512(_mm512_sll_epi32(rows, row_shift), _mm512_srl_epi32(slot, slot_shift));
    __m512i index = _mm512_and_si512(
        _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), 0xffff, bucket, view.buckets, 2), low);
    const __m512i first = _mm512_mullo_epi32(rows, _mm512_set1_epi32(static_cast<int>(view.stride)));
    __m512i entry = gather(view.starts, _mm512_add_epi32(first, index));
    __m512i freq = _mm512_srli_epi32(entry, 16);
    __m512i bias = _mm512_sub_epi32(slot, _mm512_and_si512(entry, low));
    // Few lanes straddle a symbol boundary inside of their bucket; those look on, the others wait.
    for (__mmask16 more; (more = _mm512_cmpge_epu32_mask(bias, freq)) != 0;) {
      index = _mm512_mask_add_epi32(index, more, index, _mm512_set1_epi32(1));
      entry = _mm512_mask_i32gather_epi32(entry, more, _mm512_add_epi32(first, index), view.starts, 4);
      freq = _mm512_srli_epi32(entry, 16);
      bias = _mm512_sub_epi32(slot, _mm512_and_si512(entry, low));
    }
    const __m512i minimum = gather(view.min_symbol, rows);
    // The escape is the last symbol of its row: it alone ends at 2^precision.
    const __m512i stop = _mm512_add_epi32(_mm512_and_si512(entry, low), freq);
    return {freq, bias, _mm512_add_epi32(minimum, index),
            _mm512_cmpeq_epi32_mask(stop, _mm512_set1_epi32(1 << view.precision))};
  }

  const DecodeView view;
  __m128i row_shift;
  __m128i slot_shift;
};

template <typename Lookup>
struct Avx512Decoder {
  // Decodes 16 symbols from chunk position i and refills the lanes that need a word, in lane order.
  [[gnu::always_inline]] TESSERA_AVX512 inline __m512i step(__m512i x, const uint8_t* rows, size_t i,
                                                            const uint8_t*& next) {
    const __m512i row = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + i)));
    const __m512i slot = _mm512_and_si512(x, mask);
    const Lookup16 found = lookup(row, slot);
    x = _mm512_add_epi32(_mm512_mullo_epi32(_mm512_srl_epi32(x, shift), found.freq), found.bias);
    _mm512_storeu_si512(out + i, _mm512_mask_mov_epi32(found.symbol, found.aside, slot));
    // Compressed in a register: compressing stores are slow on some processors.
    if (found.aside != 0) [[unlikely]] {
      const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
      const __m512i position = _mm512_add_epi32(lane, _mm512_set1_epi32(static_cast<int>(i)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(aside + aside_count),
                          _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(found.aside, position)));
      aside_count += static_cast<size_t>(_mm_popcnt_u32(found.aside));
    }
    // The k-th lane below L takes the k-th of the next words: expand does just that.
    const __mmask16 refill = _mm512_cmplt_epu32_mask(x, _mm512_set1_epi32(kLowerBound));
    const __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(next)));
    next += 2 * _mm_popcnt_u32(refill);
    const __m512i filled =
        _mm512_or_si512(_mm512_slli_epi32(x, kWordBits), _mm512_maskz_expand_epi32(refill, words));
    return _mm512_mask_mov_epi32(x, refill, filled);
  }

  // Whole steps of 32 while a step's reads stay below `stop`; returns the position reached.
  [[gnu::always_inline]] TESSERA_AVX512 inline size_t run(RansState& state, const Chunk& chunk, size_t i,
                                                          const uint8_t* stop) {
    __m512i low = _mm512_load_si512(state.x);
    __m512i high = _mm512_load_si512(state.x + 16);
    const uint8_t* next = state.next;
    for (; i + kMaxLanes <= chunk.n && stop - next >= kStepBytes; i += kMaxLanes) {
      low = step(low, chunk.rows, i, next);
      high = step(high, chunk.rows, i + 16, next);
    }
    _mm512_store_si512(state.x, low);
    _mm512_store_si512(state.x + 16, high);
    state.next = next;
    return i;
  }

  Lookup lookup;
  __m512i mask;
  __m128i shift;
  int32_t* out;
  uint16_t* aside;
  size_t aside_count;
};

template <typename Lookup>
[[gnu::always_inline]] TESSERA_AVX512 inline bool decode_with(const DecodeView& view, RansState& state,
                                                              Chunk& chunk) {
  Avx512Decoder<Lookup> decoder{Lookup(view),
                                _mm512_set1_epi32((1 << view.precision) - 1),
                                _mm_cvtsi32_si128(view.precision),
                                chunk.out,
                                chunk.aside,
                                0};
  size_t done = decoder.run(state, chunk, 0, state.end);
  // The last words, too few for a whole step's loads, are moved in front of zeros: the vector loop goes on.
  const bool complete = run_padded(
      state, [&](const uint8_t* stop) TESSERA_AVX512 { done = decoder.run(state, chunk, done, stop); });
  chunk.aside_count = decoder.aside_count;
  return complete && decode_scalar_32_from(view, state, chunk, done);
}

}  // namespace

TESSERA_AVX512 bool decode_avx512_32(const DecodeView& view, RansState& state, Chunk& chunk) {
  return view.direct ? decode_with<DirectAvx512>(view, state, chunk)
                     : decode_with<BucketAvx512>(view, state, chunk);
}

TESSERA_AVX512 void expand_symbols_avx512(std::span<const uint8_t> rows, int skip_below, const int32_t* coded,
                                          int32_t* out) {
  const __m128i skip = _mm_set1_epi8(static_cast<char>(skip_below));
  size_t i = 0;
  for (; i + 16 <= rows.size(); i += 16) {
    const __m128i r = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows.data() + i));
    const __mmask16 is_coded = _mm_cmpge_epu8_mask(r, skip);
    // The load may go beyond the coded symbols, into the buffer's slack; the expansion does not take that.
    _mm512_storeu_si512(out + i, _mm512_maskz_expand_epi32(is_coded, _mm512_loadu_si512(coded)));
    coded += _mm_popcnt_u32(is_coded);
  }
  expand_symbols_scalar(rows.subspan(i), skip_below, coded, out + i);
}

}  // namespace tessera::entropy::detail
#endif
