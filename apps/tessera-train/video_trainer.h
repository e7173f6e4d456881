// The training of the video networks (training_run.h has what all trainings have): clips, motion search, all frames forth and back are one step.
#pragma once

#include "apps/tessera-train/training_run.h"
#include "apps/tessera-train/video_recipe.h"

namespace tessera::train {

struct VideoRunOptions {
  RunOptions run;            // data and eval are video packs (video_pack.h)
  std::string pictures;      // picture pack for synthetic motion, may be empty
  int64_t eval_frames = 0;   // of each clip; 0: all
  bool evaluate_only = false;  // evaluates the weights `run.init` and trains nothing
};

// Returns 0, or 1 when training broke down or the frozen network disagrees with the trained one. Throws std::runtime_error on bad
// input.
int train_video(const VideoRecipe& recipe, const VideoRunOptions& options);

// Rate and PSNR of released weights on a pack, printed; needs no recipe. Returns 0. Throws std::runtime_error.
int evaluate_video(const VideoRunOptions& options);

}  // namespace tessera::train
