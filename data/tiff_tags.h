// The first image file directory of a TIFF structure (TIFF 6.0), which EXIF blocks share.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "data/picture.h"
#include "data/sniff.h"

namespace tessera::media {

struct TiffEntry {
  uint16_t tag = 0;
  uint16_t type = 0;    // 1 byte, 2 text, 3 short, 4 long, 7 undefined, ...
  uint32_t count = 0;   // of values
  size_t position = 0;  // of the entry, bytes from the start of the structure
  size_t value_at = 0;  // of the values: inside the entry when they fit into 4 bytes
};

struct TiffDirectory {
  bool big_endian = false;
  size_t position = 0;             // of the directory
  std::vector<TiffEntry> entries;  // at most 4096

  const TiffEntry* find(uint16_t tag) const;
};

// Empty when the structure is malformed.
std::optional<TiffDirectory> tiff_directory(std::span<const uint8_t> bytes);

// The first value of a byte, short or long entry.
std::optional<uint32_t> tiff_number(std::span<const uint8_t> bytes, const TiffDirectory& directory,
                                    uint16_t tag);

std::optional<ClaimedSize> tiff_size(std::span<const uint8_t> file);
PictureMetadata tiff_metadata(std::span<const uint8_t> file);  // ICC and XMP; EXIF stays in the file

// Adds ICC and XMP to a file that has none yet: its directory moves to the end. EXIF cannot be kept in this
// way.
Bytes tiff_with_metadata(Bytes file, const PictureMetadata& metadata);

}  // namespace tessera::media
