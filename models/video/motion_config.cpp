#include "models/video/motion_config.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "models/config_json.h"

namespace tessera::models {
namespace {

[[noreturn]] void refuse(const std::string& key, const char* why) { throw std::runtime_error("configuration: " + key + " " + why); }

// Fields in the order of the file: name, member, least, largest, what it must divide by.
struct Whole {
  const char* key;
  int64_t MotionConfig::*field;
  int64_t least, largest, multiple;
};
constexpr Whole kWhole[] = {
    {"patch_channels", &MotionConfig::patch_channels, 8, 2048, 8},   {"trunk_channels", &MotionConfig::trunk_channels, 8, 2048, 8},
    {"latents", &MotionConfig::latents, 16, 1024, 16},               {"fine_latents", &MotionConfig::fine_latents, 0, 384, 16},
    {"hyperlatents", &MotionConfig::hyperlatents, 8, 256, 8},
    {"hyper_channels", &MotionConfig::hyper_channels, 8, 1024, 8},   {"state_channels", &MotionConfig::state_channels, 8, 1024, 8},
    {"mean_channels", &MotionConfig::mean_channels, 8, 1024, 8},     {"enc_patch_blocks", &MotionConfig::enc_patch_blocks, 1, 32, 1},
    {"enc_trunk_blocks", &MotionConfig::enc_trunk_blocks, 0, 32, 1}, {"reference_blocks", &MotionConfig::reference_blocks, 0, 32, 1},
    {"dec_trunk_blocks", &MotionConfig::dec_trunk_blocks, 0, 32, 1}, {"dec_patch_blocks", &MotionConfig::dec_patch_blocks, 1, 32, 1},
    {"head_blocks", &MotionConfig::head_blocks, 0, 32, 1},           {"mean_blocks", &MotionConfig::mean_blocks, 0, 32, 1}};

}  // namespace

std::string MotionConfig::to_json() const {
  nlohmann::ordered_json j = {{"architecture", "motion"}};
  for (const Whole& w : kWhole) j[w.key] = this->*w.field;
  j["conditioning"] = conditioning;
  j["interpolation"] = name_of(interpolation);
  j["gate_limit"] = gate_limit;
  j["vector_coding"] = vector_coding == VectorCoding::mixed ? "mixed" : "rows";
  j["scale_rows"] = scales.rows;
  j["scale_min"] = scales.min;
  j["scale_step"] = scales.step;
  j["lambda_min"] = lambda_min;
  j["lambda_max"] = lambda_max;
  return j.dump();
}

MotionConfig MotionConfig::from_json(const std::string& text) {
  const ConfigJson j(text);
  if (!j.is_object()) throw std::runtime_error("the model's configuration is not a JSON object");
  if (j.contains("architecture") && j.text("architecture") != "motion") refuse("architecture", "is not motion");
  MotionConfig c;
  for (const Whole& w : kWhole) {
    j.read(w.key, c.*w.field, w.least, w.largest);
    if (c.*w.field % w.multiple != 0) refuse(w.key, w.multiple == 16 ? "is not a multiple of 16" : "is not a multiple of 8");
  }
  if (j.contains("vector_coding")) {
    const auto coding = j.text("vector_coding");
    if (coding != "rows" && coding != "mixed") refuse("vector_coding", "is neither rows nor mixed");
    c.vector_coding = coding == "mixed" ? VectorCoding::mixed : VectorCoding::rows;
  }
  if (c.fine_latents >= c.latents) refuse("fine_latents", "leaves no others");
  j.read("scale_rows", c.scales.rows, 2, 250);
  j.read("conditioning", c.conditioning);
  if (j.contains("interpolation")) {
    const auto name = j.text("interpolation");
    if (!name || !interpolation_of(*name, c.interpolation)) refuse("interpolation", "is neither bicubic nor lagrange");
  }
  j.read("gate_limit", c.gate_limit, 0.0, 1e6);
  j.read("scale_min", c.scales.min, 0.01, 1.0);
  j.read("scale_step", c.scales.step, 0.001, 1.0);
  j.read("lambda_min", c.lambda_min, 1e-6, 10.0);
  j.read("lambda_max", c.lambda_max, 1e-6, 10.0);
  if (c.lambda_max <= c.lambda_min) refuse("lambda_max", "is not above lambda_min");
  return c;
}

}  // namespace tessera::models
