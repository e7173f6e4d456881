// The chunks of a PNG file (W3C PNG, third edition) that the image library drops: iCCP, eXIf, iTXt with XMP.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "data/picture.h"
#include "data/sniff.h"

namespace tessera::media {

inline constexpr size_t kMaxMetadataBlock = size_t{64} << 20;  // bytes of one profile or text after inflation

std::optional<ClaimedSize> png_size(std::span<const uint8_t> file);
bool png_complete(std::span<const uint8_t> file);  // it has an IEND chunk
bool png_intact(std::span<const uint8_t> file);    // the checksums of its whole chunks are right
// The file with only what its samples need: keeps the library's warnings about other chunks off the screen.
Bytes png_core(std::span<const uint8_t> file);

PictureMetadata png_metadata(std::span<const uint8_t> file);  // malformed chunks count as absent

// Inserts metadata behind the IHDR chunk of a file that has none yet.
Bytes png_with_metadata(Bytes file, const PictureMetadata& metadata);

}  // namespace tessera::media
