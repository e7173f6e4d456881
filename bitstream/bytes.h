// The only code of the project that walks through untrusted bytes, and its counterpart that writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bitstream/status.h"

namespace tessera::bitstream {

// "`text` (byte `offset`)" as an error of class `code`.
Status error_at(ErrorCode code, uint64_t offset, std::string_view text);

// A bounds-checked cursor over bytes that the caller owns. The first failure sticks: from then on every read
// gives zeros or an empty span and moves nothing, so a parser may read a whole structure and ask once at its
// end.
class ByteReader {
 public:
  // `base`: where `bytes` starts in the file, for the offsets in messages.
  explicit ByteReader(std::span<const uint8_t> bytes, uint64_t base = 0) : bytes_(bytes), base_(base) {}

  uint8_t u8();
  uint16_t u16();  // little-endian, as are the next two
  uint32_t u32();
  uint64_t u64();
  uint64_t varint();  // canonical LEB128 of at most 10 bytes; otherwise the reader is corrupt
  std::span<const uint8_t> bytes(uint64_t count);

  bool ok() const { return error_ == ErrorCode::ok; }
  bool at_end() const { return position_ == bytes_.size(); }
  size_t position() const { return position_; }          // bytes read so far
  uint64_t offset() const { return base_ + position_; }  // the same in the file
  size_t remaining() const { return bytes_.size() - position_; }

  // Success, or the first failure with `what` was being read: "packet 3: 4 bytes needed, 2 are left (byte
  // 91)".
  Status status(std::string_view what) const;

  // Declares a failure at the current position; ignored after another one.
  void fail(ErrorCode code, std::string text);

 private:
  uint64_t little_endian(size_t count);

  std::span<const uint8_t> bytes_;
  uint64_t base_ = 0;
  size_t position_ = 0;
  ErrorCode error_ = ErrorCode::ok;
  uint64_t error_offset_ = 0;
  std::string error_text_;
};

// Appends to a growing buffer.
class ByteWriter {
 public:
  void u8(uint8_t value) { bytes_.push_back(value); }
  void u16(uint16_t value) { little_endian(value, 2); }
  void u32(uint32_t value) { little_endian(value, 4); }
  void u64(uint64_t value) { little_endian(value, 8); }
  void varint(uint64_t value);
  void bytes(std::span<const uint8_t> value);

  void set_u8(size_t position, uint8_t value) {
    bytes_[position] = value;
  }  // precondition: position < size()
  size_t size() const { return bytes_.size(); }
  std::span<const uint8_t> view() const { return bytes_; }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  void little_endian(uint64_t value, size_t count);

  std::vector<uint8_t> bytes_;
};

// Bytes that ByteWriter::varint(value) takes, 1..10.
size_t varint_size(uint64_t value);

}  // namespace tessera::bitstream
