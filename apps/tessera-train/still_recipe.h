// What a training run of the still-image model does.
#pragma once

#include <string>
#include <vector>

#include "apps/tessera-train/recipe.h"
#include "models/still.h"

namespace tessera::train {

// A stretch of the run with one crop size.
struct StillPhase : PhaseTimes {
  int64_t crop = 256;  // samples a side, a multiple of 64
};

struct StillRecipe {
  std::string model = "still";
  OptimizerRecipe optimizer;
  models::StillConfig config;
  std::vector<StillPhase> phases;

  std::string to_json() const;
};

// Throws std::runtime_error with the file's name and the cause.
StillRecipe load_still_recipe(const std::string& path);

}  // namespace tessera::train
