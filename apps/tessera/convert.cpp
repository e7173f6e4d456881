#include "apps/tessera/convert.h"

#include <utility>

namespace tessera::cli {

ImageView view_of(const media::Picture& picture) {
  return {picture.samples.data(), picture.width,     picture.height,
          picture.channels,       picture.bit_depth, picture.stride()};
}

ImageMetadata metadata_of(const media::Picture& picture) {
  return {ColourDescription{}, picture.metadata.icc, picture.metadata.exif, picture.metadata.xmp};
}

media::Picture picture_of(Image image) {
  return {image.width,
          image.height,
          image.channels,
          image.bit_depth,
          std::move(image.data),
          {std::move(image.metadata.icc), std::move(image.metadata.exif), std::move(image.metadata.xmp)}};
}

}  // namespace tessera::cli
