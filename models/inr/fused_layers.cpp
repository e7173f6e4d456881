#include "models/inr/fused_layers.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace tessera::models::inr {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

const float* data(const at::Tensor& t) { return t.const_data_ptr<float>(); }
void* stream() { return fit_kernels().stream(); }

at::Tensor partial_of(int64_t columns, const at::Tensor& like) { return at::empty({fit_kernels().blocks, columns}, like.options()); }

// Partial sums on their way into one tensor: added by one launch, when all are there.
class Sums {
 public:
  // Columns [from, from + count) of `partial` to out[to ..].
  void add(const at::Tensor& partial, int64_t from, int64_t count, int64_t to) {
    held_.push_back(partial);
    job_.part[job_.parts++] = {data(partial), static_cast<int>(partial.size(1)), static_cast<int>(from), static_cast<int>(count), static_cast<int>(to)};
  }
  void reduce(at::Tensor& out) const { check_launch(fit_kernels().reduce(job_, out.data_ptr<float>(), stream())); }

 private:
  FusedSums job_{};
  variable_list held_;
};

class SoftRound : public Function<SoftRound> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& uniform, const at::Tensor& temperature, const at::Tensor& shape) {
    at::Tensor value = at::empty_like(x), slope = at::empty_like(x);
    check_launch(fit_kernels().soft_round(data(x), data(uniform), data(temperature), data(shape), value.data_ptr<float>(), slope.data_ptr<float>(), x.numel(), stream()));
    ctx->save_for_backward({slope});
    return value;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    return {grads[0] * ctx->get_saved_variables()[0], at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

class ContextBits : public Function<ContextBits> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& latents, const at::Tensor& weights, const FusedPlan* plan) {
    const int64_t count = plan->context_weights();
    const at::Tensor partial = partial_of(count + 1, latents);
    // The result is a sum: its gradients are known as soon as it is.
    at::Tensor d_latents = at::zeros_like(latents), sums = at::empty({count + 1}, latents.options());
    check_launch(fit_kernels().context(plan->context(), data(latents), data(weights), d_latents.data_ptr<float>(), partial.data_ptr<float>(), stream()));
    Sums all;
    all.add(partial, 0, count + 1, 0);
    all.reduce(sums);
    ctx->save_for_backward({d_latents, sums});
    ctx->saved_data["weights"] = weights.size(0);
    return sums[count].clone();
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const int64_t count = saved[1].size(0) - 1, all = ctx->saved_data["weights"].toInt();
    const at::Tensor d_weights = at::constant_pad_nd(saved[1].narrow(0, 0, count) * grads[0], {0, all - count});
    return {saved[0] * grads[0], d_weights, at::Tensor()};
  }
};

class PictureOf : public Function<PictureOf> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& latents, const at::Tensor& weights, const FusedPlan* plan) {
    const FitKernels& k = fit_kernels();
    const float* const w = data(weights) + plan->context_weights();
    variable_list saved{latents, weights};
    at::Tensor below;
    for (size_t s = 0; s < plan->steps().size(); ++s) {
      const FusedStep& step = plan->steps()[s];
      at::Tensor out = at::empty({step.channels + step.added, step.height, step.width}, latents.options());
      check_launch(k.upsample(step, below.defined() ? data(below) : nullptr, data(latents), taps(w, s), out.data_ptr<float>(), stream()));
      saved.push_back(out);
      below = out;
    }
    const FusedDense& dense = plan->dense();
    at::Tensor y = at::empty({dense.outputs, dense.pixels}, latents.options());
    check_launch(k.dense(dense, data(below), w, y.data_ptr<float>(), stream()));
    saved.push_back(y);
    for (const FusedResidual& r : plan->residuals()) {
      at::Tensor next = at::empty_like(y);
      check_launch(k.residual(r, data(y), w, next.data_ptr<float>(), stream()));
      saved.push_back(next);
      y = next;
    }
    ctx->save_for_backward(saved);
    ctx->saved_data["plan"] = reinterpret_cast<int64_t>(plan);
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const FitKernels& k = fit_kernels();
    const auto* const plan = reinterpret_cast<const FusedPlan*>(ctx->saved_data["plan"].toInt());
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &latents = saved[0], &weights = saved[1];
    const float* const w = data(weights) + plan->context_weights();
    const size_t steps = plan->steps().size();
    const at::Tensor* const ups = saved.data() + 2;
    const at::Tensor* const maps = ups + steps;  // of the dense layers, then of the residual ones
    at::Tensor d_weights = at::zeros_like(weights), d_latents = at::empty_like(latents), dy = grads[0].contiguous();
    const int64_t base = plan->context_weights();
    Sums sums;

    for (size_t r = plan->residuals().size(); r-- > 0;) {
      const FusedResidual& job = plan->residuals()[r];
      const int64_t kernel = int64_t{9} * job.outputs * job.outputs;
      const at::Tensor partial = partial_of(kernel + job.outputs, latents);
      at::Tensor dx = at::empty_like(dy);
      check_launch(k.residual_back(job, data(maps[r]), data(maps[r + 1]), w, data(dy), dx.data_ptr<float>(), partial.data_ptr<float>(), stream()));
      sums.add(partial, 0, kernel, base + job.kernel);
      sums.add(partial, kernel, job.outputs, base + job.bias);
      dy = dx;
    }
    const FusedDense& dense = plan->dense();
    const int64_t n = kFusedHidden, g = dense.inputs, o = dense.outputs;
    const at::Tensor partial = partial_of(n * g + n + o * n + o * g + o, latents);
    at::Tensor du = at::empty_like(ups[steps - 1]);
    check_launch(k.dense_back(dense, data(ups[steps - 1]), w, data(dy), du.data_ptr<float>(), partial.data_ptr<float>(), stream()));
    sums.add(partial, 0, n * g, base + dense.first);
    sums.add(partial, n * g, n, base + dense.bias);
    sums.add(partial, n * g + n, o * (n + g), base + dense.last);  // and the direct ones behind them
    sums.add(partial, n * g + n + o * (n + g), o, base + dense.bias + n);

