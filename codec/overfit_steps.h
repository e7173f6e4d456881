// How long the training of an overfitted network takes.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tessera {

inline constexpr int64_t kMaxFitSteps = 10'000'000;

// Steps of training at an effort of 0..9, both phases together; pictures below 256 x 256 get up to 4 times as many.
inline int64_t overfit_steps(int effort) {
  constexpr int64_t kSteps[10] = {60, 150, 400, 1000, 2500, 5000, 10000, 20000, 50000, 100000};
  return kSteps[std::clamp(effort, 0, 9)];
}

}  // namespace tessera
