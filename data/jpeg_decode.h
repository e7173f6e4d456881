// JPEG samples through libjpeg.
#pragma once

#include <span>

#include "bitstream/status.h"
#include "data/picture.h"

namespace tessera::media {

// Decodes samples only: no metadata, no turning. Grey stays grey, everything else becomes RGB. Precondition: the
// claimed size was checked by the caller. Errors: truncated, corrupt, unsupported (12 bits, lossless, ...),
// out_of_memory.
Result<Picture> jpeg_decode(std::span<const uint8_t> file);

}  // namespace tessera::media
