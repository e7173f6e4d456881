// Launcher of the motion search's kernels (models/video/coloured_search.h), free of libtorch.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "models/video/interpolation.h"

namespace tessera::models::cuda {

struct SearchShape {
  int batch, height, width;  // luma, multiples of 16
  int reach;                 // of the exhaustive stage at a quarter of the resolution, samples
  int rounds;
  bool quarters, diagonals;
  Interpolation interpolation;

  int h() const { return height / 16; }
  int w() const { return width / 16; }
};

// Device memory that the search needs, bytes of each, aligned to 16; what is in it does not matter.
struct SearchSizes {
  size_t current, planes, small_current, small_reference, sums, vectors;
};
SearchSizes search_sizes(const SearchShape& shape);
struct SearchMemory {
  uint8_t *current, *planes, *small_current, *small_reference;
  int32_t* sums;
  void* vectors;
};

// current, reference: float32 [batch,height,width] in 0..1; penalty: float32 [batch]. coarse float32 [batch,h,w,2], delta [batch,h,w,8], which is left alone
// without quarters.
cudaError_t search_vectors(const SearchShape& shape, const SearchMemory& memory, const float* current, const float* reference, const float* penalty, float* coarse,
                           float* delta, cudaStream_t stream);

}  // namespace tessera::models::cuda
