#include "apps/tessera-train/compact.h"

#include <stdexcept>
#include <vector>

#include "models/weights.h"

namespace tessera::train {

void compact_weights(const std::string& in, const std::string& out) {
  models::Weights w;
  try {
    w = models::load_weights(in);
  } catch (const std::exception& e) {
    throw std::runtime_error(in + ": " + e.what());
  }
  const auto config = w.metadata.find("config");
  if (config == w.metadata.end() || config->second.find("\"architecture\":\"speech\"") == std::string::npos) {
    throw std::runtime_error(in + ": is not an audio model");
  }
  std::vector<std::string> names;
  for (const auto& [name, tensor] : w.tensors) names.push_back(name);
  for (const std::string& name : names) {
    const at::Tensor& t = w.tensors.at(name);
    if (name == "quantizer.moving_count" || name == "quantizer.moving_sum") {
      w.tensors.erase(name);
    } else if (!name.starts_with("index.") && at::isFloatingType(t.scalar_type()) && t.dim() >= 2 && t.numel() >= 4096) {
      models::store_as_int8(w.tensors, name);
    }
  }
  models::save_weights(out, w.tensors, w.metadata);
}

}  // namespace tessera::train
