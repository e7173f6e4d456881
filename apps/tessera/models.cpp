// `tessera models`: the models in the box.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/tessera/exit_codes.h"
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
  json["encode_kmac_per_pixel"] = model.encode_kmac_per_pixel;
  json["decode_kmac_per_pixel"] = model.decode_kmac_per_pixel;
  json["training"] = model.training;
  return json;
}

}  // namespace

int models_command(const Common& options) {
  auto models = list_models(options.weights_dir);
  if (!models) return fail(models.status());
  if (options.json) {
    auto list = nlohmann::ordered_json::array();
    for (const ModelInfo& model : *models) list.push_back(to_json(model));
    fmt::print("{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kExitOk;
  }
  fmt::print("{:<16} {:>4}  {:<16} {:<6} {:>8} {:>9} {:>9} {:>9}\n", "name", "rev", "hash", "media", "MiB",
             "M param", "enc kMAC", "dec kMAC");
  for (const ModelInfo& model : *models) {
    fmt::print("{:<16} {:>4}  {:016x} {:<6} {:>8.1f} {:>9.2f} {:>9.1f} {:>9.1f}\n", model.name,
               model.revision, model.hash, model.media, static_cast<double>(model.file_bytes) / (1 << 20),
               static_cast<double>(model.parameters) / 1e6, model.encode_kmac_per_pixel,
               model.decode_kmac_per_pixel);
    if (!model.training.empty()) fmt::print("  {}\n", model.training);
  }
  return kExitOk;
}

}  // namespace tessera::cli
