// What picture format some bytes are, and what size the picture claims to have, before any library decodes
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace tessera::media {

enum class PictureFormat : uint8_t { png, jpeg, webp, tiff, pnm, bmp };

const char* format_name(PictureFormat format);  // "PNG", ...

// By the first bytes. Empty: none of the formats that Tessera reads.
std::optional<PictureFormat> sniff_format(std::span<const uint8_t> bytes);

// By a file name's extension, whatever its case, or by the bare extension ("png"). Empty: unknown.
std::optional<PictureFormat> format_of_name(const std::string& name);

struct ClaimedSize {
  uint64_t width = 0;
  uint64_t height = 0;
};

// The size in the file's header. Empty: the header is cut off or malformed.
std::optional<ClaimedSize> claimed_size(std::span<const uint8_t> bytes, PictureFormat format);

// False when the file visibly lacks its end (PNG without IEND, JPEG without EOI, RIFF longer than the file).
bool looks_complete(std::span<const uint8_t> bytes, PictureFormat format);

}  // namespace tessera::media
