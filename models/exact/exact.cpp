#include "models/exact/exact.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "models/ops.h"

namespace tessera::models::exact {
namespace {

// Sum of |weights| that a channel may have: with activations of kActivationMax and a bias of up to kBiasMax the
// accumulator stays below kSumLimit.
constexpr int64_t kBiasMax = 1 << 19;
constexpr int64_t kWeightSumMax = (kSumLimit - 1 - kBiasMax) / kActivationMax;

constexpr int kShiftMax = 14;

// Largest shift per output channel such that the rounded weights fit 8 bits and the bound on sums holds.
// w: [out, n] float, b: [out]. Returns [out,1], integer-valued.
at::Tensor choose_shift(const at::Tensor& w, const at::Tensor& b) {
  const at::Tensor magnitude = w.abs();
  const at::Tensor n = at::scalar_tensor(static_cast<double>(w.size(1)), w.options());
  const at::Tensor by_peak = (kWeightMax + 0.49) / magnitude.amax(1, true).clamp_min(1e-6);
  // Rounding adds at most 1/2 a weight.
  const at::Tensor by_sum = (static_cast<double>(kWeightSumMax) - 0.5 * n) / magnitude.sum(1, true).clamp_min(1e-6);
  const at::Tensor by_bias = (static_cast<double>(kBiasMax) - 1) / (b.abs().unsqueeze(1) * kUnit).clamp_min(1e-6);
  return at::floor(at::log2(at::minimum(at::minimum(by_peak, by_sum), by_bias))).clamp(0, kShiftMax);
}

// The integers of w [out, n], b [out] (real units).
Frozen to_integers(const at::Tensor& w, const at::Tensor& b) {
  const at::Tensor shift = choose_shift(w, b);
  const at::Tensor scale = at::exp2(shift);
  const double bias_max = static_cast<double>(kBiasMax);
  return {at::floor(w * scale + 0.5).clamp(-kWeightMax, kWeightMax).to(at::kChar), shift.squeeze(1).to(at::kByte),
          at::floor(b * kUnit * scale.squeeze(1) + 0.5).clamp(-bias_max, bias_max).to(at::kInt)};
}

// Checks shapes and proves the bound for weight int8 [out, n].
void prove(const std::string& name, const Frozen& f, int64_t out, int64_t n) {
  if (f.weight.scalar_type() != at::kChar || f.shift.scalar_type() != at::kByte || f.bias.scalar_type() != at::kInt ||
      f.weight.sizes() != at::IntArrayRef({out, n}) || f.shift.sizes() != at::IntArrayRef({out}) || f.bias.sizes() != at::IntArrayRef({out})) {
    throw std::runtime_error("exact layer " + name + " has tensors of the wrong type or shape");
  }
  const at::Tensor w = f.weight.contiguous(), s = f.shift.contiguous(), b = f.bias.contiguous();
  const int8_t* wp = w.const_data_ptr<int8_t>();
  const uint8_t* sp = s.const_data_ptr<uint8_t>();
  const int32_t* bp = b.const_data_ptr<int32_t>();
  for (int64_t o = 0; o < out; ++o) {
    int64_t sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += std::abs(static_cast<int64_t>(wp[o * n + i]));
    if (sum * kActivationMax + std::abs(static_cast<int64_t>(bp[o])) >= kSumLimit || sp[o] > kShiftMax) {
      throw std::runtime_error("exact layer " + name + ": channel " + std::to_string(o) + " could leave the exact range of float32");
    }
  }
}

// Rounding and clamping in one node; the gradient is cut where the clamp acts.
class Settle : public torch::autograd::Function<Settle> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& a, bool rounded) {
    ctx->save_for_backward({a});
    return at::clamp(rounded ? at::floor(a + 0.5) : a, -kActivationMax, kActivationMax);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const at::Tensor a = ctx->get_saved_variables()[0];
    return {grads[0] * (a.abs() <= kActivationMax), at::Tensor()};
  }
};

