// The sections of a tile that was coded by an overfitted network (docs/bitstream.md, section 4.7): network and grids to bytes and back.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/sections.h"
#include "codec/tessera.h"
#include "models/inr/grids.h"
#include "models/inr/network.h"

namespace tessera {

inline constexpr const char* kOverfit = "overfit";  // name of the model; its hash is 0, and no weights are installed for it
inline constexpr uint32_t kOverfitRevision = 1;

// A tile's picture in coded form.
struct OverfitTile {
  models::inr::Network network;
  std::vector<models::inr::Plane> planes;
  uint32_t checksum = 0;  // CRC-32C of all parameters, then all latents, as 16-bit little-endian integers
};
uint32_t checksum_of(const OverfitTile& tile);

// Contents of the network and the grids section. Throws Failure (corrupt) when the context network breaks its bounds: an encoder's mistake.
struct OverfitSections {
  std::vector<uint8_t> network, grids;
};
OverfitSections write_overfit(const OverfitTile& tile);

// outputs: 1 for a grey picture, 3 for a colour one. Proves the checksum where there is one. Throws Failure (corrupt).
OverfitTile read_overfit(std::span<const bitstream::Section> sections, int64_t height, int64_t width, int outputs, Report& report);

// The network's configuration alone. Throws Failure (corrupt).
models::inr::Config read_overfit_config(std::span<const bitstream::Section> sections, int outputs);

inline int outputs_of(uint32_t channels) { return channels < 3 ? 1 : 3; }

}  // namespace tessera
