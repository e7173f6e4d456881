// The synthesis' layers and their gradients for training on a CPU, each in one pass over memory. Maps are planar, [channels][height][width].
#pragma once

#include <cstdint>

namespace tessera::models::inr {

// y = last . max(first . u + bias, 0) + direct . u + last_bias for `count` pixels. first [N][G], last [O][N], direct [O][G].
struct DenseWeights {
  int inputs, hidden, outputs;
  const float *first, *bias, *last, *direct, *last_bias;
};
void dense_forward(const DenseWeights& weights, const float* u, int64_t count, float* y);
struct DenseGradients {
  float *u, *first, *bias, *last, *direct, *last_bias;  // overwritten
};
void dense_backward(const DenseWeights& weights, const float* u, const float* dy, int64_t count, const DenseGradients& gradients);

// y = x + kernel * x + bias, edges repeated, and max(., 0) when relu. kernel [O][O][3][3]. In the backward pass y tells where it was cut off.
void residual_forward(const float* x, int channels, int64_t height, int64_t width, const float* kernel, const float* bias, bool relu, float* y);
void residual_backward(const float* x, const float* y, const float* dy, int channels, int64_t height, int64_t width, const float* kernel, bool relu,
                       float* dx, float* d_kernel, float* d_bias);

// Twice the size along both directions, cropped to height x width (synthesis.h). taps [4].
void upsample_forward(const float* x, int64_t channels, int64_t h, int64_t w, const float* taps, int64_t height, int64_t width, float* y);
void upsample_backward(const float* x, const float* dy, int64_t channels, int64_t h, int64_t w, const float* taps, int64_t height, int64_t width, float* dx,
                       float* d_taps);

}  // namespace tessera::models::inr
