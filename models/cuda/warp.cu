#include "models/cuda/warp.cuh"

#define TESSERA_LAUNCH(kernel, blocks, threads, stream, ...) kernel<<<(blocks), (threads), 0, static_cast<cudaStream_t>(stream)>>>(__VA_ARGS__)

#include "models/cuda/warp_device.cuh"

namespace tessera::models::cuda {

cudaError_t warp_forward(const WarpShape& shape, const float* planes, const float* dense, float* out, cudaStream_t stream) {
  return launch_warp_forward(shape, planes, dense, out, stream) ? cudaGetLastError() : cudaErrorInvalidValue;
}

cudaError_t warp_backward(const WarpShape& shape, const float* dy, const float* dense, float* dx, cudaStream_t stream) {
  return launch_warp_backward(shape, dy, dense, dx, stream) ? cudaGetLastError() : cudaErrorInvalidValue;
}

}  // namespace tessera::models::cuda
