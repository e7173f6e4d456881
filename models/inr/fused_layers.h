// The training's layers by the kernels of fit_kernels.h, as differentiable operators. float32, contiguous, on the kernels' device.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "models/inr/fit_kernels.h"
#include "models/inr/grids.h"
#include "models/inr/network.h"

namespace tessera::models::inr {

// True when there are kernels for tensors that are where `like` is.
inline bool has_kernels(const at::Tensor& like) { return fit_kernels().blocks > 0 && (like.is_cuda() ? !fit_kernels().cpu : fit_kernels().cpu); }

// Where a network's parts lie and what the kernels need to know about its grids. Shared by all steps of a training.
class FusedPlan {
 public:
  // config: fused(); shapes: of its grids for a picture of height x width.
  FusedPlan(const Config& config, const std::vector<GridShape>& shapes, int64_t height, int64_t width);

  int64_t context_weights() const { return context_weights_; }      // kContextFirst .. kContextBias
  int64_t synthesis_weights() const { return synthesis_weights_; }  // kUpsampling .. kSynthesisBias, behind them
  const FusedContext& context() const { return context_; }
  const std::vector<FusedStep>& steps() const { return steps_; }    // the first one only joins the coarsest grids
  const FusedDense& dense() const { return dense_; }
  const std::vector<FusedResidual>& residuals() const { return residuals_; }

 private:
  int64_t context_weights_ = 0, synthesis_weights_ = 0;
  FusedContext context_{};
  std::vector<FusedStep> steps_;
  FusedDense dense_{};
  std::vector<FusedResidual> residuals_;
};

// rounding.h's soft_round(soft_round(latents) + shaped_noise(uniform)).
at::Tensor soft_round_fused(const at::Tensor& latents, const at::Tensor& uniform, const at::Tensor& temperature, const at::Tensor& shape);
// Sum of the bits of all latents [N]; weights [M]: all of the network's. `plan` outlives the graph.
at::Tensor context_bits_fused(const at::Tensor& latents, const at::Tensor& weights, const FusedPlan& plan);
// The picture [outputs, P].
at::Tensor picture_fused(const at::Tensor& latents, const at::Tensor& weights, const FusedPlan& plan);

// Throws std::runtime_error when a launch went wrong.
void check_launch(const char* error);

}  // namespace tessera::models::inr
