// How a picture is cut into tiles, and what decoding them will cost.
#pragma once

#include <cstdint>

#include "bitstream/header.h"
#include "codec/samples.h"

namespace tessera {

// Pictures above this many pixels are cut into tiles of kTile, so that memory stays bounded.
inline constexpr uint64_t kWholePixels = 2304ull * 2048;
inline constexpr uint32_t kTile = 2048;

inline Area tile_area(const bitstream::PictureInfo& p, uint64_t index) {
  if (p.tile == 0) return {0, 0, p.width, p.height};
  const uint64_t columns = bitstream::tile_columns(p);
  Area a;
  a.x = static_cast<uint32_t>(index % columns * p.tile);
  a.y = static_cast<uint32_t>(index / columns * p.tile);
  a.width = a.x + p.tile <= p.width ? p.tile : p.width - a.x;
  a.height = a.y + p.tile <= p.height ? p.tile : p.height - a.y;
  return a;
}

// Peak bytes of decoding on the CPU: program and weights, the picture, and the largest tile's activations, which are dominated by
// the widest feature map at 1/8 resolution; of an overfitted network, by two maps of all grids.
struct PictureMemory {
  uint64_t base, bytes_a_pixel;
};
inline constexpr PictureMemory kStillMemory{240ull << 20, 100};
inline constexpr PictureMemory kOverfitMemory{145ull << 20, 170};  // of a network with the most grids
inline constexpr PictureMemory kBayesMemory{150ull << 20, 400};    // of encoding too
inline uint64_t predicted_memory(const bitstream::PictureInfo& p, const PictureMemory& memory = kStillMemory) {
  const uint64_t width = p.tile == 0 || p.tile > p.width ? p.width : p.tile, height = p.tile == 0 || p.tile > p.height ? p.height : p.tile;
  const uint64_t padded = ((width + 63) / 64 * 64) * ((height + 63) / 64 * 64);
  return memory.base + padded * memory.bytes_a_pixel + uint64_t{p.width} * p.height * p.channels * (p.bit_depth > 8 ? 2 : 1);
}

}  // namespace tessera
