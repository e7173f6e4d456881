// The untrained network as a hybrid codec (docs/training.md).
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "models/video/motion.h"

namespace tessera::models {
namespace {

// Orthonormal DCT-II of side x side blocks, frequencies in zigzag order: [frequency, sample].
at::Tensor dct_basis(int64_t side) {
  const double n = static_cast<double>(side);
  at::Tensor d = at::empty({side, side}, at::kFloat);
  auto a = d.accessor<float, 2>();
  for (int64_t u = 0; u < side; ++u) {
    for (int64_t x = 0; x < side; ++x) {
      const double angle = M_PI * static_cast<double>((2 * x + 1) * u) / (2 * n);
      a[u][x] = static_cast<float>(std::cos(angle) * std::sqrt((u == 0 ? 1.0 : 2.0) / n));
    }
  }
  std::vector<int64_t> order(static_cast<size_t>(side * side));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [side](int64_t l, int64_t r) {
    const auto key = [side](int64_t i) { return std::pair(i / side + i % side, std::abs(i / side - i % side)); };
    return key(l) < key(r);
  });
  return at::einsum("ui,vj->uvij", {d, d}).reshape({side * side, side * side}).index_select(0, at::tensor(order));
}

}  // namespace

// Features 0..95 at 1/8 are the DCT coefficients of a patch: 64 of luma, 16 each of Cb and Cr. Latents are the four Haar bands of
// the lowest of them; analysis transforms the picture minus its prediction.
void Motion::block_dct_init() {
  const at::NoGradGuard no_grad;
  if (config_.patch_channels < kPatchSamples || config_.trunk_channels < config_.latents) return;  // reduced configurations start at random
  at::Tensor t = at::zeros({kPatchSamples, kPatchSamples});
  t.narrow(0, 0, 64).narrow(1, 0, 64).copy_(dct_basis(8));
  for (int64_t plane = 0; plane < 2; ++plane) t.narrow(0, 64 + 16 * plane, 16).narrow(1, 64 + 16 * plane, 16).copy_(dct_basis(4));
  embed_.weight.narrow(0, 0, kPatchSamples).zero_();
  embed_.weight.narrow(0, 0, kPatchSamples).narrow(1, kPatchSamples, kPatchSamples).copy_(t);
  if (config_.conditioning) reference_embed_.weight.narrow(0, 0, kPatchSamples).copy_(t);
  unembed_.weight.narrow(1, 0, kPatchSamples).copy_(t.t());

  const int64_t features = std::min<int64_t>(config_.latents / 4, kPatchSamples);
  const int64_t chroma = std::min<int64_t>(16, features / 8), luma = std::min<int64_t>(64, features - 2 * chroma);
  std::vector<int64_t> kept;
  for (int64_t f = 0; f < luma; ++f) kept.push_back(f);
  for (int64_t plane = 0; plane < 2; ++plane) {
    for (int64_t f = 0; f < chroma; ++f) kept.push_back(64 + 16 * plane + f);
  }
  constexpr std::array<std::array<float, 4>, 4> haar = {{{.5f, .5f, .5f, .5f}, {.5f, -.5f, .5f, -.5f}, {.5f, .5f, -.5f, -.5f}, {.5f, -.5f, -.5f, .5f}}};
  auto down = enc_down_.weight.accessor<float, 2>();
  auto up = dec_up_.weight.accessor<float, 2>();
  auto into = to_latent_.weight.accessor<float, 2>();
  auto out = from_latent_.weight.accessor<float, 2>();
  for (size_t k = 0; k < 4 * kept.size(); ++k) {
    const auto at = static_cast<int64_t>(k);
    for (int64_t s = 0; s < 4; ++s) {  // space_to_depth orders channels as c * 4 + sub-position
      down[at][4 * kept[k / 4] + s] = haar[k % 4][static_cast<size_t>(s)];
      up[4 * kept[k / 4] + s][at] = haar[k % 4][static_cast<size_t>(s)];
    }
    into[at][at] += 1.0f;
    out[at][at] += 1.0f;
  }
}

}  // namespace tessera::models
