// A picture's latents as blocks of the codebook: what is coded, in which order, and the way back. No libtorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/inr/bayes/codebook.h"
#include "models/inr/bayes/prior.h"

namespace tessera::models::inr::bayes {

// What a picture becomes.
struct Blocks {
  uint8_t seed = 0;               // of the shuffle
  std::vector<uint16_t> indices;  // of the blocks
};

// The latents that are coded, in the order of coding, and where blocks end. Throws std::runtime_error (no encoder makes so many blocks).
struct Order {
  std::vector<uint32_t> latents, ends;
};
Order order_of(const Prior& prior, const Layout& layout, int quality, bool grey, uint8_t seed, size_t blocks);
// The coded latents of a picture.
size_t coded_latents(const Prior& prior, const Layout& layout, int quality, bool grey);

// All latents of the layout from the blocks, in units of 1 / kUnit. Throws std::runtime_error like order_of().
std::vector<int16_t> decode_blocks(const Prior& prior, const Layout& layout, int quality, bool grey, const Blocks& blocks);

}  // namespace tessera::models::inr::bayes
