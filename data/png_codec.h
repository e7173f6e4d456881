// PNG samples in and out through libpng.
#pragma once

#include <span>

#include "bitstream/status.h"
#include "data/picture.h"

namespace tessera::media {

// Decodes samples only: no metadata. Palettes and fewer than 8 bits are expanded, transparent colours become
// alpha. Precondition: the claimed size was checked by the caller. Errors: corrupt, out_of_memory.
Result<Picture> png_decode(std::span<const uint8_t> file);

// 1 to 4 channels. Precondition: 8 or 16 bits. Errors: unsupported, out_of_memory.
Result<Bytes> png_encode(const Picture& picture);

}  // namespace tessera::media
