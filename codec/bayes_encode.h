// One piece, a picture or a block of sound, through the fit of its posterior and relative entropy coding.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>

#include "codec/bayes_payload.h"
#include "codec/tessera.h"

namespace tessera {

struct BayesRequest {
  int quality = 32;
  std::optional<double> bits = {};  // of the whole piece to aim at instead, framing included
  int effort = 5;
  int64_t steps = 0;                // of the fit, instead of the effort's
  FitWatch watch = {};              // false: end the fit and code what there is
};

// Steps of the fit at an effort of 0..9; coding the blocks takes about half as many again.
int64_t bayes_steps(int effort);

struct BayesCoded {
  models::inr::bayes::Blocks blocks;
  BayesLatents latents;
  int quality = 0;
  double kl = 0;          // bits: of the fitted posterior, before there were blocks
  double block_kl = 0;    // of the blocks, each when it was coded
};

// samples [outputs, H, W] float32: as many rows as the prior's planes, or one, grey.
BayesCoded encode_bayes(std::shared_ptr<const models::inr::bayes::Prior> prior, const at::Tensor& samples, const BayesRequest& request, Report& report);

// The weight of the MSE at a quality.
double bayes_weight(const models::inr::bayes::Prior& prior, int quality);

// -> [1, H, W, 3] float32, not clamped.
at::Tensor synthesise_bayes(const models::inr::bayes::Prior& prior, const models::inr::bayes::Layout& layout, const BayesLatents& latents, int quality, Report& report);

}  // namespace tessera
