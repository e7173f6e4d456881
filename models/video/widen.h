// Training that goes on with more latents or blocks than the weights have, or over another range of qualities.
#pragma once

#include "models/video/motion.h"
#include "models/weights.h"

namespace tessera::models {

// Puts a weights file's values into a network that trains on, as resume_from_export() does. The network may have fine latents
// (MotionConfig::fine_latents) that the file lacks: they begin as the transform of the untrained network, with the rows of the coarse latents
// next to them in frequency, and unseen by everything else. It may have more blocks in a row (not fewer), which
// begin as the identity (blocks.h). And another range of lambda: what depends on the quality begins as it was for the same lambda, and beyond the old range as the straight lines
// through it go on, which the logarithms of all scales are. Throws std::runtime_error when the file differs in anything else that has a shape.
void start_from(Motion& network, const Weights& weights);

}  // namespace tessera::models
