// The variational posterior of one picture's latents, and its relative entropy coding (libtorch).
//
// The loss is KL / positions + weight * MSE, in bits a sample position, samples in 0..1; the KL is that of independent normal variables from the standard normal
// prior. Coding makes blocks of kBudget bits, one index each; after each block the rest is fitted on.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "models/inr/bayes/blocks.h"
#include "models/inr/bayes/network.h"

namespace tessera::models::inr::bayes {

// Bits of a block's KL that an index of kIndexBits is spent on.
inline constexpr double kBudget = 16;
// Means stay within so many of the prior's deviations: no candidate lies far beyond.
inline constexpr double kFarthest = 3.5;

// KL of each latent in bits, for means and logs of deviations.
at::Tensor kl_bits(const at::Tensor& mean, const at::Tensor& log_deviation);

// Means and logs of deviations in units of a first guess, so that one learning rate suits all latents. For a batch of pictures of one size.
struct Guessed {
  at::Tensor centre, scale;          // [B, total]: of the guess; constant
  at::Tensor shift, log_factor;      // [B, total]: leaves; the mean is centre + scale shift, the deviation scale e^log_factor
  explicit Guessed(const at::Tensor& guess);  // [2, B, total]
  at::Tensor mean() const { return centre + scale * shift; }
  at::Tensor log_deviation() const { return scale.log() + log_factor; }
  void confine();  // means to kFarthest
  at::Tensor sample(const at::Tensor& noise) const { return centre + scale * (shift + log_factor.exp() * noise); }
};

struct PosteriorOptions {
  double weight = 1000;  // of the MSE
  int quality = 32;      // what is coded at all
  bool grey = false;     // the target has one row, the mean of the planes
  uint64_t seed = 1;
};

class Posterior {
 public:
  // target [outputs, H, W] float32 on the CPU: as many rows as planes, or one for grey pictures.
  Posterior(std::shared_ptr<const Prior> prior, const at::Tensor& target, const PosteriorOptions& options);

  struct Numbers {
    double bits = 0, mse = 0;  // KL, and error of the samples of the last step
    bool good = false;         // both are numbers
  };
  // rate: of Adam, in guessed deviations.
  Numbers step(double rate);

  // Chooses the blocks: as many as the KL asks for, or `wanted`; from then on every block's KL is steered to kBudget.
  size_t begin_blocks(size_t wanted = 0);
  // Codes the blocks one by one, with `steps` of fitting between them, shared out evenly. `watch` hears of the fraction done; false: no more fitting.
  Blocks code(int64_t steps, double rate, const std::function<bool(double)>& watch);

  double kl() const;  // bits, of what is not coded yet
  const std::vector<double>& coded_kl() const { return coded_kl_; }  // of each block when it was coded
  const Layout& layout() const { return layout_; }

 private:
  at::Tensor block_sums(const at::Tensor& kl) const;
  double unevenness(const std::vector<double>& kl, const Order& order) const;

  std::shared_ptr<const Prior> prior_;
  Network network_;
  at::Tensor target_;
  PosteriorOptions options_;
  Layout layout_;
  at::Generator generator_;
  at::Tensor noise_;          // [1]
  Guessed q_;
  at::Tensor moments_[2], steps_;
  at::Tensor open_, fixed_;   // [1, total]: 1 for latents that are fitted, values of the others
  at::Tensor block_of_;       // [total] long; latents without a block: the last number
  at::Tensor price_;          // [1, total] of a bit
  at::Tensor block_price_;    // [blocks + 1]
  Order order_;
  uint8_t seed_ = 0;
  std::vector<double> coded_kl_;
};

}  // namespace tessera::models::inr::bayes
