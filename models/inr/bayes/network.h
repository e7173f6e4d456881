// The Bayesian codec's network in libtorch's operators, for training the prior and for fitting a picture's posterior; what it computes is what
// synthesis.h computes.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <vector>

#include "models/inr/bayes/prior.h"

namespace tessera::models::inr::bayes {

struct Network {
  Geometry geometry;
  at::Tensor base, super_base, by_picture, by_super, by_cell, lift, kernel, network, basis;  // shapes: Prior

  // A transform codec that works before any training: cosine bases, colours by an orthonormal matrix, scales that move all coefficients, the high ones, the
  // horizontal against the vertical ones, and the planes against each other.
  static Network initial(const Geometry& geometry, uint64_t seed);
  static Network of(const Prior& prior);

  std::vector<at::Tensor*> parameters() { return {&base, &super_base, &by_picture, &by_super, &by_cell, &lift, &kernel, &network, &basis}; }

  // latents [B, total] -> [B, planes, height, width]. noise: [B], of noise_of().
  at::Tensor forward(const at::Tensor& latents, const Layout& layout, const at::Tensor& noise) const;

  // A guess of the posterior for samples [B, planes, height, width], as if the kernels were orthonormal: means and logs of deviations, [2, B, total].
  at::Tensor guess(const at::Tensor& samples, const Layout& layout, const at::Tensor& noise) const;

  // Coefficients [B, cells_y, cells_x, planes, cell_area] and [B, supers_y, supers_x, planes, super_area] of such samples.
  std::array<at::Tensor, 2> coefficients(const at::Tensor& samples, const Layout& layout) const;

  // Writes a weights file. Returns its hash.
  uint64_t save(const std::string& path, const std::string& name, uint32_t revision, const std::array<std::vector<uint16_t>, kAnchors>& shares,
                const std::string& training) const;
};

}  // namespace tessera::models::inr::bayes
