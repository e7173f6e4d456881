#include "apps/tessera-train/flat_params.h"

#include <algorithm>
#include <stdexcept>

namespace tessera::train {

using models::Param;
using models::ParamKind;

FlatParams::FlatParams(models::ParamSet& set, at::Device device) {
  std::vector<const Param*> order;
  for (const Param& p : set.list()) order.push_back(&p);
  const auto rank = [](const Param* p) { return static_cast<int>(p->kind); };
  std::stable_sort(order.begin(), order.end(), [&](const Param* a, const Param* b) {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    if (a->kind == ParamKind::matrix) return a->tensor.sizes().vec() < b->tensor.sizes().vec();
    return false;
  });
  int64_t at = 0;
  std::vector<at::Tensor> values;
  for (const Param* p : order) {
    const auto shape = p->tensor.sizes().vec();
    if (p->kind == ParamKind::matrix) {
      if (groups_.empty() || groups_.back().rows != shape[0] || groups_.back().cols != shape[1]) groups_.push_back({at, 0, shape[0], shape[1]});
      ++groups_.back().count;
      matrix_end_ = at + p->tensor.numel();
    }
    if (p->kind != ParamKind::fine) bulk_end_ = at + p->tensor.numel();
    slots_.push_back({p->name, p->tensor, at, p->tensor.numel(), shape});
    values.push_back(p->tensor.detach().to(at::kFloat).to(device).reshape({-1}));
    at += p->tensor.numel();
  }
  master = at::cat(values);
  scale = at::zeros({at - bulk_end_}, master.options());
}

void FlatParams::bind_training(at::ScalarType type) {
  const auto float_options = master.options();
  bulk_copy_ = at::empty({bulk_end_}, float_options.dtype(type));
  fine_copy_ = at::empty({size() - bulk_end_}, float_options);
  bulk_grad_ = at::zeros_like(bulk_copy_);
  fine_grad_ = at::zeros_like(fine_copy_);
  refresh();
  for (Slot& s : slots_) {
    const bool bulk = s.begin < bulk_end_;
    const int64_t begin = bulk ? s.begin : s.begin - bulk_end_;
    s.handle.set_requires_grad(false);
    s.handle.mutable_grad() = at::Tensor();
    s.handle.set_data((bulk ? bulk_copy_ : fine_copy_).narrow(0, begin, s.count).view(s.shape));
    s.handle.set_requires_grad(true);
    s.handle.mutable_grad() = (bulk ? bulk_grad_ : fine_grad_).narrow(0, begin, s.count).view(s.shape);
  }
}

void FlatParams::bind_values(const at::Tensor& values) {
  for (Slot& s : slots_) {
    s.handle.set_requires_grad(false);
    s.handle.mutable_grad() = at::Tensor();
    s.handle.set_data(values.narrow(0, s.begin, s.count).view(s.shape));
  }
}

void FlatParams::refresh() {
  bulk_copy_.copy_(master.narrow(0, 0, bulk_end_));
  const at::Tensor fine = master.narrow(0, bulk_end_, size() - bulk_end_);
  fine_copy_.copy_(at::where(scale > 0, at::floor(fine * scale + 0.5) / scale.clamp_min(1e-30), fine));
}

at::Tensor FlatParams::on_grid(const at::Tensor& flat) const {
  at::Tensor out = flat.clone();
  const at::Tensor fine = flat.narrow(0, bulk_end_, size() - bulk_end_);
  out.narrow(0, bulk_end_, size() - bulk_end_).copy_(at::where(scale > 0, at::floor(fine * scale + 0.5) / scale.clamp_min(1e-30), fine));
  return out;
}

void FlatParams::zero_gradient() {
  bulk_grad_.zero_();
  fine_grad_.zero_();
}

at::Tensor FlatParams::gradient() const { return at::cat({bulk_grad_.to(at::kFloat), fine_grad_}); }

at::Tensor FlatParams::view(const at::Tensor& flat, const std::string& name) const {
  for (const Slot& s : slots_) {
    if (s.name == name) return flat.narrow(0, s.begin, s.count).view(s.shape);
  }
  return {};
}

}  // namespace tessera::train
