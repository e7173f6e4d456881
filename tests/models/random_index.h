// Index models of random integers: nothing that was learned, everything that the coder must cope with.
#pragma once

#include <cstdint>
#include <vector>

#include "models/audio/index_model.h"
#include "models/weights.h"

namespace tessera::models::test {

struct IndexSizes {
  int64_t levels = 4, groups = 1, codes = 64, classes = 8, members = 8, embedding = 16, context = 16;
};

// The same numbers on every machine.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint32_t next();
  int64_t between(int64_t lo, int64_t hi);  // both included

 private:
  uint64_t state_;
};

// Tensors "index.*" with weights up to `strength` (1..127): the larger, the further the probabilities are from uniform.
Weights random_index_weights(const IndexSizes& sizes, uint64_t seed, int strength = 60);
audio::IndexModel random_index(const IndexSizes& sizes, uint64_t seed, int strength = 60);

std::vector<uint16_t> random_indices(const IndexSizes& sizes, int64_t frames, int64_t levels, uint64_t seed);

}  // namespace tessera::models::test
