#include "data/sniff.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "data/cursor.h"
#include "data/jpeg_segments.h"
#include "data/png_chunks.h"
#include "data/pnm.h"
#include "data/tiff_tags.h"
#include "data/webp_chunks.h"

namespace tessera::media {
namespace {

std::optional<ClaimedSize> bmp_size(std::span<const uint8_t> bytes) {
  Cursor in(bytes, false);
  in.seek(14);
  const uint32_t header = in.u32();
  ClaimedSize size;
  if (header == 12) {  // the OS/2 header
    size.width = in.u16();
    size.height = in.u16();
  } else {
    size.width = static_cast<uint64_t>(std::llabs(static_cast<int32_t>(in.u32())));
    size.height =
        static_cast<uint64_t>(std::llabs(static_cast<int32_t>(in.u32())));  // negative: top to bottom
  }
  if (!in.ok()) return std::nullopt;
  return size;
}

}  // namespace

const char* format_name(PictureFormat format) {
  constexpr const char* kNames[] = {"PNG", "JPEG", "WebP", "TIFF", "PNM", "BMP"};
  return kNames[static_cast<int>(format)];
}

std::optional<PictureFormat> sniff_format(std::span<const uint8_t> bytes) {
  const auto starts = [&](std::string_view text) { return Cursor(bytes).skip_text(text); };
  if (starts("\x89PNG\r\n\x1a\n")) return PictureFormat::png;
  if (starts("\xff\xd8\xff")) return PictureFormat::jpeg;
  if (starts("RIFF") && bytes.size() >= 12 && Cursor(bytes.subspan(8)).skip_text("WEBP"))
    return PictureFormat::webp;
  if (starts(std::string_view("II*\0", 4)) || starts(std::string_view("MM\0*", 4)))
    return PictureFormat::tiff;
  if (starts("BM")) return PictureFormat::bmp;
  if (bytes.size() >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
      (std::isspace(bytes[2]) || bytes[2] == '#')) {
    return PictureFormat::pnm;
  }
  return std::nullopt;
}

std::optional<PictureFormat> format_of_name(const std::string& name) {
  const size_t slash = name.rfind('/'), dot = name.rfind('.');
  const bool has_dot = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  std::string extension = has_dot ? name.substr(dot + 1) : name;
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  struct Entry {
    const char* extension;
    PictureFormat format;
  };
  constexpr Entry kEntries[] = {{"png", PictureFormat::png},   {"jpg", PictureFormat::jpeg},
                                {"jpeg", PictureFormat::jpeg}, {"webp", PictureFormat::webp},
                                {"tif", PictureFormat::tiff},  {"tiff", PictureFormat::tiff},
                                {"ppm", PictureFormat::pnm},   {"pgm", PictureFormat::pnm},
                                {"pnm", PictureFormat::pnm},   {"bmp", PictureFormat::bmp}};
  for (const Entry& entry : kEntries) {
    if (extension == entry.extension) return entry.format;
  }
  return std::nullopt;
}

std::optional<ClaimedSize> claimed_size(std::span<const uint8_t> bytes, PictureFormat format) {
  switch (format) {
    case PictureFormat::png:
      return png_size(bytes);
    case PictureFormat::jpeg:
      return jpeg_size(bytes);
    case PictureFormat::webp:
      return webp_size(bytes);
    case PictureFormat::tiff:
      return tiff_size(bytes);
    case PictureFormat::pnm:
      return pnm_size(bytes);
    case PictureFormat::bmp:
      return bmp_size(bytes);
  }
  return std::nullopt;
}

bool looks_complete(std::span<const uint8_t> bytes, PictureFormat format) {
  switch (format) {
    case PictureFormat::png:
      return png_complete(bytes);
    case PictureFormat::jpeg:
      return jpeg_complete(bytes);
    case PictureFormat::webp:
      return webp_complete(bytes);
    default:
      return true;
  }
}

}  // namespace tessera::media
