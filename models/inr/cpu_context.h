// The context network's bits and all their gradients in one pass over the latents, for training on a CPU: what Fit's operators would compute in
// some hundred passes over memory. Floats; nothing here decides what the range coder sees.
#pragma once

#include <vector>

#include "models/inr/config.h"

namespace tessera::models::inr {

// Weights as in network.h: first [C][H], second [H][H], last [H + C][2], bias [2 H + 2 + G].
struct ContextWeights {
  const float *first, *second, *last, *bias;
};
struct ContextGradients {
  float *latents, *first, *second, *last, *bias;  // of the same sizes; overwritten
};

// latents: all grids one after the other. Returns the sum of the bits. The result does not depend on the number of threads.
double context_bits(const Config& config, const std::vector<GridShape>& shapes, const float* latents, const ContextWeights& weights,
                    const ContextGradients& gradients);

}  // namespace tessera::models::inr
