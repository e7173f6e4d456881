// Moving pictures by the project's CUDA kernel (models/cuda/warp.cu), where it is built in.
#pragma once

#include <ATen/ATen.h>

#include "models/video/interpolation.h"

namespace tessera::models {

bool has_warp_kernel(const at::Tensor& planes);

// As warp_planes_by_phases() (phase_warp.h), and with its rounding. Gradients reach the planes; they are sums in no fixed order.
at::Tensor warp_planes_by_kernel(const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind);

}  // namespace tessera::models
