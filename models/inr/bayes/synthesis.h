// From latents to samples, in plain C++ (the decoder's side; the trainer's is network.h). The pixel path: floats, so that two machines' samples may
// differ in the last bit of a float, and nothing that is coded depends on it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/inr/bayes/prior.h"

namespace tessera::models::inr::bayes {

// Of a coefficient: log_deviation of what it stands for, noise: the distortion that the quality asks for.
float gain_of(float log_deviation, float noise);
inline constexpr float kSharpness = 3;                       // of the gain's smooth threshold
inline constexpr float kLeastLog = -14, kMostLog = 4;        // of a deviation

// latents: those of the layout, in units of 1 / kUnit. -> [planes][height][width], about 0..1 for pictures and -1/2..1/2 for sound, not clamped.
std::vector<float> synthesise(const Prior& prior, const Layout& layout, std::span<const int16_t> latents, double weight);

}  // namespace tessera::models::inr::bayes
