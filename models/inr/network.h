// The quantised parameters of an overfitted network, and how they travel.
//
// Every parameter is a whole number times 2^-shift of its part. The context network computes with these integers, upsampling and synthesis
// with the floats that they stand for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/status.h"
#include "models/inr/config.h"

namespace tessera::models::inr {

// In storage order. C: context, H: width, G: grids, I: inputs of the synthesis, S: steps of upsampling, N: hidden, O: outputs, R: residual layers, F: features, L: cells.
enum PartName : uint8_t {
  kContextFirst,    // [C][H]
  kContextSecond,   // [H][H]: [in][out]
  kContextLast,     // [H + C][2]: from the second layer and straight from the context, to the mean and the scale
  kContextBias,     // [H] first, [H] second, [2] last, [G] of each grid's scale
  kUpsampling,      // [S][4]: difference from kCubic, coarsest step first
  kSynthesisFirst,  // [N][I]
  kSynthesisLast,   // [O][N]
  kSynthesisDirect, // [O][I]
  kSynthesisKernel, // [R][O][O][3][3]: [out][in]
  kSynthesisBias,   // [N] first, [O] last, [R][O] kernels
  kFrontPlaces,     // rbf: [L][2], metric: [F][G]; without a front end these three are not in the stream
  kFrontShapes,     // rbf: [L][3]
  kFrontValues,     // [F][L]
  kParts
};
inline constexpr int kPlainParts = kFrontPlaces;
inline int stored_parts(const Config& config) { return config.front == Front::plain ? kPlainParts : kParts; }

// Taps of an upsampled sample that lies a quarter before sample i, on i - 2 .. i + 1 (Keys' cubic); mirrored for a quarter behind it.
inline constexpr float kCubic[4] = {-3.0f / 128, 29.0f / 128, 111.0f / 128, -9.0f / 128};

inline constexpr int kMaxShift = 15;
inline constexpr int32_t kMaxParameter = 32767;

int64_t part_size(const Config& config, PartName part);
int64_t parameter_count(const Config& config);

struct Part {
  int shift = 8;                // 0..kMaxShift
  std::vector<int32_t> values;  // |value| <= kMaxParameter
  float unit() const { return 1.0f / static_cast<float>(1 << shift); }
};

struct Network {
  Config config;
  std::array<Part, kParts> parts;

  // The floats that a part stands for.
  std::vector<float> values_of(PartName part) const;
};

// All integers, part after part, each with its part's row of LaplaceTable around 0. The decoder needs a configuration without problem().
// Error: corrupt.
using PartScales = std::array<uint8_t, kParts>;
std::vector<std::byte> code_parameters(const Network& network, const PartScales& scales);
Status decode_parameters(std::span<const std::byte> bytes, const PartScales& scales, Network& network);

// Ideal cost of a part's integers in bits, and the scale row that reaches it.
struct PartCost {
  double bits;
  int scale;
};
PartCost part_cost(std::span<const int32_t> values);

}  // namespace tessera::models::inr
