// A bounds-checked walk through the bytes of a foreign file format, in either byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tessera::media {

// The first read past the end makes every later one give zeros or nothing; ask ok() once at the end of a
// structure.
class Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes, bool big_endian = true)
      : bytes_(bytes), big_endian_(big_endian) {}

  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  std::span<const uint8_t> take(size_t count);
  std::span<const uint8_t> until_zero();  // up to a zero byte, which is passed over
  bool skip_text(std::string_view text);  // passes over `text` when it comes next
  void seek(size_t position);

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

 private:
  uint32_t number(size_t count);

  std::span<const uint8_t> bytes_;
  bool big_endian_;
  size_t position_ = 0;
  bool ok_ = true;
};

// Appends a number or text to a file under construction.
void put_be(std::vector<uint8_t>& out, uint32_t value, size_t count);
void put_le(std::vector<uint8_t>& out, uint32_t value, size_t count);
void put_text(std::vector<uint8_t>& out, std::string_view text);
void put_bytes(std::vector<uint8_t>& out, std::span<const uint8_t> bytes);

}  // namespace tessera::media
