// Adam in operators that a CUDA graph can hold: nothing depends on the host, and a step whose gradient is not finite changes nothing.
#pragma once

#include <ATen/ATen.h>

#include "models/inr/fused_layers.h"

namespace tessera::models::inr {

class AdamStep {
 public:
  // steps: [] number of good steps so far, which goes up; good: [] bool.
  AdamStep(at::Tensor& steps, const at::Tensor& good) : good_(good), go_(good.to(at::kFloat)), zero_(at::zeros({}, go_.options())) {
    steps.add_(go_);
    c1_ = 1 - at::pow(kBeta1, steps);
    c2_ = 1 - at::pow(kBeta2, steps);
  }

  // moments: [2, N] for values of N numbers.
  void update(at::Tensor& values, at::Tensor& moments, const at::Tensor& rate) const {
    at::Tensor m = moments[0], v = moments[1];
    if (has_kernels(values)) {
      check_launch(fit_kernels().adam(values.data_ptr<float>(), values.grad().const_data_ptr<float>(), m.data_ptr<float>(), v.data_ptr<float>(), values.numel(), go_.const_data_ptr<float>(),
                                      c2_.const_data_ptr<float>(), length(rate).const_data_ptr<float>(), fit_kernels().stream()));
      return;
    }
    const at::Tensor g = gradient(values);
    m.mul_(kBeta1).add_(g, 1 - kBeta1);
    v.mul_(kBeta2).addcmul_(g, g, 1 - kBeta2);
    values.sub_((direction(m, v) * length(rate)).view_as(values));
  }

  // The parts of update(), for other bases (soap.h): the gradient, flat, zero when it is not good; where to go; how far.
  at::Tensor gradient(const at::Tensor& values) const { return at::where(good_, values.grad(), zero_).flatten(); }
  at::Tensor direction(const at::Tensor& first, const at::Tensor& second) const { return first / ((second / c2_.clamp_min(1e-6)).sqrt() + 1e-8); }
  at::Tensor length(const at::Tensor& rate) const { return rate * go_ / c1_.clamp_min(1e-3); }

  const at::Tensor& go() const { return go_; }      // [] 1 or 0
  const at::Tensor& correction() const { return c2_; }  // [] of the second moment's bias
  const at::Tensor& zero() const { return zero_; }  // []

  static constexpr double kBeta1 = 0.9, kBeta2 = 0.999;

 private:
  at::Tensor good_, go_, zero_, c1_, c2_;
};

}  // namespace tessera::models::inr
