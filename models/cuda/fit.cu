#include "models/cuda/fit.cuh"

#define TESSERA_BLOCKS 660  // five for each of the 132 processors of an H100
#define TESSERA_LAUNCH(kernel, blocks, threads, stream, ...) kernel<<<(blocks), (threads), 0, static_cast<cudaStream_t>(stream)>>>(__VA_ARGS__)
#define TESSERA_LAUNCHED() launched()

namespace tessera::models::cuda {
namespace {

const char* launched() {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace
}  // namespace tessera::models::cuda

#include "models/cuda/fit_device.cuh"

namespace tessera::models::cuda {

inr::FitKernels fit_launchers(void* (*stream)()) { return all_kernels(stream); }

}  // namespace tessera::models::cuda
