// Netpbm pictures: PGM and PPM, plain (P2, P3) and raw (P5, P6), any maximum value. Kept apart from the image
// library because that loses bit depths other than 8 and 16.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "bitstream/status.h"
#include "data/picture.h"
#include "data/sniff.h"

namespace tessera::media {

std::optional<ClaimedSize> pnm_size(std::span<const uint8_t> file);

// The bit depth is the smallest of 8..16 that holds the maximum value; samples are scaled when that is not
// 2^n - 1. Precondition: the claimed size was checked by the caller. Errors: truncated, corrupt, unsupported
// (bitmaps P1, P4).
Result<Picture> decode_pnm(std::span<const uint8_t> file);

// P5 for 1 channel and P6 for 3, maximum value 2^bit_depth - 1. invalid_argument for pictures with alpha.
Result<Bytes> encode_pnm(const Picture& picture);

}  // namespace tessera::media
