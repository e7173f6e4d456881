// What the kernels that move pictures by block vectors are told.
#pragma once

#include <cstdint>

#include "models/video/interpolation.h"

namespace tessera::models::cuda {

struct WarpShape {
  int batch, channels, height, width;  // sides are multiples of `side`
  int side;                            // samples of a block, 8 or 4
  int steps;                           // of the vectors, in a sample: 1, 2, 4 or 8
  Interpolation interpolation;
};

}  // namespace tessera::models::cuda
