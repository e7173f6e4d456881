#include "apps/tessera-train/video_recipe.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace tessera::train {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

json parse(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + ": cannot be opened");
  json j = json::parse(in, nullptr, false, true);
  if (!j.is_object()) throw std::runtime_error(path + ": is not a JSON object");
  return j;
}

void check(const json& object, const std::set<std::string>& known) {
  for (const auto& [key, value] : object.items()) {
    if (!known.contains(key)) throw std::runtime_error("unknown entry \"" + key + "\"");
  }
}

VideoPhase phase_of(const json& p) {
  check(p, {"frames", "crop", "batch", "minutes", "rate_begin", "rate_end", "synthetic", "skip", "drop", "reach", "quarters", "mixed_precision", "comment"});
  VideoPhase v;
  v.frames = p.value("frames", v.frames);
  v.crop = p.value("crop", v.crop);
  v.batch = p.value("batch", v.batch);
  v.minutes = p.value("minutes", v.minutes);
  v.rate_begin = p.value("rate_begin", v.rate_begin);
  v.rate_end = p.value("rate_end", v.rate_begin);
  v.synthetic = p.value("synthetic", v.synthetic);
  v.skip = p.value("skip", v.skip);
  v.drop = p.value("drop", v.drop);
  v.reach = p.value("reach", v.reach);
  v.quarters = p.value("quarters", v.quarters);
  v.mixed_precision = p.value("mixed_precision", v.mixed_precision);
  const auto share = [](double x) { return x >= 0 && x <= 1; };
  if (v.frames < 1 || v.frames > 256 || v.crop < 64 || v.crop % 64 != 0 || v.batch < 1 || !(v.minutes > 0) || !(v.rate_begin > 0) || v.rate_end < 0 ||
      !share(v.synthetic) || !share(v.drop) || v.skip < 1 || v.skip > 16 || v.reach < 4 || v.reach > 256 || v.reach % 4 != 0) {
    throw std::runtime_error("a phase has an impossible entry");
  }
  return v;
}

}  // namespace

std::string VideoRecipe::to_json() const {
  ordered_json j = ordered_json::parse(common.to_json());
  j["config"] = ordered_json::parse(config.to_json());
  j["patterned"] = patterned;
  j["patterns"] = patterns;
  j["phases"] = ordered_json::array();
  for (const VideoPhase& p : phases) {
    j["phases"].push_back({{"frames", p.frames}, {"crop", p.crop}, {"batch", p.batch}, {"minutes", p.minutes}, {"rate_begin", p.rate_begin},
                           {"rate_end", p.rate_end}, {"synthetic", p.synthetic}, {"skip", p.skip}, {"drop", p.drop}, {"reach", p.reach},
                           {"quarters", p.quarters}, {"mixed_precision", p.mixed_precision}});
  }
  return j.dump();
}

bool is_video_recipe(const std::string& path) {
  const json j = parse(path);
  return j.contains("config") && j["config"].is_object() && j["config"].contains("architecture") && j["config"]["architecture"] == "motion";
}

VideoRecipe load_video_recipe(const std::string& path) {
  const json j = parse(path);
  VideoRecipe r;
  r.common.phases.clear();
  try {
    check(j, {"model", "config", "patterned", "patterns", "warmup_steps", "clip", "beta1", "beta2", "muon", "muon_momentum", "ema", "seed", "phases", "comment"});
    Recipe& c = r.common;
    c.model = j.value("model", std::string("motion"));
    c.warmup_steps = j.value("warmup_steps", c.warmup_steps);
    c.clip = j.value("clip", c.clip);
    c.beta1 = j.value("beta1", c.beta1);
    c.beta2 = j.value("beta2", c.beta2);
    c.muon = j.value("muon", c.muon);
    c.muon_momentum = j.value("muon_momentum", c.muon_momentum);
    c.ema = j.value("ema", c.ema);
    c.seed = j.value("seed", c.seed);
    r.patterned = j.value("patterned", r.patterned);
    r.patterns = j.value("patterns", r.patterns);
    if (!(r.patterns >= 0 && r.patterns <= 0.9)) throw std::runtime_error("\"patterns\" is a share, at most 0.9");
    r.config = models::MotionConfig::from_json(j.at("config").dump());
    for (const json& p : j.at("phases")) r.phases.push_back(phase_of(p));
    if (r.phases.empty()) throw std::runtime_error("has no phases");
  } catch (const std::exception& e) {
    throw std::runtime_error(path + ": " + e.what());
  }
  return r;
}

}  // namespace tessera::train
