#include "apps/tessera-train/recipe.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace tessera::train {

using nlohmann::json;
using nlohmann::ordered_json;

std::string Recipe::to_json() const {
  ordered_json j = {{"model", model},
                    {"config", ordered_json::parse(still.to_json())},
                    {"warmup_steps", warmup_steps},
                    {"clip", clip},
                    {"beta1", beta1},
                    {"beta2", beta2},
                    {"muon", muon},
                    {"muon_momentum", muon_momentum},
                    {"ema", ema},
                    {"seed", seed}};
  for (const Phase& p : phases) {
    j["phases"].push_back({{"crop", p.crop}, {"batch", p.batch}, {"minutes", p.minutes}, {"rate_begin", p.rate_begin},
                           {"rate_end", p.rate_end}, {"mixed_precision", p.mixed_precision}});
  }
  return j.dump();
}

Recipe load_recipe(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + ": cannot be opened");
  const json j = json::parse(in, nullptr, false, true);
  if (!j.is_object()) throw std::runtime_error(path + ": is not a JSON object");
  static const std::set<std::string> known = {"model", "config", "warmup_steps", "clip", "beta1", "beta2", "muon",
                                              "muon_momentum", "ema", "seed", "phases", "comment"};
  for (const auto& [key, value] : j.items()) {
    if (!known.contains(key)) throw std::runtime_error(path + ": unknown entry \"" + key + "\"");
  }
  Recipe r;
  try {
    r.model = j.value("model", r.model);
    if (j.contains("config")) r.still = models::StillConfig::from_json(j["config"].dump());
    r.warmup_steps = j.value("warmup_steps", r.warmup_steps);
    r.clip = j.value("clip", r.clip);
    r.beta1 = j.value("beta1", r.beta1);
    r.beta2 = j.value("beta2", r.beta2);
    r.muon = j.value("muon", r.muon);
    r.muon_momentum = j.value("muon_momentum", r.muon_momentum);
    r.ema = j.value("ema", r.ema);
    r.seed = j.value("seed", r.seed);
    for (const json& p : j.at("phases")) {
      Phase phase;
      phase.crop = p.value("crop", phase.crop);
      phase.batch = p.value("batch", phase.batch);
      phase.minutes = p.value("minutes", phase.minutes);
      phase.rate_begin = p.value("rate_begin", phase.rate_begin);
      phase.rate_end = p.value("rate_end", phase.rate_begin);
      phase.mixed_precision = p.value("mixed_precision", phase.mixed_precision);
      if (phase.crop < 64 || phase.crop % 64 != 0 || phase.batch < 1 || phase.minutes <= 0) {
        throw std::runtime_error("a phase has a bad crop, batch or length");
      }
      r.phases.push_back(phase);
    }
  } catch (const std::exception& e) {
    throw std::runtime_error(path + ": " + e.what());
  }
  if (r.phases.empty()) throw std::runtime_error(path + ": has no phases");
  return r;
}

}  // namespace tessera::train
