#include "codec/refine.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "models/parallel.h"

namespace tessera {
namespace {

// Between the two neighbouring integers, at random, ever more sharply as the temperature falls.
at::Tensor soft_round(const at::Tensor& r, double temperature) {
  const at::Tensor low = at::floor(r.detach());
  const at::Tensor f = (r - low).clamp(1e-4, 1 - 1e-4);
  const at::Tensor logit = (at::atanh(1 - f) * -1 + at::atanh(f)) / temperature;  // of the upper neighbour against the lower
  const at::Tensor u = at::rand_like(f).clamp(1e-6, 1 - 1e-6);
  return low + at::sigmoid((logit + at::log(u) - at::log1p(-u)) / temperature);
}

}  // namespace

at::Tensor refine_latents(const models::Still& network, const at::Tensor& x_in, const at::Tensor& y_in, const at::Tensor& feature_in,
                          const at::Tensor& index_in, const at::Tensor& coded_in, double quality, int iterations) {
  const c10::InferenceMode training(false);  // gradients are wanted here
  at::AutoGradMode gradients(true);
  at::set_num_threads(models::threads());
  at::manual_seed(1);  // the same bytes every time
  const at::Tensor x = x_in.clone(), feature = feature_in.clone(), index = index_in.clone(), coded = coded_in.to(at::kFloat);
  const at::Tensor q = at::full({1, 1, 1, 1}, quality, x.options());
  at::Tensor y = y_in.clone().set_requires_grad(true);
  at::Tensor first = at::zeros_like(y_in).clone(), second = at::zeros_like(y_in).clone();
  const double pixels = static_cast<double>(x.size(1) * x.size(2)), weight = network.lambda(quality) * 65025.0;
  constexpr double kRate = 0.03, kBeta1 = 0.9, kBeta2 = 0.99;
  for (int t = 0; t < iterations; ++t) {
    const double progress = (t + 0.5) / iterations;
    const double temperature = 0.5 * std::pow(0.2, progress);
    at::Tensor residual;
    const at::Tensor decoded = network.run_context(feature, q, [&](int step, const at::Tensor& mean) {
      const at::Tensor soft = soft_round(y - mean, temperature) * coded;
      const at::Tensor part = network.masked(step, soft);
      residual = step == 0 ? part : residual + part;
      return soft + mean;
    });
    const at::Tensor bits = (models::residual_bits(residual, index, network.mix(), network.config()) * coded).sum() / pixels;
    const at::Tensor mse = (network.synthesis(decoded, q) - x).square().mean();
    torch::autograd::backward({bits + mse * weight}, {});
    const at::NoGradGuard no_gradient;
    const at::Tensor g = y.grad();
    first.mul_(kBeta1).add_(g, 1 - kBeta1);
    second.mul_(kBeta2).addcmul_(g, g, 1 - kBeta2);
    const double c1 = 1 - std::pow(kBeta1, t + 1), c2 = 1 - std::pow(kBeta2, t + 1);
    y.sub_(first / c1 / ((second / c2).sqrt() + 1e-12) * (kRate * (1 - 0.9 * progress)));
    y.mutable_grad() = at::Tensor();
  }
  at::set_num_threads(1);
  return y.detach();
}

}  // namespace tessera
