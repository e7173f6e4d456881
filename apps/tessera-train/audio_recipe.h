// What a training run of an audio model does: a JSON file under data/recipes/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/tessera-train/audio_pack.h"
#include "apps/tessera-train/recipe.h"
#include "models/audio/discriminator.h"
#include "models/audio/speech.h"

namespace tessera::train {

// A stretch of the run with one segment length.
struct AudioPhase : PhaseTimes {
  double seconds = 1.0;  // of a segment, rounded up to whole frames
  double discriminator_rate = 2e-4;  // at the phase's beginning; moves in proportion
  bool adversarial = false;
};

struct AudioRecipe {
  std::string model = "speech";
  OptimizerRecipe optimizer;
  models::audio::SpeechConfig config;
  models::audio::DiscriminatorConfig discriminator;
  std::vector<AudioPhase> phases;
  // Weights of the losses (as DAC's; the wave term is EnCodec's, the loudness term models/audio/loudness.h).
  double mel = 15, stft = 1, wave = 1, complex = 0, multi = 0, loudness = 0, quantizer = 1, adversarial = 1, feature = 4;
  // Levels from which on a segment counts in the complex distance: below, bits that say where the phases are would be missing in the spectrum.
  int64_t complex_from = 1;
  double adversarial_warmup = 500;  // steps over which the adversarial terms fade in: the discriminators start from nothing
  int64_t lapped_latents = 0;  // above 0: a new network starts as a lapped transform of so many coefficients (Speech::lapped_init)
  double all_levels = 0.25;  // share of samples that use every level; the others a random number of levels
  AudioVariation variation;

  std::string to_json() const;
};

// Throws std::runtime_error with the file's name and the cause.
AudioRecipe load_audio_recipe(const std::string& path);

}  // namespace tessera::train
