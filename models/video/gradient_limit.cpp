#include "models/video/gradient_limit.h"

#include <ATen/core/grad_mode.h>

#include <tuple>
#include <vector>

namespace tessera::models {
namespace {

// [B], in float32 whatever the type of x.
at::Tensor norms(const at::Tensor& x) {
  std::vector<int64_t> dims;
  for (int64_t i = 1; i < x.dim(); ++i) dims.push_back(i);
  return at::linalg_vector_norm(x, 2, dims, false, at::kFloat);
}

}  // namespace

at::Tensor limit_gradient(const at::Tensor& x, double times) {
  if (times <= 0 || !x.defined() || x.size(0) < 3 || !x.requires_grad()) return x;
  const at::NoGradGuard no_grad;
  const at::Tensor size = norms(x.detach());
  x.register_hook([size, times](const at::Tensor& gradient) {
    const at::NoGradGuard none;
    const at::Tensor weight = norms(gradient) * size;
    const at::Tensor most = std::get<0>(at::median(weight, 0)) * times;
    std::vector<int64_t> shape(static_cast<size_t>(gradient.dim()), 1);
    shape[0] = gradient.size(0);
    return gradient * (most / weight.clamp_min(1e-30)).clamp_max(1.0).reshape(shape).to(gradient.scalar_type());
  });
  return x;
}

at::Tensor redescend(const at::Tensor& loss, double knee) {
  return at::where(loss > knee, knee * (2 - knee / loss.clamp_min(knee)), loss);
}

at::Tensor relative_weights(const at::Tensor& loss, double exponent) {
  const at::NoGradGuard no_grad;
  const at::Tensor l = loss.detach(), mean = l.mean();
  const at::Tensor w = (l + 0.1 * mean).clamp_min(1e-6).pow(-exponent);
  return w * (mean / (w * l).mean().clamp_min(1e-6));
}

}  // namespace tessera::models
