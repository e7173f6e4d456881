// Products of a small matrix with a very wide one, for training: every layer of an overfitted network is one.
#pragma once

#include <ATen/ATen.h>

namespace tessera::models::inr {

// w [M, K] x [K, N] + b [M], and max(., 0) when `relu`. The gradient of w sums over N in many pieces at once: as one product it
// would keep a single core, or a single multiprocessor of a GPU, busy.
at::Tensor tall_linear(const at::Tensor& w, const at::Tensor& x, const at::Tensor& b, bool relu = false);

// The windows of a map as columns: x [C, H, W] -> [C rows columns, (H - rows + 1) (W - columns + 1)], channel first.
at::Tensor windows(const at::Tensor& x, int64_t rows, int64_t columns);

}  // namespace tessera::models::inr
