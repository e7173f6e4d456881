#include "models/video/temporal_prior.h"

#include <cmath>

#include "models/ops.h"

namespace tessera::models {
namespace {

constexpr double kRowsPerActivation = 0.125;  // heads are in 1/8 of a row
constexpr int kSymbolUnit = 32;               // of a symbol's magnitude as an activation
constexpr int kSymbolMax = exact::kActivationMax / kSymbolUnit;

double fan(int64_t c) { return 1.0 / std::sqrt(static_cast<double>(c)); }

at::Tensor bias(const exact::QualityBias& table, const Level& level, exact::Mode mode) {
  return level.index >= 0 ? table.at_index(level.index) : table.at_quality(level.q, mode);
}

// Magnitudes as activations: what has happened at a position, whatever its sign.
at::Tensor magnitude(const at::Tensor& symbols) { return at::clamp_max(symbols.detach().abs(), kSymbolMax) * kSymbolUnit; }

at::Tensor pad_even(const at::Tensor& x) {
  const int64_t h = x.size(1) % 2, w = x.size(2) % 2;
  return h + w == 0 ? x : at::constant_pad_nd(x, {0, 0, 0, w, 0, h});
}

}  // namespace

Level Level::of(int index, const at::TensorOptions& options) {
  return {at::full({1, 1, 1, 1}, index / 63.0, options), index};
}

TemporalPrior::TemporalPrior(ParamSet& p, const MotionConfig& config) : config_(config) {
  using exact::ExactBlock, exact::ExactLinear, exact::QualityBias;
  const int64_t z = config.hyperlatents, c = config.hyper_channels, s = config.state_channels, m = config.latents;
  const auto row = [&](double sigma) { return config.scales.row_of(sigma) / kRowsPerActivation / exact::kUnit; };

  const double vector_row = vector_row_of(0.2) / kRowsPerActivation / exact::kUnit;
  vector_head_ = ExactLinear(p, "temporal.vectors", s, 4, 0.3 * fan(s));
  vector_bias_ = QualityBias(p, "temporal.vector_quality", 4, vector_row, vector_row);
  pool1_ = ExactLinear(p, "temporal.pool1", 4 * s, s, fan(4 * s));
  pool2_ = ExactLinear(p, "temporal.pool2", 4 * s, z, 0.3 * fan(4 * s));
  hyper_bias_ = QualityBias(p, "temporal.hyper_quality", z, row(2.0), row(3.0));

  up1_ = ExactLinear(p, "temporal.up1", z, 4 * z, 2.0 * fan(z));
  low_bias_ = QualityBias(p, "temporal.low_quality", z, 0.0, 0.0);
  low_block_ = ExactBlock(p, "temporal.low_block", z);
  up2_ = ExactLinear(p, "temporal.up2", z, 4 * c, fan(z));
  join_ = ExactLinear(p, "temporal.join", c + s, c, fan(c));
  block1_ = ExactBlock(p, "temporal.block1", c);
  block2_ = ExactBlock(p, "temporal.block2", c);
  head_ = ExactLinear(p, "temporal.rows", c, m, 0.3 * fan(c));
  head_bias_ = QualityBias(p, "temporal.row_quality", m, row(0.3), row(1.5));

  update_ = ExactLinear(p, "temporal.update", c + m + 4, s, fan(c));
  state_block_ = ExactBlock(p, "temporal.state_block", s);
}

at::Tensor TemporalPrior::initial_state(int64_t batch, int64_t h, int64_t w, const at::TensorOptions& options) const {
  return at::zeros({batch, h, w, config_.state_channels}, options);
}

at::Tensor TemporalPrior::rows_of(const at::Tensor& raw, int64_t count, exact::Mode mode) {
  const at::Tensor rows = raw * kRowsPerActivation;
  return clamp_ste(mode == exact::Mode::quantised ? round_ste(rows) : rows, 0.0, static_cast<double>(count - 1));
}

at::Tensor TemporalPrior::vector_rows(const at::Tensor& state, const Level& level, exact::Mode mode) const {
  return rows_of(vector_head_.forward(state, mode) + bias(vector_bias_, level, mode), kVectorRows, mode);
}

at::Tensor TemporalPrior::hyper_rows(const at::Tensor& state, const Level& level, exact::Mode mode) const {
  const at::Tensor half = exact::leaky(pool1_.forward(space_to_depth(pad_even(state), 2), mode), mode);
  const at::Tensor quarter = pool2_.forward(space_to_depth(pad_even(half), 2), mode);
  return rows_of(quarter + bias(hyper_bias_, level, mode), config_.scales.rows, mode);
}

TemporalPrior::Rows TemporalPrior::latent_rows(const at::Tensor& z, const at::Tensor& state, const Level& level, exact::Mode mode) const {
  at::Tensor x = depth_to_space(up1_.forward(z * 16, mode), 2);  // 127 * 16 fits the activation range
  x = exact::settle(x + bias(low_bias_, level, mode), mode);
  x = depth_to_space(up2_.forward(low_block_.forward(x, mode), mode), 2);
  x = x.narrow(1, 0, state.size(1)).narrow(2, 0, state.size(2));
  x = exact::leaky(join_.forward(at::cat({x, state}, -1), mode), mode);
  x = block2_.forward(block1_.forward(x, mode), mode);
  return {x, rows_of(head_.forward(x, mode) + bias(head_bias_, level, mode), config_.scales.rows, mode)};
}

at::Tensor TemporalPrior::next_state(const at::Tensor& feature, const at::Tensor& state, const at::Tensor& symbols, const at::Tensor& vectors,
                                     exact::Mode mode) const {
  const int64_t b = feature.size(0), h = feature.size(1), w = feature.size(2);
  const at::Tensor v = magnitude(vectors);
  const at::Tensor delta = v.narrow(-1, 2, 8).reshape({b, h, w, 4, 2}).amax(3);
  const at::Tensor news = update_.forward(at::cat({feature, magnitude(symbols), v.narrow(-1, 0, 2), delta}, -1), mode);
  return state_block_.forward(exact::settle(news + state * 0.5, mode), mode);  // what is not renewed fades
}

std::vector<exact::ExactLinear*> TemporalPrior::linears() {
  std::vector<exact::ExactLinear*> out = {&vector_head_, &pool1_, &pool2_, &up1_, &up2_, &join_, &head_, &update_};
  for (exact::ExactBlock* b : {&low_block_, &block1_, &block2_, &state_block_}) {
    out.insert(out.end(), {&b->mix_in, &b->mix_out, &b->expand, &b->contract});
  }
  return out;
}

std::vector<exact::ExactDepthwise*> TemporalPrior::depthwises() {
  return {&low_block_.depthwise, &block1_.depthwise, &block2_.depthwise, &state_block_.depthwise};
}

std::vector<exact::QualityBias*> TemporalPrior::tables() { return {&vector_bias_, &hyper_bias_, &low_bias_, &head_bias_}; }

double TemporalPrior::macs() const {
  const double at16 = vector_head_.macs() + join_.macs() + block1_.macs() + block2_.macs() + head_.macs() + update_.macs() + state_block_.macs();
  return at16 / 256 + (pool1_.macs() + low_block_.macs() + up2_.macs()) / 1024 + (pool2_.macs() + up1_.macs()) / 4096;
}

}  // namespace tessera::models
