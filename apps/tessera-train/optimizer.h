// Adam for edge and fine parameters; for the hidden matrices orthogonalised momentum (Muon: Jordan et al. 2024, with the step
// size matched to Adam's as in Liu et al., arXiv 2502.16982). Everything lives on the device, so that a step can be part of a CUDA graph.
#pragma once

#include <ATen/ATen.h>

#include <memory>

#include "apps/tessera-train/flat_params.h"
#include "apps/tessera-train/peers.h"
#include "apps/tessera-train/recipe.h"

namespace tessera::train {

class Optimizer {
 public:
  Optimizer(FlatParams& params, const OptimizerRecipe& recipe, std::shared_ptr<Peers> peers = std::make_shared<Peers>());

  // One step with the gradient g [size()], averaged over the processes. A gradient that is not finite changes nothing and is counted.
  void step(at::Tensor gradient);

  at::Tensor rate;     // float32 [1] on the device: the learning rate, set by the caller
  at::Tensor first, second, average;  // momentum, second moment (Adam's part only is used), moving average of the masters
  at::Tensor steps, skipped;  // float32 [1]

 private:
  FlatParams& params_;
  const OptimizerRecipe recipe_;
  const std::shared_ptr<Peers> peers_;
};

// The nearest orthogonal matrices of a batch [n, r, c] by five Newton-Schulz steps in bfloat16 on CUDA, float32 on the CPU.
at::Tensor orthogonalise(const at::Tensor& batch);

}  // namespace tessera::train
