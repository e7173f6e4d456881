// The few operators that every network of Tessera is built from. Tensors are channels-last and explicit about it:
// [B, H, W, C], contiguous. Each operator has an autograd formula; on CUDA the depthwise convolution and the gate run
// as the project's own kernels when they are built in (models/cuda/), otherwise as stock libtorch operators.
#pragma once

#include <ATen/ATen.h>

#include <utility>

#include "models/video/interpolation.h"

namespace tessera::models {

// 1x1 convolution: x [B,H,W,Cin], weight [Cout,Cin], bias [Cout] or undefined -> [B,H,W,Cout].
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// leaky_relu(x, slope) followed by a depthwise 3x3 with zero padding: weight [9,C] (tap = 3*dy+dx), bias [C].
// slope = 1 means no activation.
at::Tensor depthwise3x3(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double slope);

// silu(g) * v for x = [g | v] along the channels: [B,H,W,2C] -> [B,H,W,C]. With a limit above 0 what comes out is clamped to +-limit, and
// carries no gradient where it was.
at::Tensor gated_silu(const at::Tensor& x, double limit = 0);

// [B,H,W,C*s*s] -> [B,H*s,W*s,C]; channel order: c*s*s + dy*s + dx.
at::Tensor depth_to_space(const at::Tensor& x, int64_t s);
// The inverse: [B,H,W,C] -> [B,H/s,W/s,C*s*s].
at::Tensor space_to_depth(const at::Tensor& x, int64_t s);

// Rounds to the nearest integer, halves up; the gradient passes unchanged.
at::Tensor round_ste(const at::Tensor& x);

// Clamps; the gradient passes where it would move x back into the range.
at::Tensor clamp_ste(const at::Tensor& x, double lo, double hi);

// The hooks through which models/cuda registers its kernels (null when they are not built in).
struct CudaKernels {
  at::Tensor (*depthwise_forward)(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double slope) = nullptr;
  at::Tensor (*depthwise_backward_input)(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& w, double slope) = nullptr;
  // Returns float32 [10,C]: rows 0..8 the filter's gradient, row 9 the bias's.
  at::Tensor (*depthwise_backward_weight)(const at::Tensor& dy, const at::Tensor& x, double slope) = nullptr;
  at::Tensor (*gate_forward)(const at::Tensor& x, double limit) = nullptr;
  at::Tensor (*gate_backward)(const at::Tensor& dy, const at::Tensor& x, double limit) = nullptr;
  // Motion search (models/video/motion_search.h): coarse vectors and deltas. reach in samples at a quarter of the resolution.
  std::pair<at::Tensor, at::Tensor> (*search_vectors)(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, int64_t reach, int64_t rounds,
                                                      bool quarters, bool diagonals, Interpolation kind) = nullptr;
  // Motion compensation (models/video/cpu_planes.h): float32 planes and dense vectors, side 8 or 4; and the gradient of the planes from that of what came out.
  at::Tensor (*warp_forward)(const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind) = nullptr;
  at::Tensor (*warp_backward)(const at::Tensor& dy, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind) = nullptr;
};
CudaKernels& cuda_kernels();

}  // namespace tessera::models
