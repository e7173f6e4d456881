// The marker segments of a JPEG file (ITU-T T.81) that the image library drops: EXIF and XMP (APP1), ICC
// (APP2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "data/picture.h"
#include "data/sniff.h"

namespace tessera::media {

std::optional<ClaimedSize> jpeg_size(std::span<const uint8_t> file);
bool jpeg_complete(std::span<const uint8_t> file);             // there is an EOI marker behind the first scan
PictureMetadata jpeg_metadata(std::span<const uint8_t> file);  // malformed segments count as absent

// Inserts metadata behind the SOI and APP0 segments of a file that has none yet. A profile is split over as
// many segments as it takes; EXIF or XMP blocks of more than about 65500 bytes cannot be stored and are left
// out.
Bytes jpeg_with_metadata(Bytes file, const PictureMetadata& metadata);

}  // namespace tessera::media
