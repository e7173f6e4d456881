// How much an error weighs against a bit at a quality: the same for all codecs whose loss is bits / pixels + weight * MSE.
#pragma once

#include <algorithm>
#include <cmath>

#include "models/still.h"

namespace tessera {

// The weight of the MSE (samples in 0..1, bits a pixel) at a quality: the same as the still model's, so that qualities mean the same.
inline double rate_weight(double quality) {
  const models::StillConfig still;
  return 65025 * still.lambda_min * std::pow(still.lambda_max / still.lambda_min, quality / (models::kQualities - 1));
}

inline int quality_of_weight(double weight) {
  const models::StillConfig still;
  const double q = std::log(weight / 65025 / still.lambda_min) / std::log(still.lambda_max / still.lambda_min);
  return static_cast<int>(std::clamp(std::lround(q * (models::kQualities - 1)), 0L, long{models::kQualities - 1}));
}

}  // namespace tessera
