// The training of the audio networks (training_run.h has what all trainings have): spectral losses first, then adversarial phases.
#pragma once

#include "apps/tessera-train/audio_recipe.h"
#include "apps/tessera-train/training_run.h"

namespace tessera::train {

// `data` and `eval` are audio packs (audio_pack.h). Returns 0, or 1 when training broke down. Throws std::runtime_error on bad input.
int train_audio(const AudioRecipe& recipe, const RunOptions& options);

}  // namespace tessera::train
