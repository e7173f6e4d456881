#include "models/inr/soap.h"

#include <ATen/ops/linalg_qr.h>

#include <algorithm>

namespace tessera::models::inr {
namespace {

constexpr double kBeta = 0.95;  // of the averages

at::Tensor matrix(const at::Tensor& flat, const Soap::Place& p) { return flat.narrow(0, p.begin, p.rows * p.columns).view({p.rows, p.columns}); }

// basis <- the orthogonal factor of average basis, columns sorted by how much they hold, the most first. Returns which column each one was.
at::Tensor iterate(const at::Tensor& average, at::Tensor basis) {
  const at::Tensor order = at::argsort(at::diagonal(at::matmul(at::matmul(basis.t(), average), basis)), 0, true);
  const at::Tensor sorted = at::index_select(basis, 1, order);
  // What has no gradient keeps its direction.
  basis.copy_(std::get<0>(at::linalg_qr(at::matmul(average, sorted) + sorted * (average.diagonal().mean() * 1e-6 + 1e-30))));
  return order;
}

}  // namespace

Soap::Soap(const std::vector<Place>& places, int64_t total, const at::TensorOptions& options) : places_(places), total_(total) {
  std::vector<at::Tensor> eyes{at::zeros({0}, options)};
  for (const Place& p : places_) {
    for (const int64_t side : {p.rows, p.columns}) {
      if (turns(side)) eyes.push_back(at::eye(side, options).reshape({-1}));
    }
  }
  bases_ = at::cat(eyes);
  averages_ = at::zeros_like(bases_);
}

at::Tensor Soap::rotated(const at::Tensor& flat, bool back) const {
  std::vector<at::Tensor> out;
  int64_t done = 0, at = 0;
  for (const Place& p : places_) {
    if (p.begin > done) out.push_back(flat.narrow(0, done, p.begin - done));
    at::Tensor x = matrix(flat, p);
    if (turns(p.rows)) x = at::matmul(back ? left(bases_, p, at) : left(bases_, p, at).t(), x);
    if (turns(p.columns)) x = at::matmul(x, back ? right(bases_, p, at).t() : right(bases_, p, at));
    out.push_back(x.reshape({-1}));
    done = p.begin + p.rows * p.columns;
    at += squares(p);
  }
  if (done < total_) out.push_back(flat.narrow(0, done, total_ - done));
  return at::cat(out);
}

std::optional<FusedSoap> Soap::fused() const {
  if (places_.size() > kFusedMatrices) return std::nullopt;
  FusedSoap job{static_cast<int>(places_.size()), static_cast<int>(total_), {}};
  int at = 0;
  for (size_t i = 0; i < places_.size(); ++i) {
    const auto begin = static_cast<int>(places_[i].begin), rows = static_cast<int>(places_[i].rows), columns = static_cast<int>(places_[i].columns);
    if (std::max(rows, columns) > kFusedSide) return std::nullopt;
    job.matrix[i] = {begin, rows, columns, at, at + rows * rows};
    at += rows * rows + columns * columns;
  }
  return job;
}

void Soap::update(const AdamStep& step, at::Tensor& values, at::Tensor& moments, const at::Tensor& rate) {
  if (has_kernels(values)) {
    if (const std::optional<FusedSoap> job = fused()) {
      at::Tensor m = moments[0], v = moments[1];
      const at::Tensor length = step.length(rate);
      check_launch(fit_kernels().soap(*job, values.data_ptr<float>(), values.grad().const_data_ptr<float>(), m.data_ptr<float>(), v.data_ptr<float>(), averages_.data_ptr<float>(),
                                      bases_.const_data_ptr<float>(), step.go().const_data_ptr<float>(), step.correction().const_data_ptr<float>(),
                                      length.const_data_ptr<float>(), fit_kernels().stream()));
      return;
    }
  }
  const at::Tensor g = step.gradient(values);
  at::Tensor first = moments[0], second = moments[1];
  first.mul_(AdamStep::kBeta1).add_(g, 1 - AdamStep::kBeta1);
  const at::Tensor turned = rotated(g, false);
  second.mul_(AdamStep::kBeta2).addcmul_(turned, turned, 1 - AdamStep::kBeta2);
  values.sub_(rotated(step.direction(rotated(first, false), second), true) * step.length(rate));
  std::vector<at::Tensor> now{at::zeros({0}, g.options())};
  for (const Place& p : places_) {
    const at::Tensor x = matrix(g, p);
    if (turns(p.rows)) now.push_back(at::matmul(x, x.t()).reshape({-1}));
    if (turns(p.columns)) now.push_back(at::matmul(x.t(), x).reshape({-1}));
  }
  averages_.add_((at::cat(now) - averages_) * (step.go() * (1 - kBeta)));
}

void Soap::refresh(at::Tensor& moments) {
  const int64_t size = averages_.size(0);
  const at::Tensor all = at::cat({averages_, bases_, moments[1]}).cpu().to(at::kDouble);  // one copy: a GPU is asked once
  const at::Tensor averages = all.narrow(0, 0, size);
  at::Tensor bases = all.narrow(0, size, size), second = all.narrow(0, 2 * size, total_);
  int64_t at = 0;
  for (const Place& p : places_) {
    at::Tensor v = matrix(second, p);
    if (turns(p.rows)) v.copy_(at::index_select(v, 0, iterate(left(averages, p, at), left(bases, p, at))));
    if (turns(p.columns)) v.copy_(at::index_select(v, 1, iterate(right(averages, p, at), right(bases, p, at))));
    at += squares(p);
  }
  const at::Tensor back = all.narrow(0, size, size + total_).to(averages_.options());
  bases_.copy_(back.narrow(0, 0, size));
  moments[1].copy_(back.narrow(0, size, total_));
}

}  // namespace tessera::models::inr
