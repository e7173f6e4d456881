// AVX2 kernels of the index model. Functions carry their target one by one, so that the file compiles for any x86-64.
#include "models/audio/index_tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

#define TESSERA_AVX2 __attribute__((target("avx2,bmi,bmi2")))

namespace tessera::models::audio::detail {
namespace {

// Eight rows at a time, V such vectors: the sums stay in registers. |w| <= 127: a pair's sum fits int32 whatever x is.
template <int V>
TESSERA_AVX2 void rows(const int8_t* weight, const int16_t* x, int64_t in, int64_t out, const int32_t* bias, const int32_t* shift, int32_t* y) {
  __m256i sum[V];
  for (int v = 0; v < V; ++v) sum[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bias + 8 * v));
  for (int64_t i = 0; i < in; i += 2, weight += 2 * out) {
    int32_t pair;
    std::memcpy(&pair, x + i, sizeof pair);
    const __m256i both = _mm256_set1_epi32(pair);
    for (int v = 0; v < V; ++v) {
      const __m256i w = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(weight + 16 * v)));
      sum[v] = _mm256_add_epi32(sum[v], _mm256_madd_epi16(w, both));
    }
  }
  for (int v = 0; v < V; ++v) {
    const __m256i s = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(shift + 8 * v));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 8 * v), _mm256_srav_epi32(sum[v], s));
  }
}

TESSERA_AVX2 void product(const int8_t* weight, const int16_t* x, int64_t in, int64_t out, const int32_t* bias, const int32_t* shift, int32_t* y) {
  int64_t o = 0;
  for (; o + 64 <= out; o += 64) rows<8>(weight + 2 * o, x, in, out, bias + o, shift + o, y + o);
  for (; o + 32 <= out; o += 32) rows<4>(weight + 2 * o, x, in, out, bias + o, shift + o, y + o);
  for (; o < out; o += 8) rows<1>(weight + 2 * o, x, in, out, bias + o, shift + o, y + o);
}

TESSERA_AVX2 inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

TESSERA_AVX2 inline uint32_t horizontal_sum(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return static_cast<uint32_t>(_mm_cvtsi128_si32(s));
}

TESSERA_AVX2 void distribution(const int32_t* logits, int64_t n, uint16_t* frequency) {
  __m256i top = load(logits);
  for (int64_t i = 8; i < n; i += 8) top = _mm256_max_epi32(top, load(logits + i));
  top = _mm256_max_epi32(top, _mm256_permute4x64_epi64(top, 0x4e));
  top = _mm256_max_epi32(top, _mm256_shuffle_epi32(top, 0x4e));
  top = _mm256_max_epi32(top, _mm256_shuffle_epi32(top, 0xb1));

  alignas(32) uint32_t weight[256];
  __m256i total = _mm256_setzero_si256();
  int64_t first = -1;  // the first of the largest, as std::max_element finds it
  for (int64_t i = 0; i < n; i += 8) {
    const __m256i x = load(logits + i);
    const auto equal = static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(x, top))));
    if (first < 0 && equal != 0) first = i + std::countr_zero(equal);
    const __m256i d = _mm256_min_epi32(_mm256_sub_epi32(top, x), _mm256_set1_epi32(31 * 256));
    const __m256i f = _mm256_and_si256(d, _mm256_set1_epi32(255));
    const __m256i slope = _mm256_sub_epi32(_mm256_set1_epi32(44032), _mm256_mullo_epi32(f, _mm256_set1_epi32(44)));
    const __m256i w = _mm256_sub_epi32(_mm256_set1_epi32(65536), _mm256_srli_epi32(_mm256_mullo_epi32(f, slope), 8));
    const __m256i power = _mm256_srlv_epi32(w, _mm256_srli_epi32(d, 8));
    _mm256_store_si256(reinterpret_cast<__m256i*>(weight + i), power);
    total = _mm256_add_epi32(total, power);
  }
  const uint32_t sum = horizontal_sum(total);
  const int bits = std::bit_width(sum);
  const auto scale = static_cast<uint32_t>((((uint64_t{1} << kProbabilityBits) - static_cast<uint64_t>(n)) << bits) / sum);
  const __m256i factor = _mm256_set1_epi32(static_cast<int32_t>(scale));
  const __m128i shift = _mm_cvtsi32_si128(bits);
  __m256i used = _mm256_setzero_si256();
  for (int64_t i = 0; i < n; i += 8) {
    const __m256i share = _mm256_srl_epi32(_mm256_mullo_epi32(load(weight + i), factor), shift);
    const __m256i f = _mm256_add_epi32(share, _mm256_set1_epi32(1));
    used = _mm256_add_epi32(used, f);
    const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(f), _mm256_extracti128_si256(f, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(frequency + i), packed);
  }
  const uint32_t rest = (uint32_t{1} << kProbabilityBits) - horizontal_sum(used);
  frequency[first] = static_cast<uint16_t>(frequency[first] + rest);
}

}  // namespace

const IndexKernels kAvx2IndexKernels = {product, distribution};

}  // namespace tessera::models::audio::detail
#endif
