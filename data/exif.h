// The one EXIF field that concerns the samples: how the picture is to be turned (tag 0x0112).
#pragma once

#include <cstdint>
#include <span>

#include "data/picture.h"

namespace tessera::media {

// 1..8; 1 (upright) when the block has no valid orientation.
int exif_orientation(std::span<const uint8_t> exif);

// Writes 1 over the orientation, if there is one.
void reset_exif_orientation(Bytes& exif);

}  // namespace tessera::media
