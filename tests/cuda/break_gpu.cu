#include <cuda_runtime.h>

#include "tests/cuda/break_gpu.h"

namespace tessera::test {
namespace {

__global__ void trap() { __trap(); }

}  // namespace

bool break_gpu() {
  trap<<<1, 1>>>();
  return cudaDeviceSynchronize() != cudaSuccess;
}

}  // namespace tessera::test
