#include "apps/tessera-train/audio_recipe.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace tessera::train {

using nlohmann::json;
using nlohmann::ordered_json;

std::string AudioRecipe::to_json() const {
  ordered_json j = {{"model", model}, {"config", ordered_json::parse(config.to_json())}};
  optimizer.write(j);
  j["discriminator"] = {{"periods", discriminator.periods}, {"windows", discriminator.windows}, {"width", discriminator.width}};
  j["losses"] = {{"mel", mel}, {"stft", stft}, {"wave", wave}, {"complex", complex}, {"complex_from", complex_from}, {"multi", multi}, {"loudness", loudness}, {"quantizer", quantizer}, {"adversarial", adversarial}, {"feature", feature}};
  j["lapped_latents"] = lapped_latents;
  j["all_levels"] = all_levels;
  j["adversarial_warmup"] = adversarial_warmup;
  j["variation"] = {{"speed", variation.speed},
                    {"mixed", variation.mixed},
                    {"filtered", variation.filtered},
                    {"filter_db", variation.filter_db},
                    {"stereo", variation.stereo},
                    {"quieter_db", variation.quieter_db}};
  for (const AudioPhase& p : phases) {
    ordered_json phase = {{"seconds", p.seconds}, {"discriminator_rate", p.discriminator_rate}, {"adversarial", p.adversarial}};
    p.write(phase);
    j["phases"].push_back(phase);
  }
  return j.dump();
}

AudioRecipe load_audio_recipe(const std::string& path) {
  const json j = read_recipe(path);
  return of_recipe(path, [&] {
    check_entries(j, {OptimizerRecipe::keys(),
                      {"model", "config", "discriminator", "losses", "lapped_latents", "all_levels", "variation", "adversarial_warmup", "phases", "comment"}});
    AudioRecipe r;
    r.model = j.value("model", r.model);
    r.optimizer.read(j);
    if (j.contains("config")) r.config = models::audio::SpeechConfig::from_json(j["config"].dump());
    if (j.contains("discriminator")) {
      const json& d = j["discriminator"];
      check_entries(d, {{"periods", "windows", "width"}});
      r.discriminator.periods = d.value("periods", r.discriminator.periods);
      r.discriminator.windows = d.value("windows", r.discriminator.windows);
      r.discriminator.width = d.value("width", r.discriminator.width);
    }
    if (j.contains("losses")) {
      const json& l = j["losses"];
      check_entries(l, {{"mel", "stft", "wave", "complex", "complex_from", "multi", "loudness", "quantizer", "adversarial", "feature"}});
      r.mel = l.value("mel", r.mel);
      r.stft = l.value("stft", r.stft);
      r.wave = l.value("wave", r.wave);
      r.complex = l.value("complex", r.complex);
      r.complex_from = l.value("complex_from", r.complex_from);
      if (r.complex_from < 1 || r.complex_from > r.config.quantizer.levels) throw std::runtime_error("losses: complex_from is no number of levels");
      r.multi = l.value("multi", r.multi);
      r.loudness = l.value("loudness", r.loudness);
      r.quantizer = l.value("quantizer", r.quantizer);
      r.adversarial = l.value("adversarial", r.adversarial);
      r.feature = l.value("feature", r.feature);
    }
    r.lapped_latents = j.value("lapped_latents", r.lapped_latents);
    r.all_levels = j.value("all_levels", r.all_levels);
    r.adversarial_warmup = std::max(1.0, j.value("adversarial_warmup", r.adversarial_warmup));
    if (j.contains("variation")) {
      const json& v = j["variation"];
      check_entries(v, {{"speed", "mixed", "filtered", "filter_db", "stereo", "quieter_db"}});
      r.variation.speed = v.value("speed", r.variation.speed);
      r.variation.mixed = v.value("mixed", r.variation.mixed);
      r.variation.filtered = v.value("filtered", r.variation.filtered);
      r.variation.filter_db = v.value("filter_db", r.variation.filter_db);
      r.variation.stereo = v.value("stereo", r.variation.stereo);
      r.variation.quieter_db = v.value("quieter_db", r.variation.quieter_db);
      if (!(r.variation.speed >= 1 && r.variation.speed <= 2)) throw std::runtime_error("variation: speed is not 1 to 2");
    }
    for (const json& p : j.at("phases")) {
      check_entries(p, {PhaseTimes::keys(), {"seconds", "discriminator_rate", "adversarial"}});
      AudioPhase phase;
      phase.read(p);
      phase.seconds = p.value("seconds", phase.seconds);
      phase.discriminator_rate = p.value("discriminator_rate", phase.discriminator_rate);
      phase.adversarial = p.value("adversarial", phase.adversarial);
      if (!(phase.seconds > 0.05 && phase.seconds < 60)) throw std::runtime_error("a phase has a bad segment");
      r.phases.push_back(phase);
    }
    if (r.phases.empty()) throw std::runtime_error("has no phases");
    return r;
  });
}

}  // namespace tessera::train
