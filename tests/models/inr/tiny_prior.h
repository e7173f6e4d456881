// A prior of the Bayesian codec without training, and the numbers of its format that tests hold on to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/inr/bayes/prior.h"

namespace tessera::models::inr::bayes::test {

inline constexpr uint32_t kQuantilesChecksum = 0x853a7e41, kShuffleChecksum = 0xf8c8f6a6;
inline const std::vector<int16_t> kCandidate = {2066, 4925, 1682, 3907, -5168, -1445, -3333, 1055, -2097, 3282, 3344};

Geometry tiny_geometry(bool sound);

// 1/1024 bit, never 0: less for higher frequencies.
uint16_t tiny_share(const Geometry& geometry, int c);

// Writes the file ("bayes" or "bayes-sound") and loads it.
std::shared_ptr<const Prior> tiny_prior(const std::string& path, bool sound);

}  // namespace tessera::models::inr::bayes::test
