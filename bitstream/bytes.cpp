#include "bitstream/bytes.h"

namespace tessera::bitstream {

Status error_at(ErrorCode code, uint64_t offset, std::string_view text) {
  return {code, std::string(text) + " (byte " + std::to_string(offset) + ")"};
}

void ByteReader::fail(ErrorCode code, std::string text) {
  if (!ok()) return;
  error_ = code;
  error_offset_ = offset();
  error_text_ = std::move(text);
}

std::span<const uint8_t> ByteReader::bytes(uint64_t count) {
  if (!ok()) return {};
  if (count > remaining()) {
    fail(ErrorCode::truncated,
         std::to_string(count) + " bytes needed, " + std::to_string(remaining()) + " are left");
    return {};
  }
  auto result = bytes_.subspan(position_, static_cast<size_t>(count));
  position_ += static_cast<size_t>(count);
  return result;
}

uint64_t ByteReader::little_endian(size_t count) {
  uint64_t value = 0;
  auto source = bytes(count);
  for (size_t i = 0; i < source.size(); ++i) value |= uint64_t{source[i]} << (8 * i);
  return value;
}

uint8_t ByteReader::u8() { return static_cast<uint8_t>(little_endian(1)); }
uint16_t ByteReader::u16() { return static_cast<uint16_t>(little_endian(2)); }
uint32_t ByteReader::u32() { return static_cast<uint32_t>(little_endian(4)); }
uint64_t ByteReader::u64() { return little_endian(8); }

uint64_t ByteReader::varint() {
  uint64_t value = 0;
  for (int i = 0; i < 10; ++i) {
    const uint8_t byte = u8();
    if (!ok()) return 0;
    if (i == 9 && byte > 1) break;
    value |= uint64_t{byte & 0x7Fu} << (7 * i);
    if (byte & 0x80) continue;
    if (byte == 0 && i > 0) break;  // a longer spelling of a smaller number
    return value;
  }
  fail(ErrorCode::corrupt, "malformed variable-length integer");
  return 0;
}

Status ByteReader::status(std::string_view what) const {
  if (ok()) return {};
  return error_at(error_, error_offset_, std::string(what) + ": " + error_text_);
}

void ByteWriter::bytes(std::span<const uint8_t> value) {
  bytes_.insert(bytes_.end(), value.begin(), value.end());
}

void ByteWriter::little_endian(uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

void ByteWriter::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<uint8_t>(value | 0x80));
  bytes_.push_back(static_cast<uint8_t>(value));
}

size_t varint_size(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

}  // namespace tessera::bitstream
