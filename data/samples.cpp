#include "data/samples.h"

#include <cstring>

namespace tessera::media {

uint32_t Picture::get(size_t index) const {
  if (bit_depth == 8) return samples[index];
  uint16_t value;
  std::memcpy(&value, samples.data() + 2 * index, 2);
  return value;
}

void Picture::set(size_t index, uint32_t value) {
  if (bit_depth == 8) {
    samples[index] = static_cast<uint8_t>(value);
  } else {
    const auto sample = static_cast<uint16_t>(value);
    std::memcpy(samples.data() + 2 * index, &sample, 2);
  }
}

Picture make_picture(uint32_t width, uint32_t height, uint32_t channels, uint32_t bit_depth) {
  Picture picture{width, height, channels, bit_depth, {}, {}};
  picture.samples.resize(picture.size_bytes());
  return picture;
}

Picture with_channels(const Picture& picture, uint32_t channels) {
  if (channels == picture.channels) return picture;
  Picture result = make_picture(picture.width, picture.height, channels, picture.bit_depth);
  result.metadata = picture.metadata;
  const size_t pixels = size_t{picture.width} * picture.height;
  for (size_t i = 0; i < pixels; ++i) {
    const size_t from = i * picture.channels, to = i * channels;
    uint32_t rgb[3];
    for (size_t c = 0; c < 3; ++c) rgb[c] = picture.get(from + (picture.channels >= 3 ? c : 0));
    if (channels >= 3) {
      for (size_t c = 0; c < 3; ++c) result.set(to + c, rgb[c]);
    } else {
      // BT.709 weights times 2^16; they add up to 2^16, so that grey stays grey.
      const uint64_t luma = uint64_t{13933} * rgb[0] + uint64_t{46871} * rgb[1] + uint64_t{4732} * rgb[2];
      result.set(to, static_cast<uint32_t>((luma + 32768) >> 16));
    }
    if (result.has_alpha()) {
      result.set(to + channels - 1,
                 picture.has_alpha() ? picture.get(from + picture.channels - 1) : picture.max_value());
    }
  }
  return result;
}

Picture with_bit_depth(const Picture& picture, uint32_t bit_depth) {
  if (bit_depth == picture.bit_depth) return picture;
  Picture result = make_picture(picture.width, picture.height, picture.channels, bit_depth);
  result.metadata = picture.metadata;
  const uint64_t from = picture.max_value(), to = result.max_value();
  const size_t count = size_t{picture.width} * picture.height * picture.channels;
  for (size_t i = 0; i < count; ++i)
    result.set(i, static_cast<uint32_t>((picture.get(i) * to + from / 2) / from));
  return result;
}

}  // namespace tessera::media
