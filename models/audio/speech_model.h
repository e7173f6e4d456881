// A released audio model: the weights as the streaming codec uses them (stream.h), without the trainer's network around them.
//
// The file holds the parameters of Speech (speech.h) under their names, in float16 or float32, moving codes included; frozen codes
// are made from the configuration. Whatever configuration is stored in the file is what is built.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/audio/index_model.h"
#include "models/audio/speech.h"
#include "models/weights.h"

namespace tessera::models::audio {

// A layer of float32 weights [out,in] and bias [out], contiguous.
struct Dense {
  at::Tensor weight, bias;
  int64_t out() const { return weight.size(0); }
  int64_t in() const { return weight.size(1); }
};

// The weights of a FrameBlock.
struct FrameBlockWeights {
  Dense mix_in, mix_out, expand, contract;
  at::Tensor filter, filter_bias;  // [k,C], [C]
};

struct SpeechModel {
  SpeechConfig config;
  Dense embed, to_latent, from_latent, head;
  std::vector<FrameBlockWeights> encoder, decoder;
  at::Tensor codebooks;   // [L,G,K,D/G]
  at::Tensor half_norms;  // [L,G,K]: |code|^2 / 2
  std::optional<IndexModel> index;  // the entropy coder of the indices, where the file has one
  std::string name;
  uint32_t revision = 0;
  uint64_t hash = 0;
  uint64_t file_bytes = 0;
  std::string training;  // JSON
};

// How many frames before and after it a frame depends on. The transforms add to that, see stream.h.
struct Reach {
  int64_t before = 0, after = 0;
};
Reach encoder_reach(const SpeechConfig& config);
Reach decoder_reach(const SpeechConfig& config);

// Multiply-adds a second of sound; transforms not counted.
double decode_macs(const SpeechModel& model);

// Writes the parameters, in float16, with the metadata that load_speech() wants. Returns the file's hash.
uint64_t export_speech(const Speech& network, const std::string& path, const std::string& name, uint32_t revision, const std::string& training);

// Throws std::runtime_error with a sentence when the file is missing, damaged, or no audio model.
std::shared_ptr<SpeechModel> load_speech(const std::string& path);

// True when the metadata of a weights file describes an audio model.
bool is_speech(const std::map<std::string, std::string>& metadata);

}  // namespace tessera::models::audio
