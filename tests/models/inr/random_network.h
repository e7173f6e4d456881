// Networks and latents of given shapes with random integers.
#pragma once

#include <cstdint>
#include <random>

#include "models/inr/grids.h"
#include "models/inr/network.h"

namespace tessera::test {

// Parameters of a size that a trained network's have; `spread` widens them.
models::inr::Network random_network(const models::inr::Config& config, uint32_t seed, double spread = 1);

// Laplace-like latents, larger on coarse grids, now and then a very large one.
std::vector<models::inr::Plane> random_planes(const models::inr::Config& config, int64_t height, int64_t width, uint32_t seed);

}  // namespace tessera::test
