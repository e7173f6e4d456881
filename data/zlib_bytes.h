// zlib streams, as PNG's iCCP and iTXt chunks use them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tessera::media {

std::vector<uint8_t> deflate_bytes(std::span<const uint8_t> bytes);

// Empty when the stream is malformed or gives more than `max_bytes`.
std::optional<std::vector<uint8_t>> inflate_bytes(std::span<const uint8_t> bytes, size_t max_bytes);

uint32_t crc32_of(std::span<const uint8_t> bytes);  // the CRC of PNG chunks

}  // namespace tessera::media
