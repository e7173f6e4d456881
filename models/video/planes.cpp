#include "models/video/planes.h"

#include "models/cpu_block.h"
#include "models/video/cpu_planes.h"

namespace tessera::models {
namespace {

at::Tensor squares(const at::Tensor& plane, int64_t side) {
  const int64_t b = plane.size(0), c = plane.size(1), h = plane.size(2) / side, w = plane.size(3) / side;
  return plane.reshape({b, c, h, side, w, side}).permute({0, 2, 4, 1, 3, 5}).reshape({b, h, w, c * side * side});
}

at::Tensor unsquare(const at::Tensor& patches, int64_t channels, int64_t side) {
  const int64_t b = patches.size(0), h = patches.size(1), w = patches.size(2);
  return patches.reshape({b, h, w, channels, side, side}).permute({0, 3, 1, 4, 2, 5}).reshape({b, channels, h * side, w * side});
}

at::Tensor grow(const at::Tensor& plane, int64_t height, int64_t width) {
  if (plane.size(2) == height && plane.size(3) == width) return plane;
  return at::replication_pad2d(plane, {0, width - plane.size(3), 0, height - plane.size(2)});
}

}  // namespace

at::Tensor centred_patches(const Planes& picture) {
  if (!use_cpu_inference(picture.y)) return to_patches({picture.y - 0.5, picture.uv - 0.5});
  at::Tensor out = at::empty({picture.batch(), picture.height() / 8, picture.width() / 8, kPatchSamples}, picture.y.options());
  put_patches_cpu(picture, {}, 0.5f, out, 0);
  return out;
}

at::Tensor paired_patches(const Planes& picture, const Planes& moved) {
  if (!use_cpu_inference(picture.y)) {
    return at::cat({centred_patches(picture), to_patches({picture.y - moved.y, picture.uv - moved.uv})}, -1);
  }
  at::Tensor out = at::empty({picture.batch(), picture.height() / 8, picture.width() / 8, 2 * kPatchSamples}, picture.y.options());
  put_patches_cpu(picture, {}, 0.5f, out, 0);
  put_patches_cpu(picture, moved, 0, out, kPatchSamples);
  return out;
}

at::Tensor to_patches(const Planes& picture) { return at::cat({squares(picture.y, 8), squares(picture.uv, 4)}, -1); }

Planes from_patches(const at::Tensor& patches) {
  if (use_cpu_inference(patches)) return from_patches_cpu(patches);
  return {unsquare(patches.narrow(-1, 0, 64), 1, 8), unsquare(patches.narrow(-1, 64, 32), 2, 4)};
}

Planes pad_planes(const Planes& picture) {
  const auto up = [](int64_t n) { return (n + kVideoAlign - 1) / kVideoAlign * kVideoAlign; };
  const int64_t h = up(picture.height()), w = up(picture.width());
  return {grow(picture.y, h, w), grow(picture.uv, h / 2, w / 2)};
}

Planes crop_planes(const Planes& picture, int64_t height, int64_t width) {
  return {picture.y.narrow(2, 0, height).narrow(3, 0, width), picture.uv.narrow(2, 0, (height + 1) / 2).narrow(3, 0, (width + 1) / 2)};
}

Planes frame_of(const Planes& clips, int64_t i) { return {clips.y.select(1, i), clips.uv.select(1, i)}; }

}  // namespace tessera::models
