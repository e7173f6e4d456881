// The motion search of search_vectors() as plain loops over blocks, for encoders on a CPU: some ten times faster than the tensor
// operators, the same criterion and the same stages. Results may differ where costs are close.
#pragma once

#include "models/video/motion_search.h"

namespace tessera::models {

// As search_vectors(); float32 tensors on the CPU. Uses the threads of models/parallel.h.
VectorField search_vectors_cpu(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options);

}  // namespace tessera::models
