// The training's layers as differentiable operators on the CPU, by cpu_context.h and cpu_pixels.h. float32, contiguous.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "models/inr/config.h"

namespace tessera::models::inr {

// Sum of the bits of all latents [N]; weights as in network.h. `config` and `shapes` outlive the graph.
at::Tensor context_bits_cpu(const at::Tensor& latents, const at::Tensor& first, const at::Tensor& second, const at::Tensor& last, const at::Tensor& bias,
                            const Config& config, const std::vector<GridShape>& shapes);

// u [G, P] -> [O, P].
at::Tensor dense_cpu(const at::Tensor& u, const at::Tensor& first, const at::Tensor& bias, const at::Tensor& last, const at::Tensor& direct,
                     const at::Tensor& last_bias);

// x [O, H, W], kernel [O, O, 3, 3].
at::Tensor residual_cpu(const at::Tensor& x, const at::Tensor& kernel, const at::Tensor& bias, bool relu);

// x [C, h, w] -> [C, height, width].
at::Tensor upsampled_cpu(const at::Tensor& x, const at::Tensor& taps, int64_t height, int64_t width);

}  // namespace tessera::models::inr
