#include "data/zlib_bytes.h"

#include <zlib.h>

#include <algorithm>

namespace tessera::media {

std::vector<uint8_t> deflate_bytes(std::span<const uint8_t> bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::vector<uint8_t> result(size);
  // It fails only for want of memory or of room, and compressBound() gives the room.
  if (compress2(result.data(), &size, bytes.data(), static_cast<uLong>(bytes.size()), 9) != Z_OK) return {};
  result.resize(size);
  return result;
}

std::optional<std::vector<uint8_t>> inflate_bytes(std::span<const uint8_t> bytes, size_t max_bytes) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return std::nullopt;
  stream.next_in = const_cast<Bytef*>(bytes.data());  // zlib's interface lacks a const
  stream.avail_in = static_cast<uInt>(std::min<size_t>(bytes.size(), 0xFFFFFFFF));
  std::vector<uint8_t> result;
  int state = Z_OK;
  while (state == Z_OK && result.size() <= max_bytes) {
    uint8_t block[16384];
    stream.next_out = block;
    stream.avail_out = sizeof block;
    state = inflate(&stream, Z_NO_FLUSH);  // without progress it gives Z_BUF_ERROR, which ends the loop
    result.insert(result.end(), block, block + (sizeof block - stream.avail_out));
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END || result.size() > max_bytes) return std::nullopt;
  return result;
}

uint32_t crc32_of(std::span<const uint8_t> bytes) {
  return static_cast<uint32_t>(crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

}  // namespace tessera::media
