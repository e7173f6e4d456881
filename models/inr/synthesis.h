// From latents to pixels, in plain C++ (the decoder's side; the trainer's is fit.h). The pixel path: floats, so that two machines' pictures may
// differ in the last bit of a float, and nothing that the range coder sees depends on it.
//
// Grids are dequantised and upsampled step by step: from each level to the next all channels so far grow by a factor of 2 in both
// directions (4 taps a phase, edges repeated, cropped to the finer grid's size), and the finer level's grids join them. At full resolution the features of
// the front end join (front.h), u [I] a pixel:
//   y = last . max(first . u + b, 0) + direct . u + b'
// and then R residual layers y = y + kernel * y + b'' (3x3, edges repeated), with max(., 0) after all but the last.
#pragma once

#include <cstdint>
#include <vector>

#include "models/inr/grids.h"
#include "models/inr/network.h"

namespace tessera::models::inr {

// -> [outputs][height][width], about 0..1, not clamped. Uses models::parallel.
std::vector<float> synthesise(const Network& network, const std::vector<Plane>& planes, int64_t height, int64_t width);

}  // namespace tessera::models::inr
