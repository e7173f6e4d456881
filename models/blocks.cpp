#include "models/blocks.h"

#include <cmath>

#include "models/cpu_block.h"
#include "models/ops.h"

namespace tessera::models {
namespace {
constexpr double kLeakySlope = 0.01;
}

Linear::Linear(ParamSet& params, const std::string& name, int64_t in, int64_t out, double stddev, ParamKind kind) {
  weight = params.add(name + ".weight", {out, in}, 0.0, stddev, kind);
  bias = params.add(name + ".bias", {out}, 0.0, 0.0, kind == ParamKind::fine ? kind : ParamKind::edge);
}

at::Tensor Linear::operator()(const at::Tensor& x) const { return linear(x, weight, bias); }

Block::Block(ParamSet& params, const std::string& name, int64_t c) {
  const double fan = 1.0 / std::sqrt(static_cast<double>(c));
  mix_in = Linear(params, name + ".mix_in", c, c, fan);
  dw_weight = params.add(name + ".dw.weight", {9, c}, 0.0, 1.0 / 3, ParamKind::edge);
  dw_bias = params.add(name + ".dw.bias", {c}, 0.0, 0.0, ParamKind::edge);
  mix_out = Linear(params, name + ".mix_out", c, c, 0.0);
  expand = Linear(params, name + ".expand", c, 4 * c, fan);
  contract = Linear(params, name + ".contract", 2 * c, c, 0.0);
}

at::Tensor Block::operator()(const at::Tensor& input) const {
  if (use_cpu_inference(input)) {
    return block_cpu(input, {mix_in.weight, mix_in.bias, dw_weight, dw_bias, mix_out.weight, mix_out.bias, expand.weight, expand.bias,
                             contract.weight, contract.bias, kLeakySlope, gate_limit});
  }
  const at::Tensor x = input + mix_out(depthwise3x3(mix_in(input), dw_weight, dw_bias, kLeakySlope));
  return x + contract(gated_silu(expand(x), gate_limit));
}

double Block::macs() const {
  return mix_in.macs() + mix_out.macs() + expand.macs() + contract.macs() + static_cast<double>(dw_weight.numel());
}

GlobalContext::GlobalContext(ParamSet& params, const std::string& name, int64_t c, int64_t width) : d(width) {
  qkv = Linear(params, name + ".qkv", c, 3 * width, 1.0 / std::sqrt(static_cast<double>(c)));
  out = Linear(params, name + ".out", width, c, 0.0);
}

at::Tensor GlobalContext::operator()(const at::Tensor& x) const {
  const int64_t b = x.size(0), n = x.size(1) * x.size(2);
  const at::Tensor t = qkv(x).reshape({b, n, 3 * d}).to(at::kFloat);
  // Feature map relu + small constant keeps every weight positive; sums over thousands of positions stay in float32.
  const at::Tensor q = at::relu(t.narrow(2, 0, d)) + 1e-3;
  const at::Tensor k = at::relu(t.narrow(2, d, d)) + 1e-3;
  const at::Tensor v = t.narrow(2, 2 * d, d);
  const at::Tensor kv = at::bmm(k.transpose(1, 2), v) / static_cast<double>(n);          // [B,d,d]
  const at::Tensor norm = at::bmm(q, k.mean(1, true).transpose(1, 2));                     // [B,n,1]
  const at::Tensor mixed = at::bmm(q, kv) / norm;
  return x + out(mixed.to(x.scalar_type()).reshape({b, x.size(1), x.size(2), d}));
}

double GlobalContext::macs() const { return qkv.macs() + out.macs() + 2.0 * static_cast<double>(d * d); }

LearnedScale::LearnedScale(ParamSet& params, const std::string& name, int64_t c, double coarse, double fine) {
  lo = params.add(name + ".lo", {c}, std::log(coarse), 0.0, ParamKind::fine);
  hi = params.add(name + ".hi", {c}, std::log(fine), 0.0, ParamKind::fine);
}

at::Tensor LearnedScale::operator()(const at::Tensor& q) const { return at::exp(lo + (hi - lo) * q); }

}  // namespace tessera::models
