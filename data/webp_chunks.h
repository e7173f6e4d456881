// The RIFF chunks of a WebP file (RFC 9649) that the image library drops: ICCP, EXIF, XMP.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "data/picture.h"
#include "data/sniff.h"

namespace tessera::media {

std::optional<ClaimedSize> webp_size(std::span<const uint8_t> file);
bool webp_complete(std::span<const uint8_t> file);             // the RIFF size fits into the file
bool webp_animated(std::span<const uint8_t> file);             // more than one picture
PictureMetadata webp_metadata(std::span<const uint8_t> file);  // malformed chunks count as absent

// Turns a simple lossless file into an extended one (VP8X) with metadata.
Bytes webp_with_metadata(Bytes file, const PictureMetadata& metadata);

}  // namespace tessera::media
