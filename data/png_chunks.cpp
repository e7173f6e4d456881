#include "data/png_chunks.h"

#include <algorithm>
#include <string_view>

#include "data/cursor.h"
#include "data/zlib_bytes.h"

namespace tessera::media {
namespace {

constexpr size_t kSignature = 8;
constexpr size_t kHeaderEnd = kSignature + 4 + 4 + 13 + 4;  // IHDR has a fixed size
constexpr std::string_view kXmpKeyword = "XML:com.adobe.xmp";

// Calls visit(type, data) for each whole chunk until it returns false.
template <class Visit>
void for_each_chunk(std::span<const uint8_t> file, Visit visit) {
  Cursor in(file);
  in.take(kSignature);
  while (in.remaining() >= 12) {
    const uint32_t length = in.u32();
    const auto type = in.take(4);
    const auto data = in.take(length);
    in.take(4);
    if (!in.ok()) return;
    if (!visit(std::string_view(reinterpret_cast<const char*>(type.data()), 4), data)) return;
  }
}

Bytes profile_of(std::span<const uint8_t> data) {
  Cursor in(data);
  in.until_zero();
  if (in.u8() != 0 || !in.ok()) return {};  // the only compression method
  return inflate_bytes(data.subspan(in.position()), kMaxMetadataBlock).value_or(Bytes{});
}

Bytes xmp_of(std::span<const uint8_t> data) {
  Cursor in(data);
  if (!in.skip_text(kXmpKeyword) || in.u8() != 0) return {};
  const bool compressed = in.u8() == 1;
  in.u8();
  in.until_zero();  // language
  in.until_zero();  // translated keyword
  if (!in.ok()) return {};
  const auto text = data.subspan(in.position());
  if (compressed) return inflate_bytes(text, kMaxMetadataBlock).value_or(Bytes{});
  return {text.begin(), text.end()};
}

void put_chunk(Bytes& out, std::string_view type, std::span<const uint8_t> data) {
  put_be(out, static_cast<uint32_t>(data.size()), 4);
  const size_t start = out.size();
  put_text(out, type);
  put_bytes(out, data);
  put_be(out, crc32_of(std::span(out).subspan(start)), 4);
}

}  // namespace

std::optional<ClaimedSize> png_size(std::span<const uint8_t> file) {
  Cursor in(file);
  in.take(kSignature + 4);
  if (!in.skip_text("IHDR")) return std::nullopt;
  ClaimedSize size;
  size.width = in.u32();
  size.height = in.u32();
  if (!in.ok()) return std::nullopt;
  return size;
}

bool png_complete(std::span<const uint8_t> file) {
  bool end = false;
  for_each_chunk(file, [&](std::string_view type, std::span<const uint8_t>) {
    end = type == "IEND";
    return !end;
  });
  return end;
}

bool png_intact(std::span<const uint8_t> file) {
  bool intact = true;
  for_each_chunk(file, [&](std::string_view type, std::span<const uint8_t> data) {
    const uint8_t* start = data.data() - 4;  // the type, which the checksum covers too
    Cursor stored(std::span(start + 4 + data.size(), 4));
    intact = stored.u32() == crc32_of(std::span(start, data.size() + 4));
    return intact && type != "IEND";
  });
  return intact;
}

Bytes png_core(std::span<const uint8_t> file) {
  Bytes core(file.begin(), file.begin() + static_cast<ptrdiff_t>(std::min(file.size(), kSignature)));
  for_each_chunk(file, [&](std::string_view type, std::span<const uint8_t> data) {
    const bool critical = (type[0] & 0x20) == 0;  // upper case
    if (critical || type == "tRNS") put_chunk(core, type, data);
    return type != "IEND";
  });
  return core;
}

PictureMetadata png_metadata(std::span<const uint8_t> file) {
  PictureMetadata metadata;
  for_each_chunk(file, [&](std::string_view type, std::span<const uint8_t> data) {
    if (type == "iCCP" && metadata.icc.empty()) metadata.icc = profile_of(data);
    if (type == "eXIf" && metadata.exif.empty()) metadata.exif.assign(data.begin(), data.end());
    if (type == "iTXt" && metadata.xmp.empty()) metadata.xmp = xmp_of(data);
    return type != "IEND";
  });
  return metadata;
}

Bytes png_with_metadata(Bytes file, const PictureMetadata& metadata) {
  if (file.size() < kHeaderEnd) return file;
  Bytes chunks;
  if (!metadata.icc.empty()) {
    Bytes data;
    put_text(data, std::string_view("ICC profile\0\0", 13));  // name, compression method 0
    put_bytes(data, deflate_bytes(metadata.icc));
    put_chunk(chunks, "iCCP", data);
  }
  if (!metadata.exif.empty()) put_chunk(chunks, "eXIf", metadata.exif);
  if (!metadata.xmp.empty()) {
    Bytes data;
    put_text(data, kXmpKeyword);
    put_text(data,
             std::string_view("\0\0\0\0\0", 5));  // end of keyword, not compressed, method, two empty texts
    put_bytes(data, metadata.xmp);
    put_chunk(chunks, "iTXt", data);
  }
  file.insert(file.begin() + kHeaderEnd, chunks.begin(), chunks.end());
  return file;
}

}  // namespace tessera::media
