// Inner loops of the synthesis, one set for each instruction set. Sums differ between them in the last bits.
#pragma once

#include <cstdint>

namespace tessera::models::inr {

struct PixelKernels {
  // A row of n samples to 2 n: out[2 i] = sum taps[k] in[i - 2 + k], out[2 i + 1] = sum taps[3 - k] in[i - 1 + k]. in has two more
  // samples on either side.
  void (*upsample_row)(const float* in, int64_t n, const float* taps, float* out);
  // out[i] = sum taps[k] rows[k][i].
  void (*blend_rows)(const float* const rows[4], const float* taps, int64_t n, float* out);
  // n pixels of the dense layers. u: `inputs` pointers to n samples each; out: `outputs` pointers.
  void (*dense)(const float* const* u, int inputs, int64_t n, const float* first, const float* bias, int hidden, const float* last, const float* direct,
                const float* last_bias, int outputs, float* const* out);
  // out[i] += sum over 3x3 of kernel[ky * 3 + kx] rows[ky][i + kx - 1]; rows have one more sample on either side.
  void (*convolve_row)(const float* const rows[3], const float* kernel, int64_t n, float* out);
};

const PixelKernels& best_pixel_kernels();
extern const PixelKernels kPlainPixelKernels;

}  // namespace tessera::models::inr
