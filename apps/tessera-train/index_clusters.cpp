#include "apps/tessera-train/index_clusters.h"

#include <ATen/core/grad_mode.h>

#include <stdexcept>

namespace tessera::train {
namespace {

// The first principal direction, by power iteration from the axis of largest variance.
at::Tensor principal(const at::Tensor& centred) {
  const at::Tensor covariance = at::matmul(centred.t(), centred);
  const int64_t axis = covariance.diagonal().argmax().item<int64_t>();
  at::Tensor v = covariance.select(0, axis).clone();
  for (int i = 0; i < 30; ++i) {
    v = at::mv(covariance, v / v.norm().clamp_min(1e-20));
  }
  return v;
}

void halve(const at::Tensor& vectors, const at::Tensor& chosen, int64_t classes, int64_t first, at::Tensor& out) {
  const int64_t n = chosen.size(0);
  if (classes == 1) {
    out[first].narrow(0, 0, n).copy_(chosen);
    return;
  }
  const at::Tensor part = vectors.index_select(0, chosen);
  const at::Tensor centred = part - part.mean(0);
  const at::Tensor order = at::argsort(at::mv(centred, principal(centred)), 0, true);
  const at::Tensor sorted = chosen.index_select(0, order);
  // Of n vectors in c classes the first n mod c classes have one more: the halves keep that rule.
  const int64_t left = classes / 2, more = n % classes, cut = left * (n / classes) + std::min(left, more);
  halve(vectors, sorted.narrow(0, 0, cut), left, first, out);
  halve(vectors, sorted.narrow(0, cut, n - cut), classes - left, first + left, out);
}

}  // namespace

at::Tensor balanced_clusters(const at::Tensor& vectors, int64_t classes) {
  const at::NoGradGuard no_grad;
  const int64_t k = vectors.size(0);
  if (classes < 1 || classes > k) throw std::invalid_argument("clusters: more classes than vectors");
  at::Tensor out = at::full({classes, (k + classes - 1) / classes}, -1, at::kLong);
  halve(vectors.to(at::kDouble), at::arange(k), classes, 0, out);
  return out;
}

}  // namespace tessera::train
