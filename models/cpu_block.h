// Inference on the CPU: products of positions and weights, and the residual block done strip by strip so that its
// intermediate maps stay in the cache.
#pragma once

#include <ATen/ATen.h>

namespace tessera::models {

// True where these may stand in for the autograd operators: a float32 CPU tensor in inference mode.
bool use_cpu_inference(const at::Tensor& x);

// x [..., k] contiguous, weight [n, k], bias [n] -> [..., n].
at::Tensor linear_cpu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// The weights of a Block (models/blocks.h).
struct BlockWeights {
  const at::Tensor &mix_in, &mix_in_bias, &depthwise, &depthwise_bias, &mix_out, &mix_out_bias, &expand, &expand_bias, &contract, &contract_bias;
  double slope;
  double gate_limit;  // 0: none
};
at::Tensor block_cpu(const at::Tensor& x, const BlockWeights& weights);

// out [m, n] += a [m, k] * weight [n, k]^T, all row by row without gaps; on the calling thread.
void multiply_add(const float* a, const float* weight, float* out, int64_t m, int64_t n, int64_t k);

// Row kernels of ops.cpp, for one row of `width` positions with c channels. Null rows lie outside of the picture.
void depthwise_row(const float* top, const float* mid, const float* bottom, const float* w, const float* bias, float* out, int64_t width, int64_t c);
void leaky_row(const float* in, float* out, int64_t n, float slope);
void gate_row(const float* x, float* out, int64_t c);

}  // namespace tessera::models
