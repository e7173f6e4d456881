// The installed weights: finding them, loading them once, sharing them between encoders and decoders.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/tessera.h"
#include "codec/video.h"
#include "models/audio/speech_model.h"
#include "models/inr/bayes/prior.h"
#include "models/still_model.h"
#include "models/video/motion_model.h"

namespace tessera {

// `wanted`, else $TESSERA_WEIGHTS, else <prefix>/share/tessera/weights of the library or the program, else the source tree's.
std::string weights_folder(const std::string& wanted);

// Loads NAME.safetensors (or NAME-*.safetensors with the given hash) onto the device; cached.
// Throws Failure: model_missing, device.
std::shared_ptr<models::StillModel> find_model(const std::string& folder, const std::string& name, std::optional<uint64_t> hash, Device device);

// The same for audio models, which stay on the CPU. Throws Failure: model_missing.
std::shared_ptr<const models::audio::SpeechModel> find_audio_model(const std::string& folder, const std::string& name, std::optional<uint64_t> hash);

// The same for video models. On a GPU the pixel path of large networks comes in float16 where `precision` asks for it, or leaves it open and a picture
// has many samples (`pixels`). Throws Failure: model_missing, device.
std::shared_ptr<const models::MotionModel> find_video_model(const std::string& folder, const std::string& name, std::optional<uint64_t> hash, Device device,
                                                            PixelPrecision precision = PixelPrecision::float32, uint64_t pixels = 0);

// The same for priors of the Bayesian codec. Throws Failure: model_missing.
std::shared_ptr<const models::inr::bayes::Prior> find_prior(const std::string& folder, const std::string& name, std::optional<uint64_t> hash);

}  // namespace tessera
