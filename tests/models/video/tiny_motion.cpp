#include "tests/models/video/tiny_motion.h"

#include <cmath>

#include "tests/models/tensors.h"

namespace tessera::models::test {

MotionConfig tiny_motion_config(bool conditioning) {
  MotionConfig c;
  c.patch_channels = 104;
  c.trunk_channels = 64;
  c.latents = 64;
  c.hyperlatents = 16;
  c.hyper_channels = 24;
  c.state_channels = 16;
  c.mean_channels = 24;
  c.enc_patch_blocks = 1;
  c.enc_trunk_blocks = 1;
  c.reference_blocks = 1;
  c.dec_trunk_blocks = 1;
  c.dec_patch_blocks = 1;
  c.head_blocks = 1;
  c.mean_blocks = 1;
  c.conditioning = conditioning;
  return c;
}

void round_to_grids(Motion& network) {
  const at::NoGradGuard no_grad;
  const auto value = [&](const std::string& name) { return network.params().find(name)->tensor; };
  const auto round = [&](const exact::Scales& s) {
    for (const auto& [name, scale] : {std::pair{s.weight_name, s.weight}, {s.bias_name, s.bias}}) {
      at::Tensor p = value(name);
      p.copy_(at::floor(p * scale + 0.5) / scale);
    }
  };
  for (const auto* layer : network.prior().linears()) round(layer->scales(value(layer->name() + ".weight"), value(layer->name() + ".bias")));
  for (const auto* layer : network.prior().depthwises()) round(layer->scales(value(layer->name() + ".weight"), value(layer->name() + ".bias")));
}

void randomise(Motion& network, uint64_t seed, double scale) {
  const at::NoGradGuard no_grad;
  for (Param& p : network.params().list()) {
    const double spread = scale * (p.tensor.dim() > 1 ? 0.3 / std::sqrt(static_cast<double>(p.tensor.size(1))) : 0.1);
    p.tensor.add_(random_normal(p.tensor.sizes(), seed++) * spread);
  }
  round_to_grids(network);
}

Planes moving_texture(int64_t height, int64_t width, double dx, double dy, int64_t frame, int64_t batch) {
  const auto plane = [&](int64_t h, int64_t w, double step, double phase) {
    at::Tensor out = at::empty({batch, 1, h, w}, at::kFloat);
    auto a = out.accessor<float, 4>();
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t i = 0; i < h; ++i) {
        for (int64_t j = 0; j < w; ++j) {
          const double x = static_cast<double>(j) * step - dx * static_cast<double>(frame) + 31 * static_cast<double>(b);
          const double y = static_cast<double>(i) * step - dy * static_cast<double>(frame);
          // Incommensurable waves: no two places look alike within a picture.
          const double v = std::sin(0.31 * x + 0.05 * y + phase) + std::sin(0.11 * y - 0.07 * x) + std::sin(0.23 * y + 0.019 * x * 1.7) + std::sin(0.041 * x + 0.13 * y);
          a[b][0][i][j] = static_cast<float>(0.5 + 0.11 * v);
        }
      }
    }
    return out;
  };
  const int64_t ch = (height + 1) / 2, cw = (width + 1) / 2;
  return {plane(height, width, 1, 0), at::cat({plane(ch, cw, 2, 1), plane(ch, cw, 2, 2)}, 1)};
}

}  // namespace tessera::models::test
