// Row kernels of the decoder of overfitted video: floats of the pixel path, compiled once for each instruction set.
#pragma once

#include <cstdint>

namespace tessera::models::inr {

// Rows have this many readable samples before their first, and behind their width rounded up to whole blocks.
inline constexpr int64_t kRowMargin = 16;
inline constexpr int64_t kRowBlock = 32;
inline int64_t whole_blocks(int64_t width) { return (width + kRowBlock - 1) / kRowBlock * kRowBlock; }

struct VideoKernels {
  // out[o][x] = bias[o] + sum over inputs i, rows ky, columns kx of weights[o / 4][i][ky][kx][o % 4] rows[i * kernel + ky][x + kx - kernel / 2]; writes whole
  // blocks. `outputs` is a multiple of 4.
  void (*convolve)(const float* const* rows, int inputs, int kernel, const float* weights, const float* bias, int64_t width, int outputs, float* const* out);
  // out[x] = bias + sum of weights[ky][kx] rows[ky][x + kx - 1]
  void (*depthwise)(const float* const rows[3], const float* weights, float bias, int64_t width, float* out);
  // v = v (1 + scale) + shift, then sin v or v sigmoid(1.702 v)
  void (*activate)(float* values, int64_t width, float scale, float shift, bool sine);
  // out[2 x] = even[x], out[2 x + 1] = odd[x]
  void (*interleave)(const float* even, const float* odd, int64_t width, float* out);
  // Adds a row at twice the width, bilinear, half a sample off as all upsampling between sample centres; a, b: the nearer and the farther row, read one sample past each end.
  void (*add_bilinear)(const float* a, const float* b, int64_t width, float* out);
  void (*add)(const float* from, int64_t width, float* out);
};

extern const VideoKernels kPlainVideoKernels;
const VideoKernels& best_video_kernels();

}  // namespace tessera::models::inr
