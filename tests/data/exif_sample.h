// A minimal EXIF block, and an ICC profile that is only a header.
#pragma once

#include <string>

#include "data/cursor.h"
#include "data/picture.h"

namespace tessera::media::test {

// One directory with a maker's name and the orientation.
inline Bytes exif_sample(uint16_t orientation, bool big_endian) {
  Bytes out;
  const auto put = [&](uint32_t value, size_t count) {
    big_endian ? put_be(out, value, count) : put_le(out, value, count);
  };
  put_text(out, big_endian ? "MM" : "II");
  put(42, 2);
  put(8, 4);                                         // the directory follows
  put(2, 2);                                         // entries
  put(0x010F, 2), put(2, 2), put(8, 4), put(38, 4);  // maker: text behind the directory
  put(0x0112, 2), put(3, 2), put(1, 4), put(orientation, 2), put(0, 2);
  put(0, 4);  // no further directory
  put_text(out, "Tessera");
  out.push_back(0);
  return out;
}

inline Bytes icc_sample(const std::string& space, size_t size = 300) {
  Bytes out;
  for (size_t i = 0; i < size; ++i) out.push_back(static_cast<uint8_t>(i * 31 + i / 256));
  for (size_t i = 0; i < 4; ++i) out[16 + i] = static_cast<uint8_t>(space[i]);
  return out;
}

}  // namespace tessera::media::test
