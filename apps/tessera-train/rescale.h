// Clips at other scales than the pack's, which all have about the same: film in high definition, soft and with large motion, and small pictures, whose texture
// is as fine as the samples allow.
#pragma once

#include <cstdint>

#include "apps/tessera-train/clips.h"
#include "models/video/planes.h"

namespace tessera::train {

// Shapes as of VideoClips::sample, rounded to 8 bits, `crop` a multiple of 8.

// Twice the size (bicubic); vectors are twice as long.
models::Planes enlarged(const VideoClips& clips, int64_t batch, int64_t frames, int64_t crop, int64_t skip);

// Half the size (means of 2 x 2): four clips side by side make a sample, since the pack's own are no larger than a crop.
models::Planes reduced(const VideoClips& clips, int64_t batch, int64_t frames, int64_t crop, int64_t skip);

}  // namespace tessera::train
