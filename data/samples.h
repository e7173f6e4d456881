// Changes of a picture's sample format.
#pragma once

#include "data/picture.h"

namespace tessera::media {

// Other channel counts: grey is repeated into colour, colour becomes BT.709 luma, missing alpha is opaque,
// surplus alpha is dropped. Metadata stays.
Picture with_channels(const Picture& picture, uint32_t channels);

// Other bit depths, 8..16, rounded so that 0 and the maximum stay what they are. Metadata stays.
Picture with_bit_depth(const Picture& picture, uint32_t bit_depth);

}  // namespace tessera::media
