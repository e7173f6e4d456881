// The training of the still-image network (training_run.h has what all trainings have).
#pragma once

#include "apps/tessera-train/still_recipe.h"
#include "apps/tessera-train/training_run.h"

namespace tessera::train {

// Returns 0, or 1 when training broke down (the last good weights are kept). Throws std::runtime_error on bad input.
int train_still(const StillRecipe& recipe, const RunOptions& options);

}  // namespace tessera::train
