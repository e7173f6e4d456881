// The decoder as a differentiable function of its latents, for an encoder that listens to what it is about to send (analysis by synthesis). Float32,
// on the CPU; agrees with SynthesisStream and Speech::synthesis up to rounding.
#pragma once

#include <ATen/ATen.h>

#include <memory>

#include "models/audio/frontend.h"
#include "models/audio/speech_model.h"

namespace tessera::models::audio {

class Resynthesis {
 public:
  explicit Resynthesis(std::shared_ptr<const SpeechModel> model);

  // Latents [n,D] of consecutive frames, what lies before and behind them being silence to every filter -> samples [C,T], the first of them at the
  // first frame's hop; T = n hops, less those that a causal model's last window still lacks.
  at::Tensor operator()(const at::Tensor& latents) const;

 private:
  std::shared_ptr<const SpeechModel> model_;
  Frontend frontend_;
  int64_t left_;  // frames that a filter sees before its own
};

}  // namespace tessera::models::audio
