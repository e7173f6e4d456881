#include "apps/tessera-train/roughen.h"

#include <ATen/core/grad_mode.h>

#include "apps/tessera-train/clips.h"

namespace tessera::train {
namespace {

// planes [batch,frames,C,H,W], amount [batch,1,1,1,1].
at::Tensor sharpened(const at::Tensor& planes, const at::Tensor& amount) {
  const at::Tensor flat = planes.flatten(0, 1);
  const at::Tensor mean = at::avg_pool2d(at::replication_pad2d(flat, {1, 1, 1, 1}), 3, 1).reshape(planes.sizes());
  return planes + (planes - mean) * amount;
}

}  // namespace

models::Planes roughened(const models::Planes& clips, double share) {
  const at::NoGradGuard no_grad;
  const int64_t batch = clips.y.size(0);
  const at::Tensor r = at::rand({batch, 4}, clips.y.options());
  const auto random = [&](int64_t k) { return r.select(1, k).reshape({batch, 1, 1, 1, 1}); };
  const at::Tensor sharp = (random(0) < share).to(at::kFloat) * random(1) * kMostSharpening;
  const at::Tensor level = (random(2) < share).to(at::kFloat) * random(3).pow(3) * kMostNoise;  // mostly little
  // Chroma has half of the noise, since it is a mean of four samples.
  return {in_8_bits(sharpened(clips.y, sharp) + at::randn_like(clips.y) * level), in_8_bits(sharpened(clips.uv, sharp * 0.5) + at::randn_like(clips.uv) * level * 0.5)};
}

}  // namespace tessera::train
