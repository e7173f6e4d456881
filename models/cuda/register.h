// Installs the project's CUDA kernels into models/ops.h.
#pragma once

#include <ATen/ATen.h>

namespace tessera::models::cuda {

void register_kernels();

// See sample_crops in kernels.cuh. All tensors on the device; returns [index.size(0), crop, crop, 3] float32.
at::Tensor sample(const at::Tensor& pack, const at::Tensor& offset, const at::Tensor& width, const at::Tensor& height,
                  const at::Tensor& index, const at::Tensor& rnd, int64_t crop);

}  // namespace tessera::models::cuda
