#include "apps/tessera-train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tessera::train {

Optimizer::Optimizer(FlatParams& params, const OptimizerRecipe& recipe, std::shared_ptr<Peers> peers)
    : params_(params), recipe_(recipe), peers_(std::move(peers)) {
  const auto options = params.master.options();
  rate = at::zeros({1}, options);
  first = at::zeros_like(params.master);
  second = at::zeros_like(params.master);
  average = params.master.clone();
  steps = at::zeros({1}, options);
  skipped = at::zeros({1}, options);
}

at::Tensor orthogonalise(const at::Tensor& batch) {
  const bool tall = batch.size(1) > batch.size(2);
  at::Tensor x = tall ? batch.transpose(1, 2) : batch;
  x = x / (x.square().sum({1, 2}, true).sqrt() + 1e-12);
  if (batch.is_cuda()) x = x.to(at::kBFloat16);
  // Coefficients of the quintic whose slope at zero is largest (Jordan et al.): singular values end within 0.7..1.2.
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  for (int i = 0; i < 5; ++i) {
    const at::Tensor s = at::bmm(x, x.transpose(1, 2));
    const at::Tensor p = at::baddbmm(s, s, s, b, c);
    x = at::baddbmm(x, p, x, a, 1.0);
  }
  x = x.to(batch.scalar_type());
  return tall ? x.transpose(1, 2) : x;
}

void Optimizer::step(at::Tensor gradient) {
  peers_->mean(gradient);
  const at::Tensor norm = gradient.norm();
  const at::Tensor good = at::isfinite(norm);
  const at::Tensor go = good.to(at::kFloat);
  const at::Tensor shrink = at::clamp_max(recipe_.clip / (norm + 1e-6), 1.0);
  const at::Tensor g = at::where(good, gradient * shrink, at::zeros({1}, gradient.options()));
  steps.add_(go);
  skipped.add_(1 - go);
  const at::Tensor lr = rate * go;

  const int64_t split = recipe_.muon ? params_.matrices() : 0;
  const int64_t rest = params_.size() - split;
  if (split > 0) {
    const at::Tensor gm = g.narrow(0, 0, split);
    at::Tensor m = first.narrow(0, 0, split);
    m.mul_(recipe_.muon_momentum).add_(gm);
    const at::Tensor update = gm + m * recipe_.muon_momentum;  // Nesterov
    for (const MatrixGroup& group : params_.groups()) {
      const int64_t n = group.count * group.rows * group.cols;
      const at::Tensor u = orthogonalise(update.narrow(0, group.begin, n).view({group.count, group.rows, group.cols}));
      const double match = 0.2 * std::sqrt(static_cast<double>(std::max(group.rows, group.cols)));
      params_.master.narrow(0, group.begin, n).view({group.count, group.rows, group.cols}).sub_(u * (lr * match));
    }
  }
  const at::Tensor ga = g.narrow(0, split, rest);
  at::Tensor m = first.narrow(0, split, rest), v = second.narrow(0, split, rest);
  m.mul_(recipe_.beta1).add_(ga, 1 - recipe_.beta1);
  v.mul_(recipe_.beta2).addcmul_(ga, ga, 1 - recipe_.beta2);
  const at::Tensor c1 = 1 - at::pow(recipe_.beta1, steps.clamp_min(1)), c2 = 1 - at::pow(recipe_.beta2, steps.clamp_min(1));
  params_.master.narrow(0, split, rest).sub_((m / c1) / ((v / c2).sqrt() + 1e-8) * lr);

  // The average starts short and lengthens, so that it is useful early.
  const at::Tensor decay = at::clamp_max((steps + 1) / (steps + 10), recipe_.ema);
  average.add_((params_.master - average) * (1 - decay));
  params_.refresh();
}

}  // namespace tessera::train
