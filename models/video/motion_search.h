// Block motion search for whole batches: exhaustive at a quarter of the resolution, then refined at full resolution down to quarter
// samples while neighbours exchange their vectors, finally 8x8 quarters. The criterion is the sum of absolute differences plus the
// vectors' approximate bits. On a CPU plain loops do it (cpu_search.h), elsewhere tensor operators only, so that it fits into a
// CUDA graph. The two may choose differently where costs are close.
#pragma once

#include <ATen/ATen.h>

#include "models/video/vectors.h"

namespace tessera::models {

struct SearchOptions {
  int64_t reach = 32;      // luma samples in each direction of the exhaustive stage, a multiple of 4
  bool quarters = true;    // 8x8 vectors
  // On the CPU only: how often each block is visited, every time with more of its neighbours' choices known; and whether the vectors of quarters
  // are refined along the diagonals as well.
  int visits = 2;
  bool diagonals = false;
};

// current, reference: luma [B,1,H,W], multiples of 16, in 0..1. `penalty` [B,1,1]: cost of a bit in sums of absolute differences
// of 8-bit samples; 1 / sqrt(lambda) matches the rate-distortion trade-off of lambda (Sullivan and Wiegand 1998). No gradients.
VectorField search_vectors(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options = {});
// The same by tensor operators on every device.
VectorField search_vectors_by_tensors(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options = {});

}  // namespace tessera::models
