// Moving pictures by tensor operators, each sample with the weights of its exact phase, as the loops of cpu_planes.h do it. A grid sampler is told positions in
// floating point, between -1 and 1, and misses a quarter of a sample by some 1e-5: over hundreds of predicted frames a GPU's pictures would drift from a CPU's
// (docs/results/exactness.md).
#pragma once

#include <ATen/ATen.h>

#include "models/video/interpolation.h"

namespace tessera::models {

// As warp_planes_cpu() (cpu_planes.h), on any device: planes [B,C,H,W], dense vectors [B,H/side,W/side,2], of which `steps` are one sample (a power of two up to
// 8). Nothing but gathers, products and sums, so that gradients reach the planes by themselves; some hundred small operators.
at::Tensor warp_planes_by_phases(const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind);

}  // namespace tessera::models
