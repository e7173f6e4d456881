// Latents to codebook indices and back, for the streaming codec (the trainer's own is models/quantizer).
//
// Indices are uint16, laid out [frames][levels][groups] where nothing else is said.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/audio/speech_model.h"

namespace tessera::models::audio {

// The greedy search of residual quantisation, level by level: a packet with fewer levels is the beginning of one with more. Near ties may
// fall differently on different machines: indices are transmitted, never recomputed.
class CodeSearch {
 public:
  explicit CodeSearch(std::shared_ptr<const SpeechModel> model) : model_(std::move(model)) {}

  // Starts with the latents [n,D] of a packet.
  void begin(std::span<const float> latents);
  int64_t frames() const { return frames_; }

  // Indices of the first `levels` levels, searched as far as they have not been yet. levels in 1..the model's.
  std::vector<uint16_t> indices(int64_t levels);
  // Those of one level alone, from 0: [frames][groups].
  std::span<const uint16_t> level(int64_t number);

 private:
  void search(int64_t level);

  std::shared_ptr<const SpeechModel> model_;
  int64_t frames_ = 0;
  std::vector<float> residual_;                 // [G][n][D/G]
  std::vector<std::vector<uint16_t>> chosen_;   // by level, [n][G]
};

// Adds the codes of level `level` for one frame, `index` [groups], to its latent z [D]. Precondition: every index is below the model's codes.
void add_codes(const SpeechModel& model, int64_t level, const uint16_t* index, float* z);

// Latents [n,D] of indices [n][levels][groups].
std::vector<float> look_up(const SpeechModel& model, std::span<const uint16_t> indices, int64_t levels);

}  // namespace tessera::models::audio
