#include "data/jpeg_segments.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "data/cursor.h"

namespace tessera::media {
namespace {

constexpr std::string_view kExif("Exif\0\0", 6);
constexpr std::string_view kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
constexpr std::string_view kIcc("ICC_PROFILE\0", 12);
constexpr size_t kMaxSegment = 65533;  // content bytes: the length field counts itself
constexpr uint8_t kScan = 0xDA;

// Calls visit(marker, content) for each segment up to the first scan. Returns the position behind the last
// segment.
template <class Visit>
size_t for_each_segment(std::span<const uint8_t> file, Visit visit) {
  Cursor in(file);
  in.take(2);
  while (in.ok() && in.remaining() >= 4) {
    if (in.u8() != 0xFF) break;
    uint8_t marker = in.u8();
    while (marker == 0xFF && in.ok()) marker = in.u8();  // fill bytes
    const uint16_t length = in.u16();
    const auto content = in.take(length >= 2 ? length - 2u : 0);
    if (!in.ok() || length < 2) break;
    visit(marker, content);
    if (marker == kScan) break;
  }
  return in.position();
}

bool is_frame_header(uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

void put_segment(Bytes& out, uint8_t marker, std::string_view prefix, std::span<const uint8_t> content) {
  if (prefix.size() + content.size() > kMaxSegment) return;
  put_be(out, 0xFF00u | marker, 2);
  put_be(out, static_cast<uint32_t>(prefix.size() + content.size() + 2), 2);
  put_text(out, prefix);
  put_bytes(out, content);
}

void put_profile(Bytes& out, std::span<const uint8_t> profile) {
  const size_t part = kMaxSegment - kIcc.size() - 2;
  const size_t count = (profile.size() + part - 1) / part;
  if (count > 255) return;  // the segments are numbered by a byte
  for (size_t i = 0; i < count; ++i) {
    std::string prefix(kIcc);
    prefix += static_cast<char>(i + 1);
    prefix += static_cast<char>(count);
    put_segment(out, 0xE2, prefix, profile.subspan(i * part, std::min(part, profile.size() - i * part)));
  }
}

}  // namespace

std::optional<ClaimedSize> jpeg_size(std::span<const uint8_t> file) {
  std::optional<ClaimedSize> size;
  for_each_segment(file, [&](uint8_t marker, std::span<const uint8_t> content) {
    if (!is_frame_header(marker) || size) return;
    Cursor in(content);
    in.u8();  // precision
    ClaimedSize found;
    found.height = in.u16();
    found.width = in.u16();
    if (in.ok()) size = found;
  });
  return size;
}

bool jpeg_complete(std::span<const uint8_t> file) {
  size_t scan = 0;
  const size_t end =
      for_each_segment(file, [&](uint8_t marker, std::span<const uint8_t>) { scan += marker == kScan; });
  if (scan == 0) return false;
  constexpr uint8_t kEnd[] = {0xFF, 0xD9};  // entropy-coded data never contain it
  return std::search(file.begin() + static_cast<ptrdiff_t>(end), file.end(), kEnd, kEnd + 2) != file.end();
}

PictureMetadata jpeg_metadata(std::span<const uint8_t> file) {
  PictureMetadata metadata;
  std::map<uint8_t, std::span<const uint8_t>> parts;  // of the profile, by their number
  size_t part_count = 0;
  for_each_segment(file, [&](uint8_t marker, std::span<const uint8_t> content) {
    Cursor in(content);
    if (marker == 0xE1 && in.skip_text(kExif) && metadata.exif.empty()) {
      metadata.exif.assign(content.begin() + kExif.size(), content.end());
    } else if (marker == 0xE1 && in.skip_text(kXmp) && metadata.xmp.empty()) {
      metadata.xmp.assign(content.begin() + kXmp.size(), content.end());
    } else if (marker == 0xE2 && in.skip_text(kIcc) && in.remaining() >= 2) {
      const uint8_t number = in.u8();
      part_count = in.u8();
      parts.emplace(number, content.subspan(in.position()));
    }
  });
  const bool whole = !parts.empty() && parts.size() == part_count && parts.begin()->first == 1 &&
                     parts.rbegin()->first == part_count;
  if (whole) {
    for (const auto& [number, bytes] : parts) put_bytes(metadata.icc, bytes);
  }
  return metadata;
}

Bytes jpeg_with_metadata(Bytes file, const PictureMetadata& metadata) {
  size_t position = 2;  // behind SOI
  if (file.size() >= 6 && file[2] == 0xFF && file[3] == 0xE0) position = 4 + size_t{file[4]} * 256 + file[5];
  if (position > file.size()) return file;
  Bytes segments;
  if (!metadata.exif.empty()) put_segment(segments, 0xE1, kExif, metadata.exif);
  if (!metadata.xmp.empty()) put_segment(segments, 0xE1, kXmp, metadata.xmp);
  if (!metadata.icc.empty()) put_profile(segments, metadata.icc);
  file.insert(file.begin() + static_cast<ptrdiff_t>(position), segments.begin(), segments.end());
  return file;
}

}  // namespace tessera::media
