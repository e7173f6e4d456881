// Latents to codebook indices and back, for the streaming codec (the trainer's own is models/quantizer).
//
// Indices are uint16, laid out [frames][levels][groups] where nothing else is said.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "models/audio/index_search.h"
#include "models/audio/speech_model.h"

namespace tessera::models::audio {

// Which codes stand for a packet's latents. Near ties may fall differently on different machines: indices are transmitted, never recomputed.
class CodeSearch {
 public:
  // search: how chosen() weighs bits, outlives this; null: not at all.
  explicit CodeSearch(std::shared_ptr<const SpeechModel> model, const IndexSearch* search = nullptr, const IndexSearchOptions& options = {})
      : model_(std::move(model)), search_(search), options_(options) {}

  // Starts with the latents [n,D] of a packet.
  void begin(std::span<const float> latents);
  int64_t frames() const { return frames_; }
  std::span<const float> latents() const { return latents_; }

  // The nearest codes, level by level: those of fewer levels are the beginning of those of more. Searched as far as they have not been yet. levels in
  // 1..the model's.
  std::vector<uint16_t> indices(int64_t levels);
  // Squared distance of all frames' latents from the nearest codes of that many levels; 0 levels: from nothing.
  double distance(int64_t levels);
  // What is transmitted: with an index model chosen for distance and bits together (index_search.h), a search for each number of levels.
  const std::vector<uint16_t>& chosen(int64_t levels);
  // One level more, [frames][groups]: the nearest codes to what chosen(levels) leaves. Precondition: levels below the model's.
  std::vector<uint16_t> further(int64_t levels);

 private:
  const IndexChoice& choice(int64_t levels);
  std::span<const uint16_t> level(int64_t number);
  void find_nearest(int64_t level);

  std::shared_ptr<const SpeechModel> model_;
  const IndexSearch* search_ = nullptr;
  IndexSearchOptions options_;
  int64_t frames_ = 0;
  std::vector<float> latents_;                  // [n,D]
  std::map<int64_t, IndexChoice> choices_;      // by the number of levels
  std::vector<float> residual_;                 // [G][n][D/G]
  std::vector<std::vector<uint16_t>> chosen_;   // by level, [n][G]
  std::vector<double> distance_;                // by the number of levels, as far as they were searched
};

// Adds the codes of level `level` for one frame, `index` [groups], to its latent z [D]. Precondition: every index is below the model's codes.
void add_codes(const SpeechModel& model, int64_t level, const uint16_t* index, float* z);

// The search that goes with a model; none where it has no index model.
std::optional<IndexSearch> index_search(const SpeechModel& model);

// Latents [n,D] of indices [n][levels][groups].
std::vector<float> look_up(const SpeechModel& model, std::span<const uint16_t> indices, int64_t levels);

}  // namespace tessera::models::audio
