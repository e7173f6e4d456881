// Encoder-side refinement: gradient descent on one picture's latents for its own rate and distortion, by stochastic Gumbel
// annealing (Yang, Bamler, Mandt: Improving Inference for Neural Image Compression, NeurIPS 2020, arXiv 2006.04240). The stream's
// format and the decoder's work stay as they are.
#pragma once

#include <ATen/ATen.h>

#include "models/still.h"

namespace tessera {

// x [1,H,W,3], y the analysis' latents, feature and index of the hyper-synthesis, all on one device; `coded` 1 where a latent is
// coded. Returns latents to be rounded in y's place.
at::Tensor refine_latents(const models::Still& network, const at::Tensor& x, const at::Tensor& y, const at::Tensor& feature,
                          const at::Tensor& index, const at::Tensor& coded, double quality, int iterations);

}  // namespace tessera
