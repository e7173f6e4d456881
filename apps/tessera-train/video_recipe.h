// What a training run of a video model does: a JSON file under data/recipes/ whose configuration has the architecture "motion".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/tessera-train/recipe.h"
#include "models/video/motion_config.h"

namespace tessera::train {

// A stretch of the run with clips of one length; gradients run through all of it.
struct VideoPhase : PhaseTimes {
  int64_t frames = 1, crop = 256;
  double synthetic = 0.25;  // share of the batch that is pictures in motion, when there is a picture pack
  double enlarged = 0;      // shares of the batch that are clips of twice and of half their size (rescale.h)
  double reduced = 0;
  int64_t skip = 2;         // clips run at up to so many times their speed
  double drop = 0.03;       // probability that a frame does without the last frame's feature, as after a refresh
  // A network learns how far the end of its training clips is from a key frame, and spares what nobody will see any more (docs/results/training.md, revision 6). So
  // chains of other lengths: `keys` is the share of steps whose clips have a second key frame, all at the same random time; `lead` the frames at the clip's beginning that teach nothing.
  double keys = 0;
  int64_t lead = 0;
  int64_t reach = 32;       // of the motion search, luma samples
  bool quarters = true;     // 8x8 vectors
};

using models::kQualityPattern;  // of a sample's frames

struct VideoRecipe {
  std::string model = "motion";
  OptimizerRecipe optimizer;
  models::MotionConfig config;
  std::vector<VideoPhase> phases;
  double patterned = 0.75;  // share of samples with hierarchical qualities (kQualityPattern); the others keep one quality
  int64_t key_bonus_least = kQualityPattern[0], key_bonus_most = kQualityPattern[0];  // "key_bonus": steps that a patterned sample's key frames are better by, drawn from these
  double relative = 0;      // how far a percent of a clip's loss counts alike in all clips, 0 to 1 (Motion::set_relative_loss)
  double patterns = 0;      // share of the pictures in motion that are test patterns (patterns.h)
  double rough = 0;         // share of the clips that get noise, and of those that are sharpened (roughen.h)
  std::string to_json() const;
};

bool is_video_recipe(const std::string& path);               // throws std::runtime_error when it cannot be read
VideoRecipe load_video_recipe(const std::string& path);      // throws std::runtime_error with the file's name and the cause

}  // namespace tessera::train
