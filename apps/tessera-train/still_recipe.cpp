#include "apps/tessera-train/still_recipe.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace tessera::train {

using nlohmann::json;
using nlohmann::ordered_json;

std::string StillRecipe::to_json() const {
  ordered_json j = {{"model", model}, {"config", ordered_json::parse(config.to_json())}};
  optimizer.write(j);
  j["phases"] = ordered_json::array();
  for (const StillPhase& p : phases) {
    ordered_json phase = {{"crop", p.crop}};
    p.write(phase);
    j["phases"].push_back(phase);
  }
  return j.dump();
}

StillRecipe load_still_recipe(const std::string& path) {
  const json j = read_recipe(path);
  return of_recipe(path, [&] {
    check_entries(j, {OptimizerRecipe::keys(), {"model", "config", "phases", "comment"}});
    StillRecipe r;
    r.model = j.value("model", r.model);
    r.optimizer.read(j);
    if (j.contains("config")) r.config = models::StillConfig::from_json(j["config"].dump());
    for (const json& p : j.at("phases")) {
      check_entries(p, {PhaseTimes::keys(), {"crop"}});
      StillPhase phase;
      phase.read(p);
      phase.crop = p.value("crop", phase.crop);
      if (phase.crop < 64 || phase.crop % 64 != 0) throw std::runtime_error("a phase has a crop that is no multiple of 64");
      r.phases.push_back(phase);
    }
    if (r.phases.empty()) throw std::runtime_error("has no phases");
    return r;
  });
}

}  // namespace tessera::train
