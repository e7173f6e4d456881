// The blocks section of the Bayesian codec (docs/bitstream.md, section 4.9): indices to bytes and back, and what decoding needs of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/sections.h"
#include "codec/tessera.h"
#include "models/inr/bayes/blocks.h"

namespace tessera {

inline constexpr const char* kBayes = "bayes";             // name of the prior of pictures
inline constexpr const char* kBayesSound = "bayes-sound";  // and of sound
inline constexpr uint32_t kBayesRate = 24000;              // Hz, of sound
// What such a representation is for; it bounds a decoder's work and memory.
inline constexpr uint32_t kBayesSide = 1024, kBayesPixels = 1u << 16;

// A piece in coded form.
struct BayesLatents {
  std::vector<int16_t> values;  // all latents of the layout
  uint32_t checksum = 0;        // CRC-32C of the values as 16-bit little-endian integers
};

std::vector<uint8_t> write_blocks(const models::inr::bayes::Blocks& blocks);
// Throws Failure (corrupt).
models::inr::bayes::Blocks read_blocks(std::span<const uint8_t> content);

BayesLatents latents_of(const models::inr::bayes::Prior& prior, const models::inr::bayes::Layout& layout, int quality, bool grey,
                        const models::inr::bayes::Blocks& blocks);

// The latents of a packet. Proves the checksum where there is one. Throws Failure (corrupt).
BayesLatents read_bayes(const models::inr::bayes::Prior& prior, const models::inr::bayes::Layout& layout, int quality, bool grey,
                        std::span<const bitstream::Section> sections, Report& report);

// Error: limit.
Status check_bayes_size(uint64_t width, uint64_t height);

}  // namespace tessera
