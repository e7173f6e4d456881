#include "data/pnm.h"

#include <algorithm>
#include <bit>
#include <cctype>

#include "data/cursor.h"

namespace tessera::media {
namespace {

class Tokens {
 public:
  explicit Tokens(std::span<const uint8_t> file) : in_(file) {}

  // The next decimal number behind white space and comments; more than `max` or anything else fails.
  uint32_t number(uint32_t max) {
    uint8_t c = in_.u8();
    while (in_.ok() && (std::isspace(c) || c == '#')) {
      while (c == '#' && in_.ok() && c != '\n') {
        do c = in_.u8();
        while (in_.ok() && c != '\n');
      }
      c = in_.u8();
    }
    uint64_t value = 0;
    if (!std::isdigit(c)) failed_ = true;
    while (in_.ok() && std::isdigit(c) && !failed_) {
      value = value * 10 + (c - '0');
      failed_ = value > max;
      if (in_.remaining() == 0) break;
      c = in_.u8();  // the one character behind a number belongs to it
    }
    return static_cast<uint32_t>(value);
  }

  bool ok() const { return in_.ok() && !failed_; }
  Cursor& cursor() { return in_; }

 private:
  Cursor in_;
  bool failed_ = false;
};

struct Header {
  int type = 0;  // the digit behind P
  uint32_t width = 0, height = 0, maximum = 0;
};

std::optional<Header> read_header(Tokens& tokens) {
  Header header;
  tokens.cursor().u8();
  header.type = tokens.cursor().u8() - '0';
  header.width = tokens.number(~0u);
  header.height = tokens.number(~0u);
  header.maximum = header.type == 1 || header.type == 4 ? 1 : tokens.number(65535);
  if (!tokens.ok() || header.width == 0 || header.height == 0 || header.maximum == 0) return std::nullopt;
  return header;
}

}  // namespace

std::optional<ClaimedSize> pnm_size(std::span<const uint8_t> file) {
  Tokens tokens(file);
  const auto header = read_header(tokens);
  if (!header) return std::nullopt;
  return ClaimedSize{header->width, header->height};
}

Result<Picture> decode_pnm(std::span<const uint8_t> file) {
  Tokens tokens(file);
  const auto header = read_header(tokens);
  if (!header) return {ErrorCode::corrupt, "PNM header is malformed"};
  if (header->type == 1 || header->type == 4)
    return {ErrorCode::unsupported, "PBM bitmaps are not supported"};
  const bool colour = header->type == 3 || header->type == 6, raw = header->type >= 5;
  const uint32_t depth = std::max(8u, static_cast<uint32_t>(std::bit_width(header->maximum)));
  const size_t sample_bytes = header->maximum > 255 ? 2 : 1;
  const size_t count = size_t{header->width} * header->height * (colour ? 3 : 1);
  // A plain sample takes a digit and a space at least, except for the last.
  if (tokens.cursor().remaining() < (raw ? count * sample_bytes : 2 * count - 1)) {
    return {ErrorCode::truncated, "PNM file ends before its samples do"};
  }
  Picture picture = make_picture(header->width, header->height, colour ? 3 : 1, depth);
  for (size_t i = 0; i < count; ++i) {
    uint32_t value = raw ? (sample_bytes == 2 ? tokens.cursor().u16() : tokens.cursor().u8())
                         : tokens.number(header->maximum);
    if (value > header->maximum) return {ErrorCode::corrupt, "PNM sample above the maximum value"};
    if (header->maximum != picture.max_value()) {
      value = (value * picture.max_value() + header->maximum / 2) / header->maximum;
    }
    picture.set(i, value);
  }
  if (!tokens.ok()) return {ErrorCode::corrupt, "PNM sample is malformed"};
  return picture;
}

Result<Bytes> encode_pnm(const Picture& picture) {
  if (picture.has_alpha()) return {ErrorCode::invalid_argument, "PNM files have no alpha"};
  Bytes out;
  put_text(out, std::string(picture.channels == 1 ? "P5\n" : "P6\n") + std::to_string(picture.width) + " " +
                    std::to_string(picture.height) + "\n" + std::to_string(picture.max_value()) + "\n");
  if (picture.bit_depth == 8) {
    put_bytes(out, picture.samples);
    return out;
  }
  out.reserve(out.size() + picture.samples.size());
  const size_t count = picture.samples.size() / 2;
  for (size_t i = 0; i < count; ++i) put_be(out, picture.get(i), 2);
  return out;
}

}  // namespace tessera::media
