// Moving pictures and cutting them into patches on a CPU, as plain loops over blocks on the threads of models/parallel.h. The results are
// those of the tensor operators in vectors.cpp and planes.cpp: copies exactly, interpolated samples but for rounding.
#pragma once

#include "models/video/interpolation.h"
#include "models/video/planes.h"

namespace tessera::models {

// warp() of one tensor of planes [B,C,H,W]: dense vectors [B,H/side,W/side,2], of which `steps` are one sample (a power of two up to 8).
at::Tensor warp_planes_cpu(const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind);

// Patches of a picture minus another one, or minus `level` where that is undefined, into channels [first, first + 96) of out [B,H/8,W/8,N].
void put_patches_cpu(const Planes& picture, const Planes& minus, float level, at::Tensor& out, int64_t first);
Planes from_patches_cpu(const at::Tensor& patches);

}  // namespace tessera::models
