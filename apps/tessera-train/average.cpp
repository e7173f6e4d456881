#include "apps/tessera-train/average.h"

#include <ATen/core/grad_mode.h>

#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>

#include "models/video/motion_model.h"
#include "models/weights.h"

namespace tessera::train {

void average_weights(const std::vector<std::string>& in, std::vector<double> weights, const std::string& out, int64_t revision) {
  if (weights.empty()) weights.assign(in.size(), 1);
  if (in.empty() || weights.size() != in.size()) throw std::runtime_error("there must be as many weights as files");
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!(sum > 0)) throw std::runtime_error("the weights must have a sum above 0");
  const at::NoGradGuard no_grad;
  std::map<std::string, std::string> record;
  std::unique_ptr<models::Motion> mean;
  for (size_t i = 0; i < in.size(); ++i) {
    try {
      const models::Weights w = models::load_weights(in[i]);
      if (!models::is_motion(w.metadata)) throw std::runtime_error("holds no video model");
      if (i > 0 && w.metadata.at("config") != record.at("config")) throw std::runtime_error("has another configuration than the first");
      const models::MotionConfig config = models::MotionConfig::from_json(w.metadata.at("config"));
      models::Motion network(config, models::Motion::Uninitialised{});
      models::resume_from_export(network, w);
      if (i == 0) {
        record = w.metadata;
        mean = std::make_unique<models::Motion>(config, models::Motion::Uninitialised{});
      }
      for (size_t p = 0; p < network.params().list().size(); ++p) {
        at::Tensor& sum_of = mean->params().list()[p].tensor;
        const at::Tensor part = network.params().list()[p].tensor * (weights[i] / sum);
        sum_of.copy_(i == 0 ? part : sum_of + part);
      }
    } catch (const std::exception& e) {
      throw std::runtime_error(in[i] + ": " + e.what());
    }
  }
  const auto field = [&](const char* key) { return record.contains(key) ? record.at(key) : std::string(); };
  models::export_motion(*mean, out, field("model"), revision > 0 ? static_cast<uint32_t>(revision) : static_cast<uint32_t>(std::stoul(field("revision"))), field("training"));
}

}  // namespace tessera::train
