// Building blocks of the float (pixel) path. Every block keeps [B,H,W,C] and counts its multiply-adds per position.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "models/params.h"

namespace tessera::models {

// 1x1 convolution with bias.
struct Linear {
  at::Tensor weight, bias;
  Linear() = default;
  Linear(ParamSet& params, const std::string& name, int64_t in, int64_t out, double stddev, ParamKind kind = ParamKind::matrix);
  at::Tensor operator()(const at::Tensor& x) const;
  double macs() const { return static_cast<double>(weight.numel()); }
};

// Residual block: x += W2 * dw3x3(leaky(W1 x)), then x += W4 * (silu(g) * v) with [g|v] = W3 x (gated feed-forward, Shazeer 2020).
// 8 C^2 + 9 C multiply-adds a position. The last layer of either branch starts at zero, so a new block is the identity.
struct Block {
  Linear mix_in, mix_out, expand, contract;
  at::Tensor dw_weight, dw_bias;
  // Above 0, what the gates let through is within +-gate_limit. A product of two features grows with the square of its input: on pictures
  // unlike those of the training a few blocks in a row would reach any size.
  double gate_limit = 0;
  Block() = default;
  Block(ParamSet& params, const std::string& name, int64_t c);
  at::Tensor operator()(const at::Tensor& x) const;
  double macs() const;
};

// Global context: linear attention over all positions of the tensor (Katharopoulos et al. 2020), added to x.
// Cost per position: 3 C d + C d + 2 d^2; independent of the picture's size otherwise.
struct GlobalContext {
  Linear qkv, out;
  int64_t d = 0;
  GlobalContext() = default;
  GlobalContext(ParamSet& params, const std::string& name, int64_t c, int64_t width);
  at::Tensor operator()(const at::Tensor& x) const;
  double macs() const;
};

// Per-channel gain that moves with the quality: exp(lo + (hi - lo) q), q in 0..1 of shape [B,1,1,1] -> [B,1,1,C].
struct LearnedScale {
  at::Tensor lo, hi;
  LearnedScale() = default;
  LearnedScale(ParamSet& params, const std::string& name, int64_t c, double coarse, double fine);
  at::Tensor operator()(const at::Tensor& q) const;
};

}  // namespace tessera::models
