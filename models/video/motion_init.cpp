// The untrained network as a hybrid codec (docs/training.md).
#include "models/video/motion_init.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "models/video/motion.h"

namespace tessera::models {
namespace {

// Frequencies of side x side blocks, v * side + u, the lowest first.
std::vector<int64_t> zigzag(int64_t side) {
  std::vector<int64_t> order(static_cast<size_t>(side * side));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [side](int64_t l, int64_t r) {
    const auto key = [side](int64_t i) { return std::pair(i / side + i % side, std::abs(i / side - i % side)); };
    return key(l) < key(r);
  });
  return order;
}

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
  return at::einsum("ui,vj->uvij", {d, d}).reshape({side * side, side * side}).index_select(0, at::tensor(zigzag(side)));
}

// Rows: features 0..95 of a patch at 1/8; 64 coefficients of luma, 16 each of Cb and Cr.
at::Tensor patch_transform() {
  at::Tensor t = at::zeros({kPatchSamples, kPatchSamples});
  t.narrow(0, 0, 64).narrow(1, 0, 64).copy_(dct_basis(8));
  for (int64_t plane = 0; plane < 2; ++plane) t.narrow(0, 64 + 16 * plane, 16).narrow(1, 64 + 16 * plane, 16).copy_(dct_basis(4));
  return t;
}

constexpr std::array<std::array<float, 4>, 4> kHaar = {{{.5f, .5f, .5f, .5f}, {.5f, -.5f, .5f, -.5f}, {.5f, .5f, -.5f, -.5f}, {.5f, -.5f, -.5f, .5f}}};

}  // namespace

LatentFeatures latent_features(const MotionConfig& config) {
  const int64_t features = std::min<int64_t>(config.coarse_latents() / 4, kPatchSamples);
  const int64_t chroma = std::min<int64_t>(16, features / 8), luma = std::min<int64_t>(64, features - 2 * chroma);
  LatentFeatures out;
  for (int64_t f = 0; f < luma; ++f) out.coarse.push_back(f);
  for (const int64_t plane : {64, 80}) {
    for (int64_t f = 0; f < chroma; ++f) out.coarse.push_back(plane + f);
    for (int64_t f = chroma; f < 16; ++f) out.fine.push_back({plane + f, luma + (plane - 64) / 16 * chroma + std::max(f - 16 + chroma, chroma / 2)});
  }
  std::vector<int64_t> rest;
  for (int64_t f = luma; f < 64; ++f) rest.push_back(f);
  // The corner of the spectrum first: a network that has been trained for long without fine latents takes in much of the rest (docs/results/video.md, "Latents").
  const std::vector<int64_t> order = zigzag(8);
  const auto radius = [&](int64_t f) {
    const int64_t u = order[static_cast<size_t>(f)] % 8, v = order[static_cast<size_t>(f)] / 8;
    return u * u + v * v;
  };
  std::stable_sort(rest.begin(), rest.end(), [&](int64_t l, int64_t r) { return radius(l) > radius(r); });
  for (const int64_t f : rest) out.fine.push_back({f, std::max(f - 64 + luma, luma / 2)});
  if (static_cast<int64_t>(out.fine.size()) > config.fine_latents / 4) out.fine.resize(static_cast<size_t>(config.fine_latents / 4));
  return out;
}

// Features 0..95 at 1/8 are the DCT coefficients of a patch. Latents are the four Haar bands of
// the lowest of them; analysis transforms the picture minus its prediction.
void Motion::block_dct_init() {
  const at::NoGradGuard no_grad;
  if (config_.patch_channels < kPatchSamples || config_.trunk_channels < config_.coarse_latents()) return;  // reduced configurations start at random
  const at::Tensor t = patch_transform();
  embed_.weight.narrow(0, 0, kPatchSamples).zero_();
  embed_.weight.narrow(0, 0, kPatchSamples).narrow(1, kPatchSamples, kPatchSamples).copy_(t);
  if (config_.conditioning) reference_embed_.weight.narrow(0, 0, kPatchSamples).copy_(t);
  unembed_.weight.narrow(1, 0, kPatchSamples).copy_(t.t());

  const std::vector<int64_t> kept = latent_features(config_).coarse;
  auto down = enc_down_.weight.accessor<float, 2>();
  auto up = dec_up_.weight.accessor<float, 2>();
  auto into = to_latent_.weight.accessor<float, 2>();
  auto out = from_latent_.weight.accessor<float, 2>();
  for (size_t k = 0; k < 4 * kept.size(); ++k) {
    const auto at = static_cast<int64_t>(k);
    for (int64_t s = 0; s < 4; ++s) {  // space_to_depth orders channels as c * 4 + sub-position
      down[at][4 * kept[k / 4] + s] = kHaar[k % 4][static_cast<size_t>(s)];
      up[4 * kept[k / 4] + s][at] = kHaar[k % 4][static_cast<size_t>(s)];
    }
    into[at][at] += 1.0f;
  }
  // Columns of the latents in the order of the streams.
  at::Tensor order = at::arange(config_.coarse_latents());
  if (config_.fine_latents > 0) {
    order = join_latents(order, at::full({config_.fine_latents}, -1, at::kLong));
    fine_init();
  }
  for (int64_t column = 0; column < config_.latents; ++column) {
    const auto latent = order[column].item<int64_t>();
    if (latent >= 0 && latent < static_cast<int64_t>(4 * kept.size())) out[latent][column] += 1.0f;
  }
}

// Fine latents are the Haar bands of the features that the coarse ones leave out.
void Motion::fine_init() {
  const at::NoGradGuard no_grad;
  const at::Tensor t = patch_transform();
  const auto features = latent_features(config_).fine;
  at::Tensor forward = at::zeros({config_.fine_latents, kPatchSamples, 4});
  for (int64_t k = 0; k < 4 * static_cast<int64_t>(features.size()); ++k) {
    forward[k].copy_(t[features[static_cast<size_t>(k / 4)].feature].unsqueeze(1) * at::tensor(at::ArrayRef<float>(kHaar[static_cast<size_t>(k % 4)])));
  }
  forward = forward.reshape({config_.fine_latents, 4 * kPatchSamples});  // space_to_depth orders channels as c * 4 + sub-position
  fine_patch_.weight.zero_();
  fine_patch_.weight.narrow(1, 4 * kPatchSamples, 4 * kPatchSamples).copy_(forward);  // behind the picture: its difference from the prediction
  fine_out_.weight.copy_(forward.t());
}

}  // namespace tessera::models
