// Parameters of overfitted networks through the range coder: part after part, each with its row of LaplaceTable around 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/status.h"

namespace tessera::models::inr {

// As many scales as parts.
std::vector<std::byte> code_parts(std::span<const std::vector<int32_t>* const> parts, std::span<const uint8_t> scales);
// Fills the parts, which have their sizes. Error: corrupt.
Status decode_parts(std::span<const std::byte> bytes, std::span<const uint8_t> scales, std::span<std::vector<int32_t>* const> parts);

}  // namespace tessera::models::inr
