#include "apps/tessera-train/rescale.h"

#include <ATen/core/grad_mode.h>

namespace tessera::train {
namespace {

// [batch,frames,C,H,W] -> twice the sides. align_corners = false keeps chroma between its luma samples.
at::Tensor twice(const at::Tensor& x) {
  const int64_t h = x.size(3), w = x.size(4);
  const at::Tensor flat = at::upsample_bicubic2d(x.flatten(0, 1), {2 * h, 2 * w}, false);
  return in_8_bits(flat).reshape({x.size(0), x.size(1), x.size(2), 2 * h, 2 * w});
}

// [4*batch,frames,C,H,W] -> [batch,frames,C,H,W]: each at half its size, two by two.
at::Tensor mosaic(const at::Tensor& x) {
  const int64_t batch = x.size(0) / 4, frames = x.size(1), c = x.size(2), h = x.size(3) / 2, w = x.size(4) / 2;
  const at::Tensor small = in_8_bits(at::avg_pool2d(x.flatten(0, 1), 2)).reshape({batch, 2, 2, frames, c, h, w});
  return small.permute({0, 3, 4, 1, 5, 2, 6}).reshape({batch, frames, c, 2 * h, 2 * w});
}

}  // namespace

models::Planes enlarged(const VideoClips& clips, int64_t batch, int64_t frames, int64_t crop, int64_t skip) {
  const at::NoGradGuard no_grad;
  const models::Planes p = clips.sample(batch, frames, crop / 2, skip);
  return {twice(p.y), twice(p.uv)};
}

models::Planes reduced(const VideoClips& clips, int64_t batch, int64_t frames, int64_t crop, int64_t skip) {
  const at::NoGradGuard no_grad;
  const models::Planes p = clips.sample(4 * batch, frames, crop, skip);
  return {mosaic(p.y), mosaic(p.uv)};
}

}  // namespace tessera::train
