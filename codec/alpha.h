// Lossless coding of an alpha plane: the median edge predictor of JPEG-LS (ITU-T T.87), its residuals coded by the range coder
// with one of 16 two-sided geometric distributions for each block of 16 x 16 samples. All integers; byte layout in
// docs/bitstream.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tessera {

// plane: width * height samples in [0, 2^depth - 1], raster order. depth 8..16.
std::vector<uint8_t> encode_alpha(std::span<const int32_t> plane, uint32_t width, uint32_t height, uint32_t depth);

// Nothing when the bytes are damaged.
std::optional<std::vector<int32_t>> decode_alpha(std::span<const uint8_t> bytes, uint32_t width, uint32_t height, uint32_t depth);

}  // namespace tessera
