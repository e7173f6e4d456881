#include "data/webp_chunks.h"

#include <string_view>

#include "data/cursor.h"

namespace tessera::media {
namespace {

constexpr size_t kRiffHeader = 12;
constexpr uint32_t kIcc = 0x20, kAlpha = 0x10, kExif = 0x08, kXmp = 0x04, kAnimation = 0x02;  // bits of VP8X

// Calls visit(type, data) for each whole chunk.
template <class Visit>
void for_each_chunk(std::span<const uint8_t> file, Visit visit) {
  Cursor in(file, false);
  in.take(kRiffHeader);
  while (in.remaining() >= 8) {
    const auto type = in.take(4);
    const uint32_t length = in.u32();
    const auto data = in.take(length);
    if (!in.ok()) return;
    visit(std::string_view(reinterpret_cast<const char*>(type.data()), 4), data);
    if (length % 2) in.take(1);
  }
}

struct Lossless {
  uint32_t width = 0, height = 0;
  bool alpha = false;
};

std::optional<Lossless> lossless_header(std::span<const uint8_t> data) {
  Cursor in(data, false);
  if (in.u8() != 0x2F) return std::nullopt;
  const uint32_t bits = in.u32();
  if (!in.ok()) return std::nullopt;
  return Lossless{(bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, (bits >> 28 & 1) != 0};
}

std::optional<ClaimedSize> size_of_chunk(std::string_view type, std::span<const uint8_t> data) {
  Cursor in(data, false);
  if (type == "VP8X") {
    in.take(4);
    const auto sides = in.take(6);
    if (!in.ok()) return std::nullopt;
    const auto side = [&](size_t at) { return 1 + (sides[at] | sides[at + 1] << 8 | sides[at + 2] << 16); };
    return ClaimedSize{static_cast<uint64_t>(side(0)), static_cast<uint64_t>(side(3))};
  }
  if (type == "VP8L") {
    const auto header = lossless_header(data);
    if (!header) return std::nullopt;
    return ClaimedSize{header->width, header->height};
  }
  if (type == "VP8 ") {
    in.take(6);  // frame tag and start code
    const uint64_t width = in.u16() & 0x3FFF, height = in.u16() & 0x3FFF;
    if (!in.ok()) return std::nullopt;
    return ClaimedSize{width, height};
  }
  return std::nullopt;
}

void put_chunk(Bytes& out, std::string_view type, std::span<const uint8_t> data) {
  put_text(out, type);
  put_le(out, static_cast<uint32_t>(data.size()), 4);
  put_bytes(out, data);
  if (data.size() % 2) out.push_back(0);
}

}  // namespace

std::optional<ClaimedSize> webp_size(std::span<const uint8_t> file) {
  std::optional<ClaimedSize> size;
  // The first chunk has it, and may be longer than the file: only its start is needed.
  Cursor in(file, false);
  in.take(kRiffHeader);
  const auto type = in.take(4);
  in.take(4);
  if (in.ok()) {
    size = size_of_chunk(std::string_view(reinterpret_cast<const char*>(type.data()), 4),
                         file.subspan(in.position()));
  }
  return size;
}

bool webp_complete(std::span<const uint8_t> file) {
  Cursor in(file, false);
  in.take(4);
  const uint64_t size = in.u32();
  return in.ok() && size + 8 <= file.size();
}

bool webp_animated(std::span<const uint8_t> file) {
  bool animated = false;
  for_each_chunk(file, [&](std::string_view type, std::span<const uint8_t> data) {
    if (type == "VP8X" && !data.empty()) animated = (data[0] & kAnimation) != 0;
  });
  return animated;
}

PictureMetadata webp_metadata(std::span<const uint8_t> file) {
  PictureMetadata metadata;
  for_each_chunk(file, [&](std::string_view type, std::span<const uint8_t> data) {
    if (type == "ICCP" && metadata.icc.empty()) metadata.icc.assign(data.begin(), data.end());
    if (type == "XMP " && metadata.xmp.empty()) metadata.xmp.assign(data.begin(), data.end());
    if (type == "EXIF" && metadata.exif.empty()) {
      Cursor in(data);
      in.skip_text(std::string_view("Exif\0\0", 6));  // some writers keep JPEG's prefix
      metadata.exif.assign(data.begin() + static_cast<ptrdiff_t>(in.position()), data.end());
    }
  });
  return metadata;
}

Bytes webp_with_metadata(Bytes file, const PictureMetadata& metadata) {
  if (metadata.icc.empty() && metadata.exif.empty() && metadata.xmp.empty()) return file;
  std::span<const uint8_t> image;
  for_each_chunk(file, [&](std::string_view type, std::span<const uint8_t> data) {
    if (type == "VP8L") image = data;
  });
  const auto header = lossless_header(image);
  if (!header) return file;

  Bytes extended;
  put_le(extended,
         (metadata.icc.empty() ? 0u : kIcc) | (header->alpha ? kAlpha : 0u) |
             (metadata.exif.empty() ? 0u : kExif) | (metadata.xmp.empty() ? 0u : kXmp),
         4);
  put_le(extended, header->width - 1, 3);
  put_le(extended, header->height - 1, 3);
  Bytes chunks;
  put_text(chunks, "WEBP");
  put_chunk(chunks, "VP8X", extended);
  if (!metadata.icc.empty()) put_chunk(chunks, "ICCP", metadata.icc);
  put_chunk(chunks, "VP8L", image);
  if (!metadata.exif.empty()) put_chunk(chunks, "EXIF", metadata.exif);
  if (!metadata.xmp.empty()) put_chunk(chunks, "XMP ", metadata.xmp);
  Bytes out;
  put_text(out, "RIFF");
  put_le(out, static_cast<uint32_t>(chunks.size()), 4);
  put_bytes(out, chunks);
  return out;
}

}  // namespace tessera::media
