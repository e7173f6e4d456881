#include "apps/tessera/model_media.h"

#include "codec/tessera.h"

namespace tessera::cli {

Status explained(const Status& status, MediaType type, const std::string& model, const std::string& weights_dir) {
  if (status.code() != ErrorCode::model_missing || model.empty()) return status;
  const auto shown = [](const std::string& media) { return media == "image" ? "pictures" : media == "audio" ? "sound" : "video"; };
  std::string media = model == "overfit" ? "image" : model == "overfit-video" ? "video" : "";
  if (media.empty()) {
    const auto models = list_models(weights_dir);
    if (!models) return status;
    for (const ModelInfo& info : *models) {
      if (info.name == model) media = info.media;
    }
  }
  const std::string wanted = type == MediaType::picture ? "image" : type == MediaType::sound ? "audio" : "video";
  if (media.empty() || media == wanted) return status;
  return {ErrorCode::invalid_argument, "model \"" + model + "\" codes " + shown(media) + ", not " + shown(wanted)};
}

}  // namespace tessera::cli
