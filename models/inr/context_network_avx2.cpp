// The context network's AVX2 kernel: outputs in lanes, pairs of inputs by one instruction. The function carries its target, so that the
// file compiles for any x86-64.
#include "models/inr/context_network.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#define TESSERA_AVX2 __attribute__((target("avx2")))

namespace tessera::models::inr {
namespace {

TESSERA_AVX2 inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

// V vectors of eight outputs; writes 8 V clamped int16, and zeros up to 16.
template <int V>
TESSERA_AVX2 inline void hidden_layer(const int16_t* weight, const int32_t* bias, int shift, int inputs, const int16_t* x, int16_t* y) {
  __m256i sum[V];
  for (int v = 0; v < V; ++v) sum[v] = load(bias + 8 * v);
  for (int i = 0; i < inputs; i += 2, weight += 16 * V) {
    int32_t pair;
    std::memcpy(&pair, x + i, sizeof pair);
    const __m256i both = _mm256_set1_epi32(pair);
    for (int v = 0; v < V; ++v) sum[v] = _mm256_add_epi32(sum[v], _mm256_madd_epi16(load(weight + 16 * v), both));
  }
  const __m128i count = _mm_cvtsi32_si128(shift);
  for (int v = 0; v < V; v += 2) {
    const __m256i a = _mm256_sra_epi32(sum[v], count);
    const __m256i b = v + 1 < V ? _mm256_sra_epi32(sum[v + 1], count) : _mm256_setzero_si256();
    // Packing saturates at 32767, and works within halves.
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + 8 * v), _mm256_max_epi16(packed, _mm256_setzero_si256()));
  }
}

TESSERA_AVX2 inline int32_t horizontal_sum(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}

template <int V>
TESSERA_AVX2 void predict(const ContextTables& t, int16_t* x, int32_t scale_bias, int32_t out[2]) {
  alignas(32) int16_t hidden[kMaxWidth];
  hidden_layer<V>(t.first.data(), t.bias.data(), t.shift[0], t.inputs, x, hidden);
  hidden_layer<V>(t.second.data(), t.bias.data() + t.width, t.shift[1], t.width, hidden, x + t.padded);
  const size_t room = t.last.size() / 2;
  __m256i mean = _mm256_setzero_si256(), scale = _mm256_setzero_si256();
  for (size_t i = 0; i < room; i += 16) {
    const __m256i v = load(x + i);
    mean = _mm256_add_epi32(mean, _mm256_madd_epi16(v, load(t.last.data() + i)));
    scale = _mm256_add_epi32(scale, _mm256_madd_epi16(v, load(t.last.data() + room + i)));
  }
  out[0] = (horizontal_sum(mean) + t.last_bias[0]) >> t.shift[2];
  out[1] = (horizontal_sum(scale) + t.last_bias[1] + scale_bias) >> t.shift[2];
}

}  // namespace

void predict_avx2(const ContextTables& t, int16_t* x, int32_t scale_bias, int32_t out[2]) {
  switch (t.width / 8) {
    case 1: return predict<1>(t, x, scale_bias, out);
    case 2: return predict<2>(t, x, scale_bias, out);
    case 3: return predict<3>(t, x, scale_bias, out);
    default: return predict<4>(t, x, scale_bias, out);
  }
}

}  // namespace tessera::models::inr
#endif
