// Which frequencies the latents of an untrained network are.
#pragma once

#include <cstdint>
#include <vector>

#include "models/video/motion_config.h"

namespace tessera::models {

// A patch, 8 x 8 samples of luma with 4 x 4 of each chroma plane, has the 96 features of its DCT: 0..63 luma, 64..79 Cb, 80..95 Cr, the lowest frequencies
// first. Each feature is four latents, its Haar bands over 2 x 2 patches.
struct LatentFeatures {
  std::vector<int64_t> coarse;  // latents 4 i .. 4 i + 3 are feature coarse[i]
  struct Fine {
    int64_t feature;
    int64_t neighbour;  // index into `coarse`, of the same plane: high frequencies as well
  };
  std::vector<Fine> fine;  // likewise, of the fine latents (MotionConfig::fine_latents)
};
LatentFeatures latent_features(const MotionConfig& config);

}  // namespace tessera::models
