// A video network small enough for tests, and clips that code makes.
#pragma once

#include <cstdint>
#include <vector>

#include "models/video/motion.h"

namespace tessera::models::test {

MotionConfig tiny_motion_config(bool conditioning = true);

// Moves every parameter away from its initial value, so that no branch of the network is silent, and rounds the exact layers' to
// their grids. With a small `scale` the network still codes pictures.
void randomise(Motion& network, uint64_t seed, double scale = 1);
// Rounds the exact layers' parameters to their grids, as the trainer does.
void round_to_grids(Motion& network);

// A smooth texture that moves by (dx, dy) luma samples a frame: [1,1,height,width] and chroma, 0..1. Sides even.
Planes moving_texture(int64_t height, int64_t width, double dx, double dy, int64_t frame, int64_t batch = 1);

}  // namespace tessera::models::test
