#include "data/exif.h"

#include "data/tiff_tags.h"

namespace tessera::media {
namespace {

constexpr uint16_t kOrientation = 0x0112;
constexpr uint16_t kShort = 3;

}  // namespace

int exif_orientation(std::span<const uint8_t> exif) {
  const auto directory = tiff_directory(exif);
  if (!directory) return 1;
  const uint32_t value = tiff_number(exif, *directory, kOrientation).value_or(1);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

void reset_exif_orientation(Bytes& exif) {
  const auto directory = tiff_directory(exif);
  if (!directory) return;
  const TiffEntry* entry = directory->find(kOrientation);
  if (entry == nullptr || entry->type != kShort || entry->count != 1) return;
  exif[entry->value_at] = directory->big_endian ? 0 : 1;
  exif[entry->value_at + 1] = directory->big_endian ? 1 : 0;
}

}  // namespace tessera::media
