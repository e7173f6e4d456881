#include "models/audio/resynthesis.h"

#include <cmath>
#include <utility>

#include "models/ops.h"

namespace tessera::models::audio {
namespace {

constexpr double kLeakySlope = 0.01;  // of FrameBlock

at::Tensor dense(const Dense& layer, const at::Tensor& x) { return at::linear(x, layer.weight, layer.bias); }

}  // namespace

Resynthesis::Resynthesis(std::shared_ptr<const SpeechModel> model)
    : model_(std::move(model)),
      frontend_(model_->config.hop, model_->config.window, model_->config.causal),
      left_(model_->config.causal ? model_->config.kernel - 1 : model_->config.kernel / 2) {}

at::Tensor Resynthesis::operator()(const at::Tensor& latents) const {
  const SpeechConfig& c = model_->config;
  const int64_t n = latents.size(0);
  at::Tensor h = dense(model_->from_latent, latents.view({1, 1, n, c.quantizer.dim}));
  for (const FrameBlockWeights& b : model_->decoder) {
    h = h + dense(b.mix_out, depthwise1d(dense(b.mix_in, h), b.filter, b.filter_bias, left_, kLeakySlope));
    h = h + dense(b.contract, gated_silu(dense(b.expand, h)));
  }
  const at::Tensor parts = dense(model_->head, h).view({1, n, c.head_parts(), c.channels, frontend_.bins()}).transpose(1, 3);  // [1,C,parts,n,F]
  const auto [re, im] = head_spectrum(c, parts, 2);
  const at::Tensor y = frontend_.inverse(re, im).squeeze(0);
  if (c.channels == 1) return y;
  const at::Tensor mid = y[0], side = y[1];
  return at::stack({mid + side, mid - side}) * M_SQRT1_2;
}

}  // namespace tessera::models::audio
