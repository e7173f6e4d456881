#include "models/inr/video/video_kernels.h"

#include "models/inr/wide.h"

namespace tessera::models::inr {
namespace {

static_assert(kRowBlock == kBlock && kRowMargin >= 2);

// sin x for |x| below some thousands, absolute error about 1e-6: the nearest multiple of pi, then a polynomial of degree 11.
TESSERA_INLINE Wide wide_sin(const Wide& x) {
  const Wide t = x * 0.318309886f;
  const WideInt n = __builtin_convertvector(t + select(t >= Wide{}, wide(0.5f), wide(-0.5f)), WideInt);
  const Wide k = __builtin_convertvector(n, Wide);
  const Wide r = ((x - k * 3.140625f) - k * 9.67502593994140625e-4f) - k * 1.509957990978376432e-7f;
  const Wide z = r * r;
  Wide p = wide(-2.50521084e-8f);
  p = p * z + 2.75573192e-6f;
  p = p * z - 1.98412698e-4f;
  p = p * z + 8.33333333e-3f;
  p = p * z - 1.66666667e-1f;
  const Wide s = r + r * z * p;
  // The sign changes with every odd multiple.
  return reinterpret_cast<Wide>(reinterpret_cast<WideInt>(s) ^ (n << 31));
}

template <int kKernel>
TESSERA_INLINE void convolve_of(const float* const* rows, int inputs, const float* weights, const float* bias, int64_t width, float* const* out) {
  for (int64_t x = 0; x < width; x += kBlock) {
    Wide sum[4][2];
    for (int o = 0; o < 4; ++o) sum[o][0] = sum[o][1] = wide(bias[o]);
    const float* w = weights;
    for (int r = 0; r < inputs * kKernel; ++r) {
      const float* const row = rows[r] + x - kKernel / 2;
      for (int kx = 0; kx < kKernel; ++kx, w += 4) {
        const Wide a = load_wide(row + kx), b = load_wide(row + kx + kLanes);
        for (int o = 0; o < 4; ++o) {
          sum[o][0] += a * w[o];
          sum[o][1] += b * w[o];
        }
      }
    }
    for (int o = 0; o < 4; ++o) {
      store_wide(out[o] + x, sum[o][0]);
      store_wide(out[o] + x + kLanes, sum[o][1]);
    }
  }
}

TESSERA_INLINE void convolve_loop(const float* const* rows, int inputs, int kernel, const float* weights, const float* bias, int64_t width, float* const* out) {
  if (kernel == 1) return convolve_of<1>(rows, inputs, weights, bias, width, out);
  if (kernel == 3) return convolve_of<3>(rows, inputs, weights, bias, width, out);
  convolve_of<5>(rows, inputs, weights, bias, width, out);
}

TESSERA_INLINE void depthwise_loop(const float* const rows[3], const float* weights, float bias, int64_t width, float* out) {
  for (int64_t x = 0; x < width; x += kLanes) {
    Wide sum = wide(bias);
    for (int r = 0; r < 3; ++r) {
      for (int k = 0; k < 3; ++k) sum += load_wide(rows[r] + x + k - 1) * weights[3 * r + k];
    }
    store_wide(out + x, sum);
  }
}

TESSERA_INLINE void activate_loop(float* values, int64_t width, float scale, float shift, bool sine) {
  for (int64_t x = 0; x < width; x += kLanes) {
    const Wide v = load_wide(values + x) * (1 + scale) + shift;
    store_wide(values + x, sine ? wide_sin(v) : v / (wide_exp(v * -1.702f) + 1.0f));
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

#define TESSERA_VIDEO_KERNELS(suffix, attribute)                                                                                                              \
  attribute void convolve_##suffix(const float* const* rows, int inputs, int kernel, const float* weights, const float* bias, int64_t width, float* const* out) { \
    convolve_loop(rows, inputs, kernel, weights, bias, width, out);                                                                                           \
  }                                                                                                                                                           \
  attribute void depthwise_##suffix(const float* const rows[3], const float* weights, float bias, int64_t width, float* out) { depthwise_loop(rows, weights, bias, width, out); } \
  attribute void activate_##suffix(float* values, int64_t width, float scale, float shift, bool sine) { activate_loop(values, width, scale, shift, sine); }   \
  attribute void interleave_##suffix(const float* even, const float* odd, int64_t width, float* out) { interleave_loop(even, odd, width, out); }              \
  attribute void add_bilinear_##suffix(const float* a, const float* b, int64_t width, float* out) { add_bilinear_loop(a, b, width, out); }                    \
  attribute void add_##suffix(const float* from, int64_t width, float* out) { add_loop(from, width, out); }

TESSERA_VIDEO_KERNELS(plain, )
#if defined(__x86_64__)
TESSERA_VIDEO_KERNELS(avx2, __attribute__((target("avx2,fma"))))
TESSERA_VIDEO_KERNELS(avx512, __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))))
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
