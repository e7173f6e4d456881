#include "apps/tessera-train/recipe.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace tessera::train {

using nlohmann::json;
using nlohmann::ordered_json;

const std::set<std::string>& PhaseTimes::keys() {
  static const std::set<std::string> all = {"batch", "minutes", "rate_begin", "rate_end", "mixed_precision", "comment"};
  return all;
}

void PhaseTimes::read(const json& j) {
  batch = j.value("batch", batch);
  minutes = j.value("minutes", minutes);
  rate_begin = j.value("rate_begin", rate_begin);
  rate_end = j.value("rate_end", rate_begin);
  mixed_precision = j.value("mixed_precision", mixed_precision);
  if (batch < 1 || !(minutes > 0) || !(rate_begin > 0) || !(rate_end >= 0)) throw std::runtime_error("a phase has an impossible batch, length or rate");
}

void PhaseTimes::write(ordered_json& j) const {
  j["batch"] = batch;
  j["minutes"] = minutes;
  j["rate_begin"] = rate_begin;
  j["rate_end"] = rate_end;
  j["mixed_precision"] = mixed_precision;
}

const std::set<std::string>& OptimizerRecipe::keys() {
  static const std::set<std::string> all = {"warmup_steps", "clip", "beta1", "beta2", "muon", "muon_momentum", "ema", "seed"};
  return all;
}

void OptimizerRecipe::read(const json& j) {
  warmup_steps = j.value("warmup_steps", warmup_steps);
  clip = j.value("clip", clip);
  beta1 = j.value("beta1", beta1);
  beta2 = j.value("beta2", beta2);
  muon = j.value("muon", muon);
  muon_momentum = j.value("muon_momentum", muon_momentum);
  ema = j.value("ema", ema);
  seed = j.value("seed", seed);
}

void OptimizerRecipe::write(ordered_json& j) const {
  j["warmup_steps"] = warmup_steps;
  j["clip"] = clip;
  j["beta1"] = beta1;
  j["beta2"] = beta2;
  j["muon"] = muon;
  j["muon_momentum"] = muon_momentum;
  j["ema"] = ema;
  j["seed"] = seed;
}

json read_recipe(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + ": cannot be opened");
  json j = json::parse(in, nullptr, false, true);
  if (!j.is_object()) throw std::runtime_error(path + ": is not a JSON object");
  return j;
}

void check_entries(const json& object, const std::vector<std::set<std::string>>& known) {
  for (const auto& [key, value] : object.items()) {
    if (std::none_of(known.begin(), known.end(), [&, &k = key](const auto& set) { return set.contains(k); })) {
      throw std::runtime_error("unknown entry \"" + key + "\"");
    }
  }
}

std::string recipe_model(const std::string& path) {
  const json j = read_recipe(path);
  if (j.contains("model") && !j["model"].is_string()) throw std::runtime_error(path + ": \"model\" is not a name");
  return j.value("model", "still");
}

}  // namespace tessera::train
