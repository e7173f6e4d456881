// Between the pictures of data/ and the images of the codec.
#pragma once

#include "codec/tessera.h"
#include "data/picture.h"

namespace tessera::cli {

ImageView view_of(const media::Picture& picture);  // borrows the samples
ImageMetadata metadata_of(const media::Picture& picture);
media::Picture picture_of(Image image);

}  // namespace tessera::cli
