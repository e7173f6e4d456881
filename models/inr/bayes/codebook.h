// The pseudo-random codebook of relative entropy coding (docs/bayes.md): for every block of latents 2^16 candidates from the standard normal
// distribution, of which the stream names one. Encoder and decoder make the same integers on every machine: a counter-based generator, and a table of
// the normal distribution's quantiles that follows from additions and products of IEEE doubles alone.
//
// Part of the format (docs/bitstream.md, section 4.9); values are held by tests.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera::models::inr::bayes {

inline constexpr int kIndexBits = 16;                       // of a block
inline constexpr uint32_t kCandidates = 1u << kIndexBits;
inline constexpr int32_t kUnit = 4096;                      // a latent of 1 standard deviation

// Philox4x32-10 (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
std::array<uint32_t, 4> philox(const std::array<uint32_t, 4>& counter, const std::array<uint32_t, 2>& key);

// 2^16 equally probable values of a standard normal variable in units of 1 / kUnit, ascending.
const std::vector<int16_t>& normal_quantiles();

// Candidate `index` of block `block`, `values.size()` latents in the order of the block.
void candidate(uint32_t block, uint32_t index, std::span<int16_t> values);

// For all candidates: scores[n] = sum over the block of linear[j] x + square[j] x^2, x the candidate's value in standard deviations.
void score_candidates(uint32_t block, std::span<const float> linear, std::span<const float> square, std::span<float> scores);

// The numbers 0 .. n - 1 in the order of coding: first those of `first`, then the others, both shuffled. `order` comes in as the latents that are coded, and
// `early` says of each whether it belongs to the first.
void shuffle(std::vector<uint32_t>& order, const std::vector<bool>& early, uint8_t seed);

// Where blocks end: shares[i] > 0 is what position i of the order is expected to cost; block b ends at ends[b] (exclusive). Every block has a position at
// least, so blocks <= shares.size().
std::vector<uint32_t> partition(std::span<const uint32_t> shares, uint32_t blocks);

}  // namespace tessera::models::inr::bayes
