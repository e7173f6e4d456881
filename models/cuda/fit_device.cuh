// Device code of models/inr/fit_kernels.h, all of it. Only blocks, shared memory, barriers and atomic additions: tests run it on the CPU as well
// (tests/models/inr/emulated_cuda.h). Who includes it says what TESSERA_LAUNCH(kernel, blocks, threads, stream, arguments...) and
// TESSERA_LAUNCHED() do, and how many blocks leave partial sums: TESSERA_BLOCKS.
#pragma once

#include "models/cuda/fit_context.cuh"
#include "models/cuda/fit_steps.cuh"
#include "models/cuda/fit_synthesis.cuh"
#include "models/cuda/fit_upsample.cuh"

namespace tessera::models::cuda {

inline FitKernels all_kernels(void* (*stream)()) {
  return {TESSERA_BLOCKS, false, stream, launch_soft_round, launch_context, launch_upsample, launch_upsample_back, launch_dense, launch_dense_back, launch_residual, launch_residual_back,
          launch_reduce, launch_adam, launch_soap};
}

}  // namespace tessera::models::cuda
