// What camera footage has and the web's small, smoothed clips have not: noise of the sensor that is new in each frame, and texture as sharp as the samples allow.
#pragma once

#include <ATen/ATen.h>

#include "models/video/planes.h"

namespace tessera::train {

// A share of the samples of clips (shapes as of VideoClips::sample) is sharpened, by one amount for all of a clip, or gets noise of up to kMostNoise, or both; what comes out is
// rounded to 8 bits. Draws numbers even for a share of 0, so that runs compare.
models::Planes roughened(const models::Planes& clips, double share);

inline constexpr double kMostNoise = 5.0 / 255;  // standard deviation of luma; most samples have much less
inline constexpr double kMostSharpening = 1.2;   // times what a 3 x 3 mean takes away

}  // namespace tessera::train
