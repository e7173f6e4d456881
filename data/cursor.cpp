#include "data/cursor.h"

#include <algorithm>

namespace tessera::media {

std::span<const uint8_t> Cursor::take(size_t count) {
  if (!ok_ || count > remaining()) {
    ok_ = false;
    return {};
  }
  auto result = bytes_.subspan(position_, count);
  position_ += count;
  return result;
}

uint32_t Cursor::number(size_t count) {
  uint32_t value = 0;
  const auto source = take(count);
  for (size_t i = 0; i < source.size(); ++i) {
    value |= uint32_t{source[i]} << (8 * (big_endian_ ? source.size() - 1 - i : i));
  }
  return value;
}

std::span<const uint8_t> Cursor::until_zero() {
  const auto rest = bytes_.subspan(position_);
  const auto zero = std::find(rest.begin(), rest.end(), uint8_t{0});
  if (zero == rest.end()) ok_ = false;
  const auto result = take(static_cast<size_t>(zero - rest.begin()));
  take(1);
  return result;
}

bool Cursor::skip_text(std::string_view text) {
  const auto rest = bytes_.subspan(position_);
  if (!ok_ || rest.size() < text.size()) return false;
  const bool same = std::equal(text.begin(), text.end(), rest.begin(),
                               [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
  if (same) position_ += text.size();
  return same;
}

void Cursor::seek(size_t position) {
  if (position > bytes_.size()) {
    ok_ = false;
  } else {
    position_ = position;
  }
}

void put_be(std::vector<uint8_t>& out, uint32_t value, size_t count) {
  for (size_t i = count; i-- > 0;) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

void put_le(std::vector<uint8_t>& out, uint32_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

void put_text(std::vector<uint8_t>& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

void put_bytes(std::vector<uint8_t>& out, std::span<const uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace tessera::media
