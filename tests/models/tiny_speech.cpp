#include "tests/models/tiny_speech.h"

#include <ATen/core/grad_mode.h>

#include "models/audio/speech_model.h"
#include "tests/models/random_index.h"
#include "tests/models/tensors.h"

namespace tessera::models::test {

audio::SpeechConfig tiny_speech(bool causal, int64_t channels) {
  audio::SpeechConfig c;
  c.sample_rate = 8000;
  c.channels = channels;
  c.hop = 40;
  c.window = causal ? 80 : 160;
  c.width = 16;
  c.encoder_blocks = 2;
  c.decoder_blocks = 2;
  c.causal = causal;
  c.quantizer.dim = 8;
  c.quantizer.groups = channels;
  c.quantizer.levels = 6;
  c.quantizer.codes = 16;
  return c;
}

void randomise(audio::Speech& network, uint64_t seed) {
  const at::NoGradGuard no_grad;
  for (Param& p : network.params().list()) {
    p.tensor.add_(random_normal(p.tensor.sizes(), seed++) * 0.1);
    p.tensor.copy_(p.tensor.to(at::kHalf).to(at::kFloat));
  }
}

uint64_t write_tiny_speech(const std::string& folder, const std::string& name, const audio::SpeechConfig& config, uint64_t seed) {
  audio::Speech network(config);
  randomise(network, seed);
  return audio::export_speech(network, folder + "/" + name + ".safetensors", name, 1, "{\"data\":\"random\"}");
}

uint64_t write_tiny_speech_with_index(const std::string& folder, const std::string& name, const audio::SpeechConfig& config, uint64_t seed) {
  write_tiny_speech(folder, name, config, seed);
  const std::string path = folder + "/" + name + ".safetensors";
  Weights weights = load_weights(path);
  const QuantizerConfig& q = config.quantizer;
  for (const auto& [key, tensor] : random_index_weights({q.levels, q.groups, q.codes, 8, 8, 16, 16}, seed, 100).tensors) weights.tensors[key] = tensor;
  weights.metadata.erase("checksum");  // written anew
  return save_weights(path, weights.tensors, weights.metadata);
}

}  // namespace tessera::models::test
