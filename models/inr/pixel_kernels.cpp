#include "models/inr/pixel_kernels.h"

#include <algorithm>

#include "entropy/rans.h"

// The loops below are written for the compiler's vectoriser and compiled once for each instruction set.
#define TESSERA_INLINE inline __attribute__((always_inline))

namespace tessera::models::inr {
namespace {

constexpr int kBlock = 64;  // pixels whose sums stay in registers or the first cache

TESSERA_INLINE void upsample_row_loop(const float* __restrict in, int64_t n, const float* __restrict taps, float* __restrict out) {
  const float a = taps[0], b = taps[1], c = taps[2], d = taps[3];
  for (int64_t i = 0; i < n; ++i) {
    out[2 * i] = a * in[i - 2] + b * in[i - 1] + c * in[i] + d * in[i + 1];
    out[2 * i + 1] = d * in[i - 1] + c * in[i] + b * in[i + 1] + a * in[i + 2];
  }
}

TESSERA_INLINE void blend_rows_loop(const float* const rows[4], const float* taps, int64_t n, float* __restrict out) {
  const float *p = rows[0], *q = rows[1], *r = rows[2], *s = rows[3];
  const float a = taps[0], b = taps[1], c = taps[2], d = taps[3];
  for (int64_t i = 0; i < n; ++i) out[i] = a * p[i] + b * q[i] + c * r[i] + d * s[i];
}

TESSERA_INLINE void dense_loop(const float* const* u, int inputs, int64_t n, const float* first, const float* bias, int hidden, const float* last,
                               const float* direct, const float* last_bias, int outputs, float* const* out) {
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int count = static_cast<int>(std::min<int64_t>(kBlock, n - begin));
    alignas(64) float x[16][kBlock], y[3][kBlock], h[4][kBlock];
    for (int i = 0; i < inputs; ++i) {
      std::copy_n(u[i] + begin, count, x[i]);
      std::fill(x[i] + count, x[i] + kBlock, 0.0f);
    }
    for (int o = 0; o < outputs; ++o) {
      for (int p = 0; p < kBlock; ++p) y[o][p] = last_bias[o];
      for (int i = 0; i < inputs; ++i) {
        const float w = direct[o * inputs + i];
        for (int p = 0; p < kBlock; ++p) y[o][p] += w * x[i][p];
      }
    }
    for (int j = 0; j < hidden; j += 4) {
      for (int k = 0; k < 4; ++k) {
        for (int p = 0; p < kBlock; ++p) h[k][p] = bias[j + k];
      }
      for (int i = 0; i < inputs; ++i) {
        const float w0 = first[j * inputs + i], w1 = first[(j + 1) * inputs + i], w2 = first[(j + 2) * inputs + i], w3 = first[(j + 3) * inputs + i];
        for (int p = 0; p < kBlock; ++p) {
          h[0][p] += w0 * x[i][p];
          h[1][p] += w1 * x[i][p];
          h[2][p] += w2 * x[i][p];
          h[3][p] += w3 * x[i][p];
        }
      }
      for (int k = 0; k < 4; ++k) {
        for (int p = 0; p < kBlock; ++p) h[k][p] = h[k][p] > 0 ? h[k][p] : 0;
      }
      for (int o = 0; o < outputs; ++o) {
        const float* const w = last + o * hidden + j;
        for (int p = 0; p < kBlock; ++p) y[o][p] += w[0] * h[0][p] + w[1] * h[1][p] + w[2] * h[2][p] + w[3] * h[3][p];
      }
    }
    for (int o = 0; o < outputs; ++o) std::copy_n(y[o], count, out[o] + begin);
  }
}

TESSERA_INLINE void convolve_row_loop(const float* const rows[3], const float* kernel, int64_t n, float* __restrict out) {
  const float *a = rows[0], *b = rows[1], *c = rows[2];
  for (int64_t i = 0; i < n; ++i) {
    out[i] += kernel[0] * a[i - 1] + kernel[1] * a[i] + kernel[2] * a[i + 1] + kernel[3] * b[i - 1] + kernel[4] * b[i] + kernel[5] * b[i + 1] +
              kernel[6] * c[i - 1] + kernel[7] * c[i] + kernel[8] * c[i + 1];
  }
}

#define TESSERA_PIXEL_KERNELS(suffix, attribute)                                                                                            \
  attribute void upsample_row_##suffix(const float* in, int64_t n, const float* taps, float* out) { upsample_row_loop(in, n, taps, out); }   \
  attribute void blend_rows_##suffix(const float* const rows[4], const float* taps, int64_t n, float* out) { blend_rows_loop(rows, taps, n, out); } \
  attribute void dense_##suffix(const float* const* u, int inputs, int64_t n, const float* first, const float* bias, int hidden, const float* last, \
                                const float* direct, const float* last_bias, int outputs, float* const* out) {                               \
    dense_loop(u, inputs, n, first, bias, hidden, last, direct, last_bias, outputs, out);                                                    \
  }                                                                                                                                          \
  attribute void convolve_row_##suffix(const float* const rows[3], const float* kernel, int64_t n, float* out) { convolve_row_loop(rows, kernel, n, out); }

TESSERA_PIXEL_KERNELS(plain, )
#if defined(__x86_64__)
TESSERA_PIXEL_KERNELS(avx2, __attribute__((target("avx2,fma"))))
TESSERA_PIXEL_KERNELS(avx512, __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))))
constexpr PixelKernels kAvx2{upsample_row_avx2, blend_rows_avx2, dense_avx2, convolve_row_avx2};
constexpr PixelKernels kAvx512{upsample_row_avx512, blend_rows_avx512, dense_avx512, convolve_row_avx512};
#endif

}  // namespace

const PixelKernels kPlainPixelKernels{upsample_row_plain, blend_rows_plain, dense_plain, convolve_row_plain};

const PixelKernels& best_pixel_kernels() {
#if defined(__x86_64__)
  const entropy::Simd level = entropy::simd_level();
  if (level >= entropy::Simd::avx512) return kAvx512;
  if (level >= entropy::Simd::avx2) return kAvx2;
#endif
  return kPlainPixelKernels;
}

}  // namespace tessera::models::inr
