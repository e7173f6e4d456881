// The training loop of the still-image network.
#pragma once

#include <cstdint>
#include <string>

#include "apps/tessera-train/recipe.h"

namespace tessera::train {

struct RunOptions {
  std::string data;        // pack
  std::string eval;        // pack, may be empty
  std::string out;         // folder: weights, checkpoint, log
  std::string init;        // weights file to start from, may be empty
  std::string resume;      // checkpoint to continue, may be empty
  std::string name = "still";
  std::string data_name;   // what the training record says of the data
  uint32_t revision = 1;
  bool cuda = false;
  bool graph = true;  // CUDA: the step as one graph; without it kernel by kernel, for looking for faults
  int64_t max_steps = 0;   // 0: by the clock
  double checkpoint_minutes = 2.0;
  int64_t log_every = 500;
  double clock_scale = 1.0;  // multiplies the phases' minutes (trials)
};

// Returns 0, or 1 when training broke down (the last good weights are kept). Throws std::runtime_error on bad input.
int train_still(const Recipe& recipe, const RunOptions& options);

}  // namespace tessera::train
