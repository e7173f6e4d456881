// Block motion search for whole batches: exhaustive at a quarter of the resolution, then refined at full resolution down to quarter
// samples while neighbours exchange their vectors, finally 8x8 quarters. The criterion is the sum of absolute differences plus the
// vectors' approximate bits. On a CPU plain loops do it (cpu_search.h); on a GPU the project's kernels (models/cuda/search.cu), block by block what
// coloured_search.h says, or without them tensor operators. All of it fits into a CUDA graph. The three may choose differently where costs are close.
#pragma once

#include <ATen/ATen.h>

#include "models/video/vectors.h"

namespace tessera::models {

struct SearchOptions {
  int64_t reach = 32;      // luma samples in each direction of the exhaustive stage, a multiple of 4
  bool quarters = true;    // 8x8 vectors
  // Not by tensor operators: how often each block is visited, every time with more of its neighbours' choices known; and whether the vectors of quarters
  // are refined along the diagonals as well.
  int visits = 2;
  bool diagonals = false;
  Interpolation interpolation = Interpolation::bicubic;  // the network's (MotionConfig), so that what is compared is what will be predicted
};

// current, reference: luma [B,1,H,W], multiples of 16, in 0..1. `penalty` [B,1,1]: cost of a bit in sums of absolute differences
// of 8-bit samples; 1 / sqrt(lambda) matches the rate-distortion trade-off of lambda (MotionConfig::vector_weight()). No gradients.
VectorField search_vectors(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options = {});
// Whether search_vectors() finds on a GPU what it finds on a CPU: with the project's kernels. By tensor operators fast motion costs up to 15 % more bits.
bool gpu_search_is_good();
// What the GPU's kernels compute, on the CPU: for tests, and to compare.
VectorField search_vectors_coloured(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options = {});
// Rounds of the coloured search: neighbours' choices travel a block or two in a round, and not along whole rows as in raster order.
inline int coloured_rounds(const SearchOptions& options) { return 2 * options.visits + 2; }
// The same by tensor operators on every device.
VectorField search_vectors_by_tensors(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options = {});

}  // namespace tessera::models
