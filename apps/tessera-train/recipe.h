// What a training run does: a JSON file under data/recipes/, so that a shipped model can be retrained by one command.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/still.h"

namespace tessera::train {

// A stretch of the run with one crop size and batch. The learning rate moves from `rate_begin` to `rate_end` (cosine).
struct Phase {
  int64_t crop = 256, batch = 32;
  double minutes = 1.0;
  double rate_begin = 5e-4, rate_end = 5e-4;
  bool mixed_precision = true;  // bfloat16 float path; false: float32 (TF32 products on CUDA)
};

struct Recipe {
  std::string model = "still";
  models::StillConfig still;
  std::vector<Phase> phases;
  double warmup_steps = 300;
  double clip = 1.0;
  double beta1 = 0.9, beta2 = 0.98;
  double muon_momentum = 0.95;
  bool muon = true;  // orthogonalised updates for hidden matrices; false: Adam for everything
  double ema = 0.9995;
  uint64_t seed = 1;

  std::string to_json() const;
};

// Throws std::runtime_error with the file's name and the cause.
Recipe load_recipe(const std::string& path);

}  // namespace tessera::train
