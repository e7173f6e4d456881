// Test pictures made by code: the same samples on every machine for the same arguments.
#pragma once

#include <cstdint>

#include "data/picture.h"

namespace tessera::media {

enum class SynthKind : uint8_t {
  gradient,    // a ramp of another direction in each channel
  zone_plate,  // circles whose frequency rises up to the edge: what a codec blurs or aliases
  text,        // black blocks in rows like lines of text on white: hard edges, flat areas
  noise,       // independent samples: incompressible
  photo,       // fractal noise, shaded: the spectrum of a photograph
};
inline constexpr int kSynthKinds = 5;

const char* synth_name(SynthKind kind);

// width, height >= 1; channels 1..4, where alpha is a soft disc; bit_depth 8..16; `seed` varies text, noise,
// photo.
Picture synth_picture(SynthKind kind, uint32_t width, uint32_t height, uint32_t channels = 3,
                      uint32_t bit_depth = 8, uint32_t seed = 1);

}  // namespace tessera::media
