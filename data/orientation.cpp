#include "data/orientation.h"

#include <cstring>
#include <utility>

namespace tessera::media {

Picture oriented(Picture picture, int orientation) {
  if (orientation <= 1 || orientation > 8) return picture;
  const bool transposed = orientation >= 5;
  // Where the stored first row and first column are seen: EXIF 2.32, table for tag 0x0112.
  const bool right_to_left = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool bottom_to_top = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const uint32_t width = transposed ? picture.height : picture.width;
  const uint32_t height = transposed ? picture.width : picture.height;
  Picture result = make_picture(width, height, picture.channels, picture.bit_depth);
  const size_t pixel = picture.channels * picture.sample_bytes();
  for (size_t y = 0; y < height; ++y) {
    for (size_t x = 0; x < width; ++x) {
      size_t from_x = transposed ? y : x, from_y = transposed ? x : y;
      if (right_to_left) from_x = picture.width - 1 - from_x;
      if (bottom_to_top) from_y = picture.height - 1 - from_y;
      std::memcpy(result.samples.data() + (y * width + x) * pixel,
                  picture.samples.data() + (from_y * picture.width + from_x) * pixel, pixel);
    }
  }
  result.metadata = std::move(picture.metadata);
  return result;
}

}  // namespace tessera::media
