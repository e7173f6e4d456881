// The latents of all grids through the context network and the range coder.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/status.h"
#include "models/inr/context_network.h"

namespace tessera::models::inr {

// One grid's latents in raster order, |q| <= kMaxLatent.
struct Plane {
  GridShape shape;
  std::vector<int16_t> values;
};

// Zeros of the right sizes for a picture.
std::vector<Plane> make_planes(const Config& config, int64_t height, int64_t width);

// `empty`: bit g says that grid g is zero throughout and not coded. `bytes`: the others, range-coded.
struct CodedGrids {
  uint32_t empty = 0;
  std::vector<std::byte> bytes;
};
CodedGrids encode_grids(const Config& config, const ContextNetwork& network, const std::vector<Plane>& planes);

// Fills planes made by make_planes(). Any bytes are handled in time linear in the number of latents. Error: corrupt.
Status decode_grids(const Config& config, const ContextNetwork& network, uint32_t empty, std::span<const std::byte> bytes, std::vector<Plane>& planes);

// Ideal bits of the grids, the mask aside.
double grid_bits(const Config& config, const ContextNetwork& network, const std::vector<Plane>& planes);

}  // namespace tessera::models::inr
