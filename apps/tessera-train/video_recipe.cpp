#include "apps/tessera-train/video_recipe.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

namespace tessera::train {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

VideoPhase phase_of(const json& p) {
  check_entries(p, {PhaseTimes::keys(), {"frames", "crop", "synthetic", "enlarged", "reduced", "skip", "drop", "keys", "lead", "reach", "quarters"}});
  VideoPhase v;
  v.batch = 16;
  v.read(p);
  v.frames = p.value("frames", v.frames);
  v.crop = p.value("crop", v.crop);
  v.synthetic = p.value("synthetic", v.synthetic);
  v.enlarged = p.value("enlarged", v.enlarged);
  v.reduced = p.value("reduced", v.reduced);
  v.skip = p.value("skip", v.skip);
  v.drop = p.value("drop", v.drop);
  v.keys = p.value("keys", v.keys);
  v.lead = p.value("lead", v.lead);
  v.reach = p.value("reach", v.reach);
  v.quarters = p.value("quarters", v.quarters);
  const auto share = [](double x) { return x >= 0 && x <= 1; };
  if (v.frames < 1 || v.frames > 256 || v.crop < 64 || v.crop % 64 != 0 || !share(v.synthetic) || !share(v.enlarged) || !share(v.reduced) ||
      !share(v.synthetic + v.enlarged + v.reduced) || !share(v.drop) || !share(v.keys) || v.lead < 0 || v.lead >= v.frames || v.skip < 1 || v.skip > 16 || v.reach < 4 || v.reach > 256 || v.reach % 4 != 0) {
    throw std::runtime_error("a phase has an impossible entry");
  }
  return v;
}

}  // namespace

std::string VideoRecipe::to_json() const {
  ordered_json j = {{"model", model}, {"config", ordered_json::parse(config.to_json())}};
  optimizer.write(j);
  j["patterned"] = patterned;
  j["key_bonus"] = {key_bonus_least, key_bonus_most};
  j["relative"] = relative;
  j["patterns"] = patterns;
  j["rough"] = rough;
  j["phases"] = ordered_json::array();
  for (const VideoPhase& p : phases) {
    ordered_json phase = {{"frames", p.frames}, {"crop", p.crop}, {"synthetic", p.synthetic}, {"enlarged", p.enlarged}, {"reduced", p.reduced}, {"skip", p.skip}, {"drop", p.drop}, {"keys", p.keys}, {"lead", p.lead}, {"reach", p.reach}, {"quarters", p.quarters}};
    p.write(phase);
    j["phases"].push_back(phase);
  }
  return j.dump();
}

bool is_video_recipe(const std::string& path) {
  const json j = read_recipe(path);
  return j.contains("config") && j["config"].is_object() && j["config"].contains("architecture") && j["config"]["architecture"] == "motion";
}

VideoRecipe load_video_recipe(const std::string& path) {
  const json j = read_recipe(path);
  return of_recipe(path, [&] {
    check_entries(j, {OptimizerRecipe::keys(), {"model", "config", "patterned", "key_bonus", "relative", "patterns", "rough", "phases", "comment"}});
    VideoRecipe r;
    r.model = j.value("model", r.model);
    r.optimizer.read(j);
    r.patterned = j.value("patterned", r.patterned);
    const auto bonus = j.value("key_bonus", std::vector<int64_t>{r.key_bonus_least, r.key_bonus_most});
    if (bonus.size() != 2 || bonus[0] < 0 || bonus[0] > bonus[1] || bonus[1] > 63) throw std::runtime_error("\"key_bonus\" is the least and the most of the key frames' steps");
    r.key_bonus_least = bonus[0];
    r.key_bonus_most = bonus[1];
    r.relative = j.value("relative", r.relative);
    if (!(r.relative >= 0 && r.relative <= 1)) throw std::runtime_error("\"relative\" is from 0 to 1");
    r.patterns = j.value("patterns", r.patterns);
    if (!(r.patterns >= 0 && r.patterns <= 0.9)) throw std::runtime_error("\"patterns\" is a share, at most 0.9");
    r.rough = j.value("rough", r.rough);
    if (!(r.rough >= 0 && r.rough <= 1)) throw std::runtime_error("\"rough\" is a share");
    r.config = models::MotionConfig::from_json(j.at("config").dump());
    for (const json& p : j.at("phases")) r.phases.push_back(phase_of(p));
    if (r.phases.empty()) throw std::runtime_error("has no phases");
    return r;
  });
}

}  // namespace tessera::train
