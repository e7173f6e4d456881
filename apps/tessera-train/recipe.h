// What a training run does: a JSON file under data/recipes/, so that a shipped model can be retrained by one command. Here what the recipes of all
// kinds of models have; still_recipe.h, video_recipe.h and audio_recipe.h have the rest.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace tessera::train {

// A stretch of the run with one size of batch. The learning rate moves from `rate_begin` to `rate_end` along a cosine.
struct PhaseTimes {
  int64_t batch = 32;  // samples
  double minutes = 1.0;
  double rate_begin = 5e-4, rate_end = 5e-4;
  bool mixed_precision = true;  // bfloat16 float path on CUDA; false: float32 (TF32 products there)

  void read(const nlohmann::json& j);  // what is missing stays. Throws std::runtime_error
  void write(nlohmann::ordered_json& j) const;
  static const std::set<std::string>& keys();
};

// The optimiser (optimizer.h), and the seed of everything random.
struct OptimizerRecipe {
  double warmup_steps = 300;  // over which the rate rises from nothing, at the start of the run
  double clip = 1.0;          // largest norm of a gradient
  double beta1 = 0.9, beta2 = 0.98;
  double muon_momentum = 0.95;
  bool muon = true;    // orthogonalised updates for hidden matrices; false: Adam for everything
  double ema = 0.9995; // of the averaged weights, which are what is kept
  uint64_t seed = 1;

  void read(const nlohmann::json& j);  // what is missing stays
  void write(nlohmann::ordered_json& j) const;
  static const std::set<std::string>& keys();
};

// A recipe file as a JSON object. Throws std::runtime_error with the file's name.
nlohmann::json read_recipe(const std::string& path);
// Throws std::runtime_error where `object` has an entry that is in none of the sets.
void check_entries(const nlohmann::json& object, const std::vector<std::set<std::string>>& known);
// Runs `read`, and puts the file's name before what it throws.
template <class Read>
auto of_recipe(const std::string& path, Read&& read) {
  try {
    return read();
  } catch (const std::exception& e) {
    throw std::runtime_error(path + ": " + e.what());
  }
}

// The recipe's entry "model": "still", "speech", "sound", ... Throws std::runtime_error.
std::string recipe_model(const std::string& path);

}  // namespace tessera::train
