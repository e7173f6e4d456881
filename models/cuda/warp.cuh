// Launchers of the kernels that move pictures by block vectors (models/video/vectors.h), free of libtorch.
#pragma once

#include <cuda_runtime_api.h>

#include "models/cuda/warp_shape.h"

namespace tessera::models::cuda {

// planes, out: float32 [batch,channels,height,width]; dense: float32 [batch,height/side,width/side,2], whole numbers. Products and sums are rounded one by one,
// along rows first, as by warp_planes_by_phases() (models/video/phase_warp.h).
cudaError_t warp_forward(const WarpShape& shape, const float* planes, const float* dense, float* out, cudaStream_t stream);
// The gradient of the planes is added to dx, in no fixed order; dy as out above.
cudaError_t warp_backward(const WarpShape& shape, const float* dy, const float* dense, float* dx, cudaStream_t stream);

}  // namespace tessera::models::cuda
