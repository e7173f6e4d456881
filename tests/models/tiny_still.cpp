#include "tests/models/tiny_still.h"

#include "tests/models/tensors.h"

namespace tessera::models::test {

StillConfig tiny_config() {
  StillConfig c;
  c.patch_channels = 16;
  c.trunk_channels = 24;
  c.latents = 16;
  c.hyperlatents = 8;
  c.hyper_channels = 16;
  c.context_channels = 16;
  c.attention = 8;
  c.enc_patch_blocks = 2;
  c.enc_trunk_blocks = 1;
  c.dec_trunk_blocks = 1;
  c.dec_patch_blocks = 2;
  c.context_blocks = 2;
  return c;
}

void randomise(Still& network, uint64_t seed) {
  const at::NoGradGuard no_grad;
  for (Param& p : network.params().list()) {
    const double spread = p.tensor.dim() > 1 ? 0.5 / std::sqrt(static_cast<double>(p.tensor.size(1))) : 0.2;
    p.tensor.add_(random_normal(p.tensor.sizes(), seed++) * spread);
  }
  const auto round = [&](const exact::Scales& s) {
    for (const auto& [name, scale] : {std::pair{s.weight_name, s.weight}, {s.bias_name, s.bias}}) {
      at::Tensor p = network.params().find(name)->tensor;
      p.copy_(at::floor(p * scale + 0.5) / scale);
    }
  };
  for (const auto* layer : network.exact_linears())
    round(layer->scales(network.params().find(layer->name() + ".weight")->tensor, network.params().find(layer->name() + ".bias")->tensor));
  for (const auto* layer : network.exact_depthwises())
    round(layer->scales(network.params().find(layer->name() + ".weight")->tensor, network.params().find(layer->name() + ".bias")->tensor));
}

}  // namespace tessera::models::test