class Leaky : public torch::autograd::Function<Leaky> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& a, bool rounded) {
    ctx->save_for_backward({a});
    return at::maximum(a, rounded ? at::floor(a * 0.125 + 0.5) : a * 0.125);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    return {at::leaky_relu_backward(grads[0], ctx->get_saved_variables()[0], 0.125, false), at::Tensor()};
  }
};

}  // namespace

at::Tensor settle(const at::Tensor& a, Mode mode) { return Settle::apply(a, mode == Mode::quantised); }
at::Tensor leaky(const at::Tensor& a, Mode mode) { return Leaky::apply(a, mode == Mode::quantised); }

ExactLinear::ExactLinear(ParamSet& params, const std::string& name, int64_t in, int64_t out, double stddev)
    : name_(name), in_(in), out_(out) {
  weight_ = params.add(name + ".weight", {out, in}, 0.0, stddev, ParamKind::fine);
  bias_ = params.add(name + ".bias", {out}, 0.0, 0.0, ParamKind::fine);
}

at::Tensor ExactLinear::forward(const at::Tensor& x, Mode mode) const {
  if (fixed_weight_.defined()) return settle(linear(x, fixed_weight_, fixed_bias_), Mode::quantised);
  return settle(at::linear(x, weight_, bias_ * kUnit), mode);
}

Scales ExactLinear::scales(const at::Tensor& weight, const at::Tensor& bias) const {
  const at::Tensor scale = at::exp2(choose_shift(weight.detach(), bias.detach()));
  return {name_ + ".weight", name_ + ".bias", scale.expand_as(weight).contiguous(), (scale.squeeze(1) * kUnit).contiguous()};
}

Frozen ExactLinear::freeze() const {
  const Frozen f = to_integers(weight_.detach().cpu(), bias_.detach().cpu());
  prove(name_, f, out_, in_);
  return f;
}

void ExactLinear::load(const Frozen& f) {
  prove(name_, f, out_, in_);
  const at::Tensor step = at::exp2(-f.shift.to(at::kFloat));
  fixed_weight_ = (f.weight.to(at::kFloat) * step.unsqueeze(1)).to(weight_.device());
  fixed_bias_ = (f.bias.to(at::kFloat) * step).to(weight_.device());
}

void ExactLinear::to(at::Device device) {
  if (!fixed_weight_.defined()) return;
  fixed_weight_ = fixed_weight_.to(device);
  fixed_bias_ = fixed_bias_.to(device);
}

std::vector<int64_t> ExactLinear::reference(const Frozen& layer, const std::vector<int64_t>& x, int64_t in, int64_t out) {
  const int64_t n = static_cast<int64_t>(x.size()) / in;
  const int8_t* w = layer.weight.const_data_ptr<int8_t>();
  const uint8_t* s = layer.shift.const_data_ptr<uint8_t>();
  const int32_t* b = layer.bias.const_data_ptr<int32_t>();
  std::vector<int64_t> y(static_cast<size_t>(n * out));
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t o = 0; o < out; ++o) {
      int64_t sum = b[o];
      for (int64_t i = 0; i < in; ++i) sum += static_cast<int64_t>(w[o * in + i]) * x[static_cast<size_t>(r * in + i)];
      const int64_t half = s[o] == 0 ? 0 : int64_t{1} << (s[o] - 1);
      const int64_t rounded = (sum + half) >> s[o];  // arithmetic shift: floor
      y[static_cast<size_t>(r * out + o)] = std::max<int64_t>(-kActivationMax, std::min<int64_t>(kActivationMax, rounded));
    }
  }
  return y;
}

ExactDepthwise::ExactDepthwise(ParamSet& params, const std::string& name, int64_t channels) : name_(name), channels_(channels) {
  weight_ = params.add(name + ".weight", {9, channels}, 0.0, 1.0 / 3, ParamKind::fine);
  bias_ = params.add(name + ".bias", {channels}, 0.0, 0.0, ParamKind::fine);
}

at::Tensor ExactDepthwise::forward(const at::Tensor& x, Mode mode) const {
  if (fixed_weight_.defined()) return settle(depthwise3x3(x, fixed_weight_, fixed_bias_, 1.0), Mode::quantised);
  return settle(depthwise3x3(x, weight_, bias_ * kUnit, 1.0), mode);
}

