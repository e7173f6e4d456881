#include <algorithm>
#include <bit>

#include "entropy/rans.h"
#include "models/audio/index_tables.h"

namespace tessera::models::audio::detail {
namespace {

void product(const int8_t* weight, const int16_t* x, int64_t in, int64_t out, const int32_t* bias, const int32_t* shift, int32_t* y) {
  std::copy_n(bias, out, y);
  for (int64_t i = 0; i < in; i += 2, weight += 2 * out) {
    for (int64_t o = 0; o < out; ++o) y[o] += weight[2 * o] * x[i] + weight[2 * o + 1] * x[i + 1];
  }
  for (int64_t o = 0; o < out; ++o) y[o] >>= shift[o];
}

void distribution(const int32_t* logits, int64_t n, uint16_t* frequency) {
  const int32_t* const top = std::max_element(logits, logits + n);
  uint32_t weight[256], sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += weight[i] = power(static_cast<uint32_t>(*top - logits[i]));
  // 2^16 <= sum <= 2^24; weight * scale < 2^32.
  const int bits = std::bit_width(sum);
  const auto scale = static_cast<uint32_t>((((uint64_t{1} << kProbabilityBits) - static_cast<uint64_t>(n)) << bits) / sum);
  uint32_t rest = uint32_t{1} << kProbabilityBits;
  for (int64_t i = 0; i < n; ++i) rest -= frequency[i] = static_cast<uint16_t>(1 + (weight[i] * scale >> bits));
  // What the rounding left goes to the likeliest.
  frequency[top - logits] = static_cast<uint16_t>(frequency[top - logits] + rest);
}

}  // namespace

const IndexKernels kScalarIndexKernels = {product, distribution};

const IndexKernels& best_index_kernels() {
#if defined(__x86_64__)
  if (entropy::simd_level() >= entropy::Simd::avx2) return kAvx2IndexKernels;
#endif
  return kScalarIndexKernels;
}

}  // namespace tessera::models::audio::detail
