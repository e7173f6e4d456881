#include "apps/tessera-train/compact.h"

#include <nlohmann/json.hpp>
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "models/audio/speech_model.h"
#include "models/video/motion_model.h"
#include "models/weights.h"

namespace tessera::train {

void compact_weights(const std::string& in, const std::string& out, const std::string& data_name, int64_t revision, const std::string& name_of_model,
                     const std::string& configuration, const std::vector<std::string>& int8) {
  models::Weights w;
  try {
    w = models::load_weights(in);
  } catch (const std::exception& e) {
    throw std::runtime_error(in + ": " + e.what());
  }
  const bool audio = models::audio::is_speech(w.metadata), video = models::is_motion(w.metadata);
  if (!int8.empty() && !video) throw std::runtime_error(in + ": holds no video model, and only those may be asked for in int8");
  const auto listed = [&](const std::string& name) { return std::any_of(int8.begin(), int8.end(), [&](const std::string& begin) { return name.starts_with(begin); }); };
  std::vector<std::string> names;
  for (const auto& [name, tensor] : w.tensors) names.push_back(name);
  for (const std::string& name : names) {
    const at::Tensor& t = w.tensors.at(name);
    if (name == "quantizer.moving_count" || name == "quantizer.moving_sum") {
      w.tensors.erase(name);
    } else if (((audio && !name.starts_with("index.") && at::isFloatingType(t.scalar_type())) || (listed(name) && t.scalar_type() == at::kHalf)) && t.dim() >= 2 && t.numel() >= 4096) {
      models::store_as_int8(w.tensors, name);
    }
  }
  if (!data_name.empty()) {
    auto record = nlohmann::ordered_json::parse(w.metadata["training"], nullptr, false);
    if (!record.is_object()) throw std::runtime_error(in + ": has no training record");
    for (auto* run = &record; run->is_object(); run = &(*run)["continues"]) {
      (*run)["data"] = data_name;
      if (!run->contains("continues")) break;
    }
    w.metadata["training"] = record.dump();
  }
  if (!configuration.empty()) {
    auto config = nlohmann::ordered_json::parse(w.metadata["config"], nullptr, false);
    const auto fields = nlohmann::ordered_json::parse(configuration, nullptr, false);
    if (!config.is_object()) throw std::runtime_error(in + ": has no configuration");
    if (!fields.is_object()) throw std::runtime_error("the configuration's fields are no JSON object: " + configuration);
    for (const auto& [key, value] : fields.items()) config[key] = value;
    if (video) (void)models::MotionConfig::from_json(config.dump());  // refuses what no model could be loaded with
    w.metadata["config"] = config.dump();
  }
  if (!name_of_model.empty()) w.metadata["model"] = name_of_model;
  if (revision > 0) w.metadata["revision"] = std::to_string(revision);
  models::save_weights(out, w.tensors, w.metadata);
}

}  // namespace tessera::train
