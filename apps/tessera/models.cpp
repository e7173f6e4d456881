// `tessera models`: the models in the box.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/tessera/exit_codes.h"
#include "apps/tessera/message.h"
#include "apps/tessera/options.h"

namespace tessera::cli {
namespace {

nlohmann::ordered_json to_json(const ModelInfo& model) {
  nlohmann::ordered_json json;
  json["name"] = model.name;
  json["revision"] = model.revision;
  json["hash"] = fmt::format("{:016x}", model.hash);
  json["media"] = model.media;
  json["file"] = model.file;
  json["bytes"] = model.file_bytes;
  json["parameters"] = model.parameters;
  if (model.media == "audio") {
    json["encode_mmac_per_second"] = model.encode_mmac_per_second;
    json["decode_mmac_per_second"] = model.decode_mmac_per_second;
  } else {
    json["encode_kmac_per_pixel"] = model.encode_kmac_per_pixel;
    json["decode_kmac_per_pixel"] = model.decode_kmac_per_pixel;
  }
  json["training"] = model.training;
  return json;
}

}  // namespace

int models_command(const Common& options) {
  auto models = list_models(options.weights_dir);
  if (!models) return fail(models.status());
  std::sort(models->begin(), models->end(), [](const ModelInfo& a, const ModelInfo& b) { return a.name < b.name; });
  if (models->empty() && !options.json) {
    return fail({ErrorCode::model_missing, "no model is installed" + (options.weights_dir.empty() ? "" : " in " + options.weights_dir)});
  }
  if (options.json) {
    auto list = nlohmann::ordered_json::array();
    for (const ModelInfo& model : *models) list.push_back(to_json(model));
    say(stdout, "{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kExitOk;
  }
  say(stdout, "{:<16} {:>4}  {:<16} {:<6} {:>8} {:>9} {:>10} {:>10}\n", "name", "rev", "hash", "media", "MiB",
             "M param", "enc MAC", "dec MAC");
  for (const ModelInfo& model : *models) {
    const bool sound = model.media == "audio";
    const auto cost = [&](double kmac_per_pixel, double mmac_per_second) {
      return sound ? fmt::format("{:.0f} M/s", mmac_per_second) : fmt::format("{:.1f} k/px", kmac_per_pixel);
    };
    say(stdout, "{:<16} {:>4}  {:016x} {:<6} {:>8.1f} {:>9.2f} {:>10} {:>10}\n", model.name, model.revision, model.hash, model.media,
               static_cast<double>(model.file_bytes) / (1 << 20), static_cast<double>(model.parameters) / 1e6,
               cost(model.encode_kmac_per_pixel, model.encode_mmac_per_second), cost(model.decode_kmac_per_pixel, model.decode_mmac_per_second));
    if (!model.training.empty()) say(stdout, "  {}\n", model.training);
  }
  return kExitOk;
}

}  // namespace tessera::cli
