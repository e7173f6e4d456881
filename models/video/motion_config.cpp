#include "models/video/motion_config.h"

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

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
    {"latents", &MotionConfig::latents, 16, 1024, 16},               {"hyperlatents", &MotionConfig::hyperlatents, 8, 256, 8},
    {"hyper_channels", &MotionConfig::hyper_channels, 8, 1024, 8},   {"state_channels", &MotionConfig::state_channels, 8, 1024, 8},
    {"mean_channels", &MotionConfig::mean_channels, 8, 1024, 8},     {"enc_patch_blocks", &MotionConfig::enc_patch_blocks, 1, 32, 1},
    {"enc_trunk_blocks", &MotionConfig::enc_trunk_blocks, 0, 32, 1}, {"reference_blocks", &MotionConfig::reference_blocks, 0, 32, 1},
    {"dec_trunk_blocks", &MotionConfig::dec_trunk_blocks, 0, 32, 1}, {"dec_patch_blocks", &MotionConfig::dec_patch_blocks, 1, 32, 1},
    {"head_blocks", &MotionConfig::head_blocks, 0, 32, 1},           {"mean_blocks", &MotionConfig::mean_blocks, 0, 32, 1}};

struct Real {
  const char* key;
  double least, largest;
};

}  // namespace

std::string MotionConfig::to_json() const {
  nlohmann::ordered_json j = {{"architecture", "motion"}};
  for (const Whole& w : kWhole) j[w.key] = this->*w.field;
  j["conditioning"] = conditioning;
  j["gate_limit"] = gate_limit;
  j["scale_rows"] = scales.rows;
  j["scale_min"] = scales.min;
  j["scale_step"] = scales.step;
  j["lambda_min"] = lambda_min;
  j["lambda_max"] = lambda_max;
  return j.dump();
}

MotionConfig MotionConfig::from_json(const std::string& text) {
  const nlohmann::json j = nlohmann::json::parse(text, nullptr, false);
  if (!j.is_object()) throw std::runtime_error("the model's configuration is not a JSON object");
  if (j.contains("architecture") && j["architecture"] != "motion") refuse("architecture", "is not motion");
  MotionConfig c;
  const auto whole = [&](const char* key, int64_t& value, int64_t least, int64_t largest) {
    if (!j.contains(key)) return;
    if (!j[key].is_number_integer()) refuse(key, "is not an integer");
    value = j[key].get<int64_t>();
    if (value < least || value > largest) refuse(key, "is out of range");
  };
  for (const Whole& w : kWhole) {
    whole(w.key, c.*w.field, w.least, w.largest);
    if (c.*w.field % w.multiple != 0) refuse(w.key, w.multiple == 16 ? "is not a multiple of 16" : "is not a multiple of 8");
  }
  whole("scale_rows", c.scales.rows, 2, 250);
  if (j.contains("conditioning")) {
    if (!j["conditioning"].is_boolean()) refuse("conditioning", "is neither true nor false");
    c.conditioning = j["conditioning"].get<bool>();
  }
  const auto real = [&](const Real& r, double& value) {
    if (!j.contains(r.key)) return;
    if (!j[r.key].is_number()) refuse(r.key, "is not a number");
    value = j[r.key].get<double>();
    if (!(value >= r.least && value <= r.largest)) refuse(r.key, "is out of range");
  };
  real({"gate_limit", 0.0, 1e6}, c.gate_limit);
  real({"scale_min", 0.01, 1.0}, c.scales.min);
  real({"scale_step", 0.001, 1.0}, c.scales.step);
  real({"lambda_min", 1e-6, 10.0}, c.lambda_min);
  real({"lambda_max", 1e-6, 10.0}, c.lambda_max);
  if (c.lambda_max <= c.lambda_min) refuse("lambda_max", "is not above lambda_min");
  return c;
}

}  // namespace tessera::models