Scales ExactDepthwise::scales(const at::Tensor& weight, const at::Tensor& bias) const {
  const at::Tensor scale = at::exp2(choose_shift(weight.detach().t(), bias.detach())).t();
  return {name_ + ".weight", name_ + ".bias", scale.expand_as(weight).contiguous(), (scale.squeeze(0) * kUnit).contiguous()};
}

Frozen ExactDepthwise::freeze() const {
  Frozen f = to_integers(weight_.detach().cpu().t(), bias_.detach().cpu());
  prove(name_, f, channels_, 9);
  f.weight = f.weight.t().contiguous();
  return f;
}

void ExactDepthwise::load(const Frozen& f) {
  if (f.weight.dim() != 2) throw std::runtime_error("exact layer " + name_ + " has tensors of the wrong type or shape");
  prove(name_, {f.weight.t(), f.shift, f.bias}, channels_, 9);
  const at::Tensor step = at::exp2(-f.shift.to(at::kFloat));
  fixed_weight_ = (f.weight.to(at::kFloat) * step).contiguous().to(weight_.device());
  fixed_bias_ = (f.bias.to(at::kFloat) * step).to(weight_.device());
}

void ExactDepthwise::to(at::Device device) {
  if (!fixed_weight_.defined()) return;
  fixed_weight_ = fixed_weight_.to(device);
  fixed_bias_ = fixed_bias_.to(device);
}

QualityBias::QualityBias(ParamSet& params, const std::string& name, int64_t channels, double lo, double hi)
    : name_(name), channels_(channels) {
  lo_ = params.add(name + ".lo", {channels}, lo, 0.0, ParamKind::fine);
  hi_ = params.add(name + ".hi", {channels}, hi, 0.0, ParamKind::fine);
}

at::Tensor QualityBias::at_quality(const at::Tensor& q, Mode mode) const {
  const at::Tensor value = (lo_ + (hi_ - lo_) * q) * kUnit;
  return mode == Mode::quantised ? round_ste(value) : value;
}

at::Tensor QualityBias::freeze() const {
  const at::Tensor q = at::arange(64, at::kDouble).div(63).unsqueeze(1);
  const at::Tensor lo = lo_.detach().cpu().to(at::kDouble), hi = hi_.detach().cpu().to(at::kDouble);
  return at::floor((lo + (hi - lo) * q) * kUnit + 0.5).clamp(-32767, 32767).to(at::kShort);
}

void QualityBias::load(const at::Tensor& table) {
  if (table.scalar_type() != at::kShort || table.sizes() != at::IntArrayRef({64, channels_})) {
    throw std::runtime_error("quality table " + name_ + " has the wrong type or shape");
  }
  table_ = table.to(at::kFloat).to(lo_.device());
}

void QualityBias::to(at::Device device) {
  if (table_.defined()) table_ = table_.to(device);
}

at::Tensor QualityBias::at_index(int quality) const { return table_.select(0, quality); }

ExactBlock::ExactBlock(ParamSet& params, const std::string& name, int64_t c) {
  const double fan = 1.0 / std::sqrt(static_cast<double>(c));
  mix_in = ExactLinear(params, name + ".mix_in", c, c, fan);
  depthwise = ExactDepthwise(params, name + ".dw", c);
  mix_out = ExactLinear(params, name + ".mix_out", c, c, 0.1 * fan);
  expand = ExactLinear(params, name + ".expand", c, 2 * c, fan);
  contract = ExactLinear(params, name + ".contract", 2 * c, c, 0.1 * fan);
}

at::Tensor ExactBlock::forward(const at::Tensor& input, Mode mode) const {
  at::Tensor x = settle(input + mix_out.forward(depthwise.forward(leaky(mix_in.forward(input, mode), mode), mode), mode), mode);
  return settle(x + contract.forward(leaky(expand.forward(x, mode), mode), mode), mode);
}

double ExactBlock::macs() const { return mix_in.macs() + mix_out.macs() + expand.macs() + contract.macs() + depthwise.macs(); }

}  // namespace tessera::models::exact
