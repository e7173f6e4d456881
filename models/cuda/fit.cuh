// The launchers of models/inr/fit_kernels.h on a GPU. Free of libtorch.
#pragma once

#include <cuda_runtime_api.h>

#include "models/inr/fit_kernels.h"

namespace tessera::models::cuda {

// `stream` gives the cudaStream_t of the moment.
inr::FitKernels fit_launchers(void* (*stream)());

}  // namespace tessera::models::cuda
