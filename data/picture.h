// A picture in memory, as all of data/ passes it around.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera::media {

using Bytes = std::vector<uint8_t>;

// Metadata blocks byte for byte; empty means absent.
struct PictureMetadata {
  Bytes icc;   // ICC profile
  Bytes exif;  // TIFF-structured EXIF block, without the "Exif\0\0" prefix
  Bytes xmp;   // XMP packet
};

// Interleaved samples, rows packed without gaps. Channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA (not
// premultiplied). A sample is a byte when bit_depth is 8, otherwise a native-endian uint16_t in
// 0..2^bit_depth - 1.
struct Picture {
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t channels = 3;
  uint32_t bit_depth = 8;  // 8..16
  Bytes samples;
  PictureMetadata metadata;

  size_t sample_bytes() const { return bit_depth > 8 ? 2 : 1; }
  size_t stride() const { return size_t{width} * channels * sample_bytes(); }
  size_t size_bytes() const { return stride() * height; }
  uint32_t max_value() const { return (1u << bit_depth) - 1; }
  bool has_alpha() const { return channels == 2 || channels == 4; }

  uint32_t get(size_t index) const;  // sample number `index`, counted over rows and channels
  void set(size_t index, uint32_t value);
};

// A picture of zeros with its samples allocated.
Picture make_picture(uint32_t width, uint32_t height, uint32_t channels = 3, uint32_t bit_depth = 8);

}  // namespace tessera::media
