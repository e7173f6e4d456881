#include "models/audio/speech_model.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <stdexcept>

#include "models/config_json.h"

namespace tessera::models::audio {
namespace {

const std::string& meta(const Weights& w, const std::string& key) {
  const auto it = w.metadata.find(key);
  if (it == w.metadata.end()) throw std::runtime_error("the weights file says nothing about its " + key);
  return it->second;
}

uint32_t parse_revision(const std::string& text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos) {
    throw std::runtime_error("the weights file has no valid revision");
  }
  return static_cast<uint32_t>(std::stoul(text));
}

Dense dense(const Weights& w, const std::string& name, int64_t in, int64_t out) {
  return {w.real(name + ".weight", {out, in}), w.real(name + ".bias", {out})};
}

FrameBlockWeights block(const Weights& w, const std::string& name, int64_t c, int64_t kernel) {
  return {dense(w, name + ".mix_in", c, c),          dense(w, name + ".mix_out", c, c),
          dense(w, name + ".expand", c, 4 * c),      dense(w, name + ".contract", 2 * c, c),
          w.real(name + ".dw.weight", {kernel, c}), w.real(name + ".dw.bias", {c})};
}

// Quantizer knows how its frozen codes are made; its learned maps or moving codes come from the file.
at::Tensor load_codebooks(const Weights& w, const SpeechConfig& config) {
  ParamSet params;
  Quantizer quantizer(params, "quantizer", config.quantizer);
  for (Param& p : params.list()) p.tensor.copy_(w.real(p.name, p.tensor.sizes()));
  for (auto [name, tensor] : quantizer.buffers()) {
    if (name == "quantizer.codes") tensor.copy_(w.real(name, tensor.sizes()));  // the rest only serves training
  }
  return quantizer.codebooks().contiguous();
}

Reach reach(const SpeechConfig& config, int64_t blocks) {
  const int64_t before = config.causal ? config.kernel - 1 : config.kernel / 2;
  return {blocks * before, blocks * (config.kernel - 1 - before)};
}

}  // namespace

Reach encoder_reach(const SpeechConfig& config) { return reach(config, config.encoder_blocks); }
Reach decoder_reach(const SpeechConfig& config) { return reach(config, config.decoder_blocks); }

double decode_macs(const SpeechModel& model) {
  const auto of = [](const Dense& layer) { return static_cast<double>(layer.weight.numel()); };
  double macs = of(model.from_latent) + of(model.head);
  for (const FrameBlockWeights& b : model.decoder) macs += of(b.mix_in) + of(b.mix_out) + of(b.expand) + of(b.contract) + static_cast<double>(b.filter.numel());
  return macs * model.config.frame_rate();
}

uint64_t export_speech(const Speech& network, const std::string& path, const std::string& name, uint32_t revision, const std::string& training) {
  std::map<std::string, at::Tensor> out;
  for (const Param& p : network.params().list()) out[p.name] = p.tensor.detach().cpu().to(at::kHalf);
  for (const auto& [key, tensor] : network.quantizer().buffers()) {
    if (key == "quantizer.codes") out[key] = tensor.detach().cpu().to(at::kHalf);
  }
  return save_weights(path, out,
                      {{"model", name}, {"revision", std::to_string(revision)}, {"config", network.config().to_json()}, {"training", training}});
}

bool is_speech(const std::map<std::string, std::string>& metadata) {
  const auto it = metadata.find("config");
  if (it == metadata.end()) return false;
  return ConfigJson(it->second).text("architecture") == "speech";
}

std::shared_ptr<SpeechModel> load_speech(const std::string& path) {
  const at::NoGradGuard no_grad;
  const Weights w = load_weights(path);
  if (!is_speech(w.metadata)) throw std::runtime_error("the weights file holds no audio model");
  auto model = std::make_shared<SpeechModel>();
  SpeechModel& m = *model;
  m.config = SpeechConfig::from_json(meta(w, "config"));
  const SpeechConfig& c = m.config;
  const int64_t bins = c.window / 2 + 1;
  m.embed = dense(w, "encoder.embed", 3 * c.channels * bins, c.width);
  for (int64_t i = 0; i < c.encoder_blocks; ++i) m.encoder.push_back(block(w, "encoder.block." + std::to_string(i), c.width, c.kernel));
  m.to_latent = dense(w, "encoder.latent", c.width, c.quantizer.dim);
  m.from_latent = dense(w, "decoder.latent", c.quantizer.dim, c.width);
  for (int64_t i = 0; i < c.decoder_blocks; ++i) m.decoder.push_back(block(w, "decoder.block." + std::to_string(i), c.width, c.kernel));
  m.head = dense(w, "decoder.head", c.width, c.head_parts() * c.channels * bins);
  m.codebooks = load_codebooks(w, c);
  m.half_norms = (m.codebooks.square().sum(-1) * 0.5).contiguous();
  if (IndexModel::present(w)) {
    auto index = IndexModel::load(w);
    if (!index) throw std::runtime_error("the weights file's index model: " + index.status().message());
    if (index->groups() != c.quantizer.groups || index->codes() != c.quantizer.codes || index->levels() > c.quantizer.levels) {
      throw std::runtime_error("the weights file's index model is made for other codebooks");
    }
    m.index = std::move(*index);
  }
  m.name = meta(w, "model");
  m.revision = parse_revision(meta(w, "revision"));
  m.hash = w.hash;
  m.file_bytes = w.file_bytes;
  m.training = meta(w, "training");
  return model;
}

}  // namespace tessera::models::audio
