#include "models/inr/video/video_kernels.h"

#include "models/inr/wide.h"

namespace tessera::models::inr {
namespace {

static_assert(kRowBlock == kBlock && kRowMargin >= 2);

// Tiles of the convolution: fours of outputs, vectors of positions. Their sums fill the registers and do not spill.
struct Plain : Vector16 {
  static constexpr int kLanes = 4, kFours = 1, kVectors = 2;
};
struct Avx2 : Vector32 {
  static constexpr int kLanes = 8, kFours = 1, kVectors = 2;
};
struct Avx512 : Vector64 {
  static constexpr int kLanes = 16, kFours = 2, kVectors = 2;
};

template <class Set>
TESSERA_INLINE typename Set::F load(const float* p) {
  typename Set::F v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class Set>
TESSERA_INLINE void store(float* p, const typename Set::F& v) { std::memcpy(p, &v, sizeof v); }

// sin x for |x| below some thousands, absolute error about 1e-6: the nearest multiple of pi, then a polynomial of degree 11.
template <class Set>
TESSERA_INLINE typename Set::F sin_of(const typename Set::F& x) {
  using F = typename Set::F;
  using I = typename Set::I;
  const F t = x * 0.318309886f, half = F{} + 0.5f;
  const I n = __builtin_convertvector(t + choose<Set>(t >= F{}, half, -half), I);
  const F k = __builtin_convertvector(n, F);
  const F r = ((x - k * 3.140625f) - k * 9.67502593994140625e-4f) - k * 1.509957990978376432e-7f;
  const F z = r * r;
  F p = F{} - 2.50521084e-8f;
  p = p * z + 2.75573192e-6f;
  p = p * z - 1.98412698e-4f;
  p = p * z + 8.33333333e-3f;
  p = p * z - 1.66666667e-1f;
  const F s = r + r * z * p;
  // The sign changes with every odd multiple.
  return reinterpret_cast<F>(reinterpret_cast<I>(s) ^ (n << 31));
}

// kFours times 4 outputs.
template <class Set, int kKernel, int kFours>
TESSERA_INLINE void convolve_tile(const float* const* rows, int inputs, const float* weights, const float* bias, int64_t width, float* const* out) {
  using F = typename Set::F;
  constexpr int kVectors = Set::kVectors;
  const int64_t each = int64_t{4} * inputs * kKernel * kKernel;  // weights of a four
  for (int64_t x = 0; x < width; x += kVectors * Set::kLanes) {
    F sum[4 * kFours][kVectors];
    for (int o = 0; o < 4 * kFours; ++o) {
      for (int b = 0; b < kVectors; ++b) sum[o][b] = F{} + bias[o];
    }
    const float* w = weights;
    for (int r = 0; r < inputs * kKernel; ++r) {
      const float* const row = rows[r] + x - kKernel / 2;
      for (int kx = 0; kx < kKernel; ++kx, w += 4) {
        F in[kVectors];
        for (int b = 0; b < kVectors; ++b) in[b] = load<Set>(row + kx + b * Set::kLanes);
        for (int o = 0; o < 4 * kFours; ++o) {
          const float weight = w[o / 4 * each + o % 4];
          for (int b = 0; b < kVectors; ++b) sum[o][b] += in[b] * weight;
        }
      }
    }
    for (int o = 0; o < 4 * kFours; ++o) {
      for (int b = 0; b < kVectors; ++b) store<Set>(out[o] + x + b * Set::kLanes, sum[o][b]);
    }
  }
}

template <class Set, int kKernel>
TESSERA_INLINE void convolve_of(const float* const* rows, int inputs, const float* weights, const float* bias, int64_t width, int outputs, float* const* out) {
  constexpr int kOutputs = 4 * Set::kFours;
  const int64_t each = int64_t{inputs} * kKernel * kKernel;
  int o = 0;
  for (; o + kOutputs <= outputs; o += kOutputs) convolve_tile<Set, kKernel, Set::kFours>(rows, inputs, weights + o * each, bias + o, width, out + o);
  if constexpr (Set::kFours > 1) {
    for (; o < outputs; o += 4) convolve_tile<Set, kKernel, 1>(rows, inputs, weights + o * each, bias + o, width, out + o);
  }
}

template <class Set>
TESSERA_INLINE void convolve_loop(const float* const* rows, int inputs, int kernel, const float* weights, const float* bias, int64_t width, int outputs, float* const* out) {
  if (kernel == 1) return convolve_of<Set, 1>(rows, inputs, weights, bias, width, outputs, out);
  if (kernel == 3) return convolve_of<Set, 3>(rows, inputs, weights, bias, width, outputs, out);
  convolve_of<Set, 5>(rows, inputs, weights, bias, width, outputs, out);
}

template <class Set>
TESSERA_INLINE void depthwise_loop(const float* const rows[3], const float* weights, float bias, int64_t width, float* out) {
  using F = typename Set::F;
  for (int64_t x = 0; x < width; x += Set::kLanes) {
    F sum = F{} + bias;
    for (int r = 0; r < 3; ++r) {
      for (int k = 0; k < 3; ++k) sum += load<Set>(rows[r] + x + k - 1) * weights[3 * r + k];
    }
    store<Set>(out + x, sum);
  }
}

template <class Set>
TESSERA_INLINE void activate_loop(float* values, int64_t width, float scale, float shift, bool sine) {
  using F = typename Set::F;
  for (int64_t x = 0; x < width; x += Set::kLanes) {
    const F v = load<Set>(values + x) * (1 + scale) + shift;
    store<Set>(values + x, sine ? sin_of<Set>(v) : v / (exp_of<Set>(v * -1.702f) + 1.0f));
  }
}

TESSERA_INLINE void interleave_loop(const float* __restrict even, const float* __restrict odd, int64_t width, float* __restrict out) {
  for (int64_t x = 0; x < width; ++x) {
    out[2 * x] = even[x];
    out[2 * x + 1] = odd[x];
  }
}

TESSERA_INLINE void add_bilinear_loop(const float* __restrict a, const float* __restrict b, int64_t width, float* __restrict out) {
  for (int64_t x = 0; x < width; ++x) {
    const float before = 0.75f * a[x - 1] + 0.25f * b[x - 1], here = 0.75f * a[x] + 0.25f * b[x], after = 0.75f * a[x + 1] + 0.25f * b[x + 1];
    out[2 * x] += 0.75f * here + 0.25f * before;
    out[2 * x + 1] += 0.75f * here + 0.25f * after;
  }
}

TESSERA_INLINE void add_loop(const float* __restrict from, int64_t width, float* __restrict out) {
  for (int64_t x = 0; x < width; ++x) out[x] += from[x];
}

#define TESSERA_VIDEO_KERNELS(suffix, Set, attribute)                                                                                                         \
  attribute void convolve_##suffix(const float* const* rows, int inputs, int kernel, const float* weights, const float* bias, int64_t width, int outputs,     \
                                   float* const* out) {                                                                                                       \
    convolve_loop<Set>(rows, inputs, kernel, weights, bias, width, outputs, out);                                                                            \
  }                                                                                                                                                           \
  attribute void depthwise_##suffix(const float* const rows[3], const float* weights, float bias, int64_t width, float* out) { depthwise_loop<Set>(rows, weights, bias, width, out); } \
  attribute void activate_##suffix(float* values, int64_t width, float scale, float shift, bool sine) { activate_loop<Set>(values, width, scale, shift, sine); }   \
  attribute void interleave_##suffix(const float* even, const float* odd, int64_t width, float* out) { interleave_loop(even, odd, width, out); }              \
  attribute void add_bilinear_##suffix(const float* a, const float* b, int64_t width, float* out) { add_bilinear_loop(a, b, width, out); }                    \
  attribute void add_##suffix(const float* from, int64_t width, float* out) { add_loop(from, width, out); }

TESSERA_VIDEO_KERNELS(plain, Plain, )
#if defined(__x86_64__)
TESSERA_VIDEO_KERNELS(avx2, Avx2, __attribute__((target("avx2,fma"))))
TESSERA_VIDEO_KERNELS(avx512, Avx512, __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))))
constexpr VideoKernels kAvx2{convolve_avx2, depthwise_avx2, activate_avx2, interleave_avx2, add_bilinear_avx2, add_avx2};
constexpr VideoKernels kAvx512{convolve_avx512, depthwise_avx512, activate_avx512, interleave_avx512, add_bilinear_avx512, add_avx512};
#endif

}  // namespace

const VideoKernels kPlainVideoKernels{convolve_plain, depthwise_plain, activate_plain, interleave_plain, add_bilinear_plain, add_plain};

const VideoKernels& best_video_kernels() {
#if defined(__x86_64__)
  const entropy::Simd level = entropy::simd_level();
  if (level >= entropy::Simd::avx512) return kAvx512;
  if (level >= entropy::Simd::avx2) return kAvx2;
#endif
  return kPlainVideoKernels;
}

}  // namespace tessera::models::inr
