// Analysis by synthesis: the encoder decodes the codes of a packet, listens, and moves the latents against the gradient of what it hears before it
// looks for codes again. The stream's format and the decoder's work stay as they are.
//
// The codes stand in the way of the gradient, which passes them unchanged (straight-through estimator: Bengio, Leonard and Courville, arXiv 1308.3432). Of all
// codes that were tried those are kept that sound nearest.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "models/audio/losses.h"
#include "models/audio/loudness.h"
#include "models/audio/resynthesis.h"

namespace tessera {

class AudioRefiner {
 public:
  // heard: channels of the source, 1 or 2; of a stereo model's mono only the first is heard. rounds >= 1: codes tried after the first ones.
  AudioRefiner(std::shared_ptr<const models::audio::SpeechModel> model, uint32_t heard, int rounds);

  // Frames before and behind a packet whose latents should be known, where they exist.
  int64_t before() const { return before_; }
  int64_t after() const { return after_; }

  struct Packet {
    std::span<const float> past;     // latents [p,D] as the decoder has them, p <= before()
    std::span<const float> latents;  // [n,D], as the analysis made them
    std::span<const float> future;   // [f,D], about as the decoder will have them, f <= after()
    std::span<const float> samples;  // interleaved, of the model's channels, from the first frame's hop of `past` on
  };
  struct Tried {
    std::vector<float> latents;  // [n,D] that the codes stand for
    bool allowed = true;         // whether they may be chosen
  };
  // Codes for latents [n,D]. Called rounds + 1 times, first with the packet's own latents.
  using Codes = std::function<Tried(std::span<const float> latents)>;
  // Which call's codes sound nearest, from 0; 0 where there is nothing to hear.
  int operator()(const Packet& packet, const Codes& codes) const;

 private:
  at::Tensor heard(const at::Tensor& samples) const;  // [C,T] -> [1,C',T]

  std::shared_ptr<const models::audio::SpeechModel> model_;
  uint32_t heard_;
  int rounds_;
  int64_t before_, after_, margin_;
  models::audio::Resynthesis synthesis_;
  models::audio::SpectralLoss spectral_;
  models::audio::LoudnessLoss loudness_;
};

}  // namespace tessera