    for (size_t s = steps; s-- > 0;) {
      const FusedStep& step = plan->steps()[s];
      const bool more = step.channels > 0;
      at::Tensor d_in = more ? at::empty({step.channels, step.h, step.w}, latents.options()) : at::Tensor();
      const at::Tensor taps_sums = more ? partial_of(4, latents) : at::Tensor();
      check_launch(k.upsample_back(step, more ? data(ups[s - 1]) : nullptr, data(du), taps(w, s), more ? d_in.data_ptr<float>() : nullptr, d_latents.data_ptr<float>(),
                                   more ? taps_sums.data_ptr<float>() : nullptr, stream()));
      if (more) sums.add(taps_sums, 0, 4, base + 4 * (static_cast<int64_t>(s) - 1));
      du = d_in;
    }
    sums.reduce(d_weights);
    return {d_latents, d_weights, at::Tensor()};
  }

 private:
  static const float* taps(const float* weights, size_t step) { return step == 0 ? nullptr : weights + 4 * (step - 1); }
};

}  // namespace

FitKernels& fit_kernels() {
  static FitKernels kernels;
  return kernels;
}

bool fused(const Config& c) {
  return c.front == Front::plain && c.spatial == kFusedSpatial && c.coarse == kFusedCoarse && c.width == kFusedWidth && c.hidden == kFusedHidden &&
         c.inputs() >= kFusedMinInputs && c.inputs() <= kFusedMaxInputs;
}

void check_launch(const char* error) {
  if (error != nullptr) throw std::runtime_error(std::string("CUDA error: ") + error);
}

FusedPlan::FusedPlan(const Config& c, const std::vector<GridShape>& shapes, int64_t height, int64_t width) {
  for (int p = kContextFirst; p <= kContextBias; ++p) context_weights_ += part_size(c, static_cast<PartName>(p));
  int64_t at[kParts] = {};
  for (int p = kUpsampling; p <= kSynthesisBias; ++p) {
    at[p] = synthesis_weights_;
    synthesis_weights_ += part_size(c, static_cast<PartName>(p));
  }
  const auto offset = [&](PartName p) { return static_cast<int>(at[p]); };

  int64_t begin = 0;
  context_.grids = static_cast<int>(shapes.size());
  for (size_t g = 0; g < shapes.size(); ++g) {
    const int back = c.grids[g].parent;
    FusedGrid& grid = context_.grid[g];
    grid = {static_cast<int>(begin), static_cast<int>(shapes[g].height), static_cast<int>(shapes[g].width), back > 0 ? static_cast<int>(g) - back : -1, 0, context_.items};
    if (back > 0) grid.down = c.grids[g - static_cast<size_t>(back)].level - c.grids[g].level;
    context_.items += static_cast<int>((shapes[g].count() + kFusedItem - 1) / kFusedItem);
    begin += shapes[g].count();
    if (begin > std::numeric_limits<int>::max() / 4) throw std::runtime_error("the picture is too large to train for on a GPU");
  }
  for (int i = 0; i < kFusedContext; ++i) {
    const Offset o = i < kFusedSpatial ? spatial_offset(i) : coarse_offset(i - kFusedSpatial);
    context_.dy[i] = static_cast<signed char>(o.dy);
    context_.dx[i] = static_cast<signed char>(o.dx);
  }

  for (size_t g = 0; g < shapes.size();) {
    FusedStep step{};
    if (!steps_.empty()) {
      const FusedStep& below = steps_.back();
      step.channels = below.channels + below.added;
      step.h = below.height;
      step.w = below.width;
    }
    step.height = static_cast<int>(shapes[g].height);
    step.width = static_cast<int>(shapes[g].width);
    step.begin = context_.grid[g].begin;
    for (const int level = c.grids[g].level; g < shapes.size() && c.grids[g].level == level; ++g) step.scale[step.added++] = std::exp2(static_cast<float>(c.grids[g].gain) * 0.25f);
    steps_.push_back(step);
  }
  dense_ = {c.inputs(), c.outputs, offset(kSynthesisFirst), offset(kSynthesisLast), offset(kSynthesisDirect), offset(kSynthesisBias), height * width};
  for (int r = 0; r < c.residuals; ++r) {
    residuals_.push_back({c.outputs, static_cast<int>(height), static_cast<int>(width), offset(kSynthesisKernel) + r * c.outputs * c.outputs * 9,
                          offset(kSynthesisBias) + c.hidden + c.outputs + r * c.outputs, r + 1 < c.residuals});
  }
}

at::Tensor soft_round_fused(const at::Tensor& latents, const at::Tensor& uniform, const at::Tensor& temperature, const at::Tensor& shape) {
  return SoftRound::apply(latents, uniform, temperature, shape);
}
at::Tensor context_bits_fused(const at::Tensor& latents, const at::Tensor& weights, const FusedPlan& plan) {
  return ContextBits::apply(latents.contiguous(), weights.contiguous(), &plan);
}
at::Tensor picture_fused(const at::Tensor& latents, const at::Tensor& weights, const FusedPlan& plan) {
  return PictureOf::apply(latents.contiguous(), weights.contiguous(), &plan);
}

}  // namespace tessera::models::inr
