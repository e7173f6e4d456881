#include "models/audio/frame_chain.h"

#include <algorithm>
#include <cstring>

#include "models/clones.h"
#include "models/cpu_block.h"

namespace tessera::models::audio {
namespace {

constexpr float kLeakySlope = 0.01f;  // of FrameBlock

// Vectorised for each instruction set; the float path may differ between machines in the last bit.
TESSERA_CLONES() void filter_rows(
    const float* x, const float* weight, const float* bias, float* out, int64_t rows, int64_t taps, int64_t c) {
  for (int64_t r = 0; r < rows; ++r) {
    float* o = out + r * c;
    for (int64_t i = 0; i < c; ++i) o[i] = bias[i];
    for (int64_t tap = 0; tap < taps; ++tap) {
      const float* w = weight + tap * c;
      const float* in = x + (r + tap) * c;
      for (int64_t i = 0; i < c; ++i) o[i] += w[i] * in[i];
    }
  }
}

// out = x + bias, row by row.
void start_residual(const float* x, const at::Tensor& bias, float* out, int64_t rows, int64_t c) {
  const float* b = bias.const_data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < c; ++i) out[r * c + i] = x[r * c + i] + b[i];
  }
}

void add_product(const Dense& layer, const float* x, float* out, int64_t rows) {
  multiply_add(x, layer.weight.const_data_ptr<float>(), out, rows, layer.out(), layer.in());
}

// Moves the newest `keep` rows of a buffer to its start; the new ones follow.
float* make_room(at::Tensor& buffer, int64_t keep) {
  float* data = buffer.data_ptr<float>();
  const int64_t c = buffer.size(1), rows = buffer.size(0);
  if (keep > 0) std::memmove(data, data + (rows - keep) * c, static_cast<size_t>(keep * c) * sizeof(float));
  return data + keep * c;
}

}  // namespace

void apply(const Dense& layer, const float* x, float* out, int64_t rows) {
  const int64_t n = layer.out();
  const float* bias = layer.bias.const_data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) std::copy(bias, bias + n, out + r * n);
  add_product(layer, x, out, rows);
}

FrameChain::FrameChain(const std::vector<FrameBlockWeights>& blocks, int64_t left, int64_t block) : left_(left), block_(block) {
  if (blocks.empty()) return;
  const int64_t c = blocks[0].filter.size(1), k = blocks[0].filter.size(0), right = k - 1 - left;
  for (const FrameBlockWeights& w : blocks) stages_.push_back({&w, at::zeros({k - 1 + block, c}), at::zeros({right + block, c})});
  lag_ = right * static_cast<int64_t>(blocks.size());
  filtered_ = at::zeros({block, c});
  wide_ = at::zeros({block, 4 * c});
  gated_ = at::zeros({block, 2 * c});
  for (at::Tensor& map : maps_) map = at::zeros({block, c});
}

void FrameChain::reset() {
  for (Stage& stage : stages_) stage.mixed.zero_(), stage.delayed.zero_();
}

const float* FrameChain::run(const float* x, int64_t first, int64_t end) {
  size_t target = 0;
  for (Stage& stage : stages_) {
    float* out = maps_[target].data_ptr<float>();
    run(stage, x, first, end, out);
    first -= stage.delayed.size(0) - block_;
    x = out;
    target ^= 1;
  }
  return x;
}

void FrameChain::run(Stage& stage, const float* x, int64_t first, int64_t end, float* out) {
  const FrameBlockWeights& w = *stage.weights;
  const int64_t c = w.filter.size(1), k = w.filter.size(0), right = k - 1 - left_;
  float* mixed = make_room(stage.mixed, k - 1);
  apply(w.mix_in, x, mixed, block_);
  leaky_row(mixed, mixed, block_ * c, kLeakySlope);
  for (int64_t i = 0; i < block_; ++i) {
    if (first + i < 0 || first + i >= end) std::fill(mixed + i * c, mixed + (i + 1) * c, 0.f);
  }
  std::copy(x, x + block_ * c, make_room(stage.delayed, right));
  float* filtered = filtered_.data_ptr<float>();
  filter_rows(stage.mixed.const_data_ptr<float>(), w.filter.const_data_ptr<float>(), w.filter_bias.const_data_ptr<float>(), filtered, block_, k, c);
  start_residual(stage.delayed.const_data_ptr<float>(), w.mix_out.bias, out, block_, c);
  add_product(w.mix_out, filtered, out, block_);
  float *wide = wide_.data_ptr<float>(), *gated = gated_.data_ptr<float>();
  apply(w.expand, out, wide, block_);
  for (int64_t i = 0; i < block_; ++i) gate_row(wide + i * 4 * c, gated + i * 2 * c, 2 * c);
  for (int64_t i = 0; i < block_; ++i) {
    const float* bias = w.contract.bias.const_data_ptr<float>();
    for (int64_t j = 0; j < c; ++j) out[i * c + j] += bias[j];
  }
  add_product(w.contract, gated, out, block_);
}

}  // namespace tessera::models::audio
