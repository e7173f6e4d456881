// Turning pictures as EXIF's orientation asks.
#pragma once

#include "data/picture.h"

namespace tessera::media {

// orientation: 1..8 as in EXIF; 1 gives the picture back. The metadata moves along unchanged.
Picture oriented(Picture picture, int orientation);

}  // namespace tessera::media
