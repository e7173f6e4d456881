#include "apps/tessera-train/index_trainer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/tessera-train/audio_pack.h"
#include "apps/tessera-train/index_network.h"
#include "models/audio/index_model.h"
#include "models/audio/speech.h"
#include "models/weights.h"

namespace tessera::train {
namespace {

using models::audio::Speech;
using models::audio::SpeechConfig;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

void load_network(Speech& network, const models::Weights& w) {
  const at::NoGradGuard no_grad;
  const auto copy = [&](const std::string& name, at::Tensor to) { to.copy_(w.real(name, to.sizes())); };
  for (models::Param& p : network.params().list()) copy(p.name, p.tensor);
  for (const auto& [name, tensor] : network.quantizer().buffers()) {
    if (w.tensors.contains(name)) copy(name, tensor);
  }
  network.quantizer().freeze();
}

// What the copies go through. The audio model itself was trained on the clips: on new sound its codes are less sure than on these. Far from the clips, the
// index model learns how much.
constexpr AudioVariation kVariation{.speed = 1.3, .mixed = 0.5, .filtered = 0.7, .filter_db = 10, .stereo = 0.6, .quieter_db = 20};
constexpr int64_t kPiece = 4;        // seconds of a varied segment
constexpr int64_t kAtOnce = 8;       // segments
constexpr double kHeldOutShare = 2;  // length of the varied segments that are held out, in that of their clips

AudioPack read_for(const SpeechConfig& c, const std::string& path) {
  AudioPack pack = read_audio_pack(path);
  if (pack.sample_rate != c.sample_rate || pack.channels != c.channels) {
    throw std::runtime_error(path + ": its sample rate or channel count is not the model's");
  }
  return pack;
}

// Every twelfth clip, or all others.
AudioPack part_of(const AudioPack& pack, bool held_out) {
  AudioPack out{pack.sample_rate, pack.channels, pack.samples, {}, {}};
  for (size_t i = 0; i < pack.begin.size(); ++i) {
    if ((i % 12 == 5) != held_out) continue;
    out.begin.push_back(pack.begin[i]);
    out.length.push_back(pack.length[i]);
  }
  return out;
}

// Indices of each clip, int64 [n,L,G].
std::vector<at::Tensor> encode_clips(const Speech& network, const AudioPack& pack) {
  const SpeechConfig& c = network.config();
  std::vector<at::Tensor> out;
  for (size_t k = 0; k < pack.begin.size(); ++k) {
    const at::Tensor x = pack.samples.narrow(0, pack.begin[k], pack.length[k]).t().to(at::kFloat) / 32768.0;
    // Half a minute at a time: the encoder's activations must fit.
    std::vector<at::Tensor> parts;
    const int64_t step = 30 * c.sample_rate / c.hop * c.hop;
    for (int64_t t = 0; t < x.size(1); t += step) parts.push_back(network.encode(x.narrow(1, t, std::min(step, x.size(1) - t)), c.quantizer.levels));
    out.push_back(at::cat(parts));
  }
  return out;
}

// Of varied segments that last `share` times as long as the clips together.
std::vector<at::Tensor> encode_varied(const Speech& network, const AudioPack& pack, double share) {
  const SpeechConfig& c = network.config();
  const AudioBatches batches(pack, at::kCPU);
  double samples = 0;
  for (const int64_t n : pack.length) samples += static_cast<double>(n);
  const auto count = static_cast<int64_t>(std::ceil(samples / static_cast<double>(c.sample_rate * kPiece) * share));
  std::vector<at::Tensor> out;
  for (int64_t i = 0; i < count; i += kAtOnce) {
    const at::Tensor x = batches.sample(kAtOnce, kPiece * c.sample_rate / c.hop * c.hop, kVariation);
    for (int64_t b = 0; b < kAtOnce; ++b) out.push_back(network.encode(x[b], c.quantizer.levels));
  }
  return out;
}

class Adam {
 public:
  explicit Adam(std::vector<IndexNetwork::Parameter>& parameters) : parameters_(parameters) {
    for (const auto& p : parameters) {
      first_.push_back(at::zeros_like(p.value));
      second_.push_back(at::zeros_like(p.value));
      average_.push_back(p.value.detach().clone());
    }
  }

  void step(const std::vector<at::Tensor>& gradients, double rate) {
    const at::NoGradGuard no_grad;
    ++steps_;
    const double b1 = 0.9, b2 = 0.98, c1 = 1 - std::pow(b1, steps_), c2 = 1 - std::pow(b2, steps_);
    const double held = std::min(0.995, static_cast<double>(steps_) / static_cast<double>(steps_ + 10));
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (!gradients[i].defined()) continue;
      first_[i].mul_(b1).add_(gradients[i], 1 - b1);
      second_[i].mul_(b2).addcmul_(gradients[i], gradients[i], 1 - b2);
      parameters_[i].value.addcdiv_(first_[i], (second_[i] / c2).sqrt_().add_(1e-8), -rate * parameters_[i].rate / c1);
      average_[i].mul_(held).add_(parameters_[i].value, 1 - held);
    }
  }

  // Exchanges the parameters and their averages.
  void swap() { exchange(average_); }

  // Remembers the averages; restores what was remembered last.
  void keep() {
    best_.clear();
    for (const at::Tensor& a : average_) best_.push_back(a.clone());
  }
  void restore() { exchange(best_); }

 private:
  void exchange(std::vector<at::Tensor>& with) {
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < with.size(); ++i) {
      const at::Tensor held = parameters_[i].value.clone();
      parameters_[i].value.copy_(with[i]);
      with[i].copy_(held);
    }
  }

  std::vector<IndexNetwork::Parameter>& parameters_;
  std::vector<at::Tensor> first_, second_, average_, best_;
  int64_t steps_ = 0;
};

// Clips cut into packets of equal length; what is left over is dropped.
at::Tensor cut(const std::vector<at::Tensor>& clips, int64_t packet) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& clip : clips) {
    for (int64_t t = 0; t + packet <= clip.size(0); t += packet) out.push_back(clip.narrow(0, t, packet));
  }
  if (out.empty()) throw std::runtime_error("the audio is too short for a packet");
  return at::stack(out);
}

// What keeps the tables near a megabyte.
int64_t fitting_embedding(const models::QuantizerConfig& q) {
  int64_t h = std::clamp<int64_t>((q.dim / q.groups + 15) / 16 * 16, 16, 64);
  while (h > 16 && q.levels * q.groups * q.codes * h > (1 << 20) + (1 << 17)) h -= 16;
  return h;
}

// Mean bits of an index at each level, with `levels` of them in use: float64 [levels].
at::Tensor mean_bits(const IndexNetwork& network, const at::Tensor& packets, int64_t levels) {
  const at::NoGradGuard no_grad;
  at::Tensor total = at::zeros({levels}, at::kDouble);
  for (int64_t i = 0; i < packets.size(0); i += 32) {
    const at::Tensor part = packets.narrow(0, i, std::min<int64_t>(32, packets.size(0) - i)).narrow(2, 0, levels);
    total += network.bits(network.positions(part), 1).to(at::kDouble);
  }
  return total / static_cast<double>(packets.size(0) * packets.size(1) * packets.size(3));
}

// What the stored integers make of whole clips, in packets that begin afresh and with the context carried on.
void report_integers(const std::string& path, const std::vector<at::Tensor>& clips, const char* what) {
  auto model = models::audio::IndexModel::load(models::load_weights(path));
  if (!model.ok()) throw std::runtime_error(model.status().message());
  const int64_t groups = model->groups();
  const double plain = std::log2(static_cast<double>(model->codes()));
  std::printf("%s: index model of %lld bytes; plain indices have %.2f bits\n", what, static_cast<long long>(model->stored_bytes()), plain);
  for (const int64_t packet : {int64_t{19}, int64_t{38}, int64_t{1} << 20}) {
    for (int64_t levels = 1; levels <= model->levels(); levels *= 2) {
      std::vector<double> bits(static_cast<size_t>(levels)), part(bits.size());
      int64_t frames = 0, bytes = 0;
      double seconds = 0;
      for (const at::Tensor& clip : clips) {
        for (int64_t t = 0; t < clip.size(0); t += packet) {
          const int64_t n = std::min(packet, clip.size(0) - t);
          const at::Tensor index = clip.narrow(0, t, n).narrow(1, 0, levels).to(at::kInt).contiguous();
          std::vector<uint16_t> indices(static_cast<size_t>(index.numel()));
          std::copy_n(index.const_data_ptr<int32_t>(), index.numel(), indices.begin());
          models::audio::IndexState state;
          model->ideal_bits(state, indices, n, levels, part);
          for (size_t i = 0; i < bits.size(); ++i) bits[i] += part[i];
          const std::vector<std::byte> coded = model->encode(indices, n, levels);
          const Clock::time_point begin = Clock::now();
          const auto decoded = model->decode(coded, n, levels);
          seconds += seconds_since(begin);
          if (!decoded.ok() || decoded.value() != indices) throw std::logic_error("the index model does not decode what it encoded");
          bytes += static_cast<int64_t>(coded.size());
          frames += n;
        }
      }
      double total = 0;
      for (const double b : bits) total += b;
      const double count = static_cast<double>(frames * groups);
      std::printf("%s packet %lld levels %lld: %.3f bits, coded %.3f, saved %.1f %%, decoding %.3f us an index, by level", what, static_cast<long long>(packet), static_cast<long long>(levels),
                  total / count / static_cast<double>(levels), static_cast<double>(bytes) * 8 / count / static_cast<double>(levels),
                  100 * (1 - static_cast<double>(bytes) * 8 / (count * static_cast<double>(levels) * plain)),
                  seconds * 1e6 / count / static_cast<double>(levels));
      for (const double b : bits) std::printf(" %.2f", b / count);
      std::printf("\n");
    }
  }
}

}  // namespace

int train_index(const IndexOptions& options) {
  at::manual_seed(options.seed);
  std::mt19937_64 random(options.seed);
  const models::Weights weights = models::load_weights(options.model);
  if (!weights.metadata.contains("config")) throw std::runtime_error(options.model + ": is not an audio model");
  Speech speech(SpeechConfig::from_json(weights.metadata.at("config")));
  load_network(speech, weights);
  const auto& q = speech.config().quantizer;

  const Clock::time_point begin = Clock::now();
  const AudioPack pack = read_for(speech.config(), options.data), for_training = part_of(pack, false), kept = part_of(pack, true);
  if (kept.begin.empty()) throw std::runtime_error(options.data + ": holds too few clips");
  std::vector<at::Tensor> train;
  for (at::Tensor& t : encode_clips(speech, for_training)) {
    if (t.size(0) >= options.packet) train.push_back(t);
  }
  for (at::Tensor& t : encode_varied(speech, for_training, static_cast<double>(options.copies - 1))) train.push_back(t);
  // Varied as well: what it costs is what is chosen by.
  const std::vector<at::Tensor> held_out = encode_varied(speech, kept, kHeldOutShare);
  at::Tensor counts = at::zeros({q.levels, q.groups, q.codes});
  int64_t frames = 0;
  std::vector<int64_t> ends;  // of each clip's possible beginnings
  for (const at::Tensor& clip : train) {
    frames += clip.size(0);
    ends.push_back((ends.empty() ? 0 : ends.back()) + clip.size(0) - options.packet + 1);
    const at::Tensor flat = clip.permute({1, 2, 0}).contiguous();
    counts.scatter_add_(2, flat, at::ones(flat.sizes()));
  }
  if (train.empty()) throw std::runtime_error(options.data + ": the audio is too short");
  std::printf("indices of %zu clips, %lld frames, in %.0f s\n", train.size(), static_cast<long long>(frames), seconds_since(begin));
  std::fflush(stdout);

  const int64_t embedding = options.embedding > 0 ? options.embedding : fitting_embedding(speech.config().quantizer);
  if (embedding % 8 != 0 || embedding > 256 || options.context % 8 != 0) {
    throw std::runtime_error("the channels of embedding and context must be multiples of 8, at most 256 and 512");
  }
  IndexNetwork network(speech.quantizer().codebooks(), counts, embedding, options.context);
  const at::Tensor together = at::cat(train);
  network.fit(network.positions(together.narrow(0, 0, std::min<int64_t>(together.size(0), 100000)).unsqueeze(0)).squeeze(0));
  Adam adam(network.parameters());
  std::vector<at::Tensor> values;
  for (const auto& p : network.parameters()) values.push_back(p.value);
  // A hundred packets or so tell enough about when to stop.
  const at::Tensor all_held_out = cut(held_out, options.packet);
  const at::Tensor check = all_held_out.slice(0, 0, all_held_out.size(0), std::max<int64_t>(1, all_held_out.size(0) / 96));
  // The mean over some numbers of levels, and a line of text.
  const auto report = [&](const std::string& what) {
    double sum = 0, count = 0;
    std::printf("%s held out:", what.c_str());
    for (int64_t n = 1; n <= q.levels; n *= 2) {
      const double b = mean_bits(network, check, n).mean().item<double>();
      std::printf(" %lld levels %.3f", static_cast<long long>(n), b);
      sum += b;
      ++count;
    }
    std::printf("\n");
    std::fflush(stdout);
    return sum / count;
  };
  double best = report("begin");
  adam.keep();
  const Clock::time_point start = Clock::now();
  double total = 0, count = 0;
  int64_t next_report = 1;
  for (int64_t step = 1;; ++step) {
    const double t = std::min(1.0, seconds_since(start) / (options.minutes * 60));
    const int64_t n = random() % 4 == 0 ? q.levels : static_cast<int64_t>(random() % static_cast<uint64_t>(q.levels)) + 1;
    const int64_t batch = std::clamp<int64_t>(16384 / (options.packet * n * q.groups), 8, 96);
    std::vector<at::Tensor> packets;
    for (int64_t i = 0; i < batch; ++i) {
      const int64_t at = static_cast<int64_t>(random() % static_cast<uint64_t>(ends.back()));
      const auto clip = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), at) - ends.begin());
      packets.push_back(train[clip].narrow(0, at - (clip > 0 ? ends[clip - 1] : 0), options.packet).narrow(1, 0, n));
    }
    const at::Tensor loss = network.bits(network.positions(at::stack(packets)), 0.9).mean() / static_cast<double>(batch * options.packet * q.groups);
    const std::vector<at::Tensor> gradients = torch::autograd::grad({loss}, values, {}, std::nullopt, false, true);
    const double warm = std::min(1.0, static_cast<double>(step) / 50);
    adam.step(gradients, 3e-3 * warm * (0.02 + 0.98 * 0.5 * (1 + std::cos(M_PI * t))));
    total += loss.item<double>();
    count += 1;
    if (t * 10 >= static_cast<double>(next_report)) {  // ten times
      next_report = static_cast<int64_t>(t * 10) + 1;
      char line[80];
      std::snprintf(line, sizeof line, "step %lld s %.0f loss %.4f", static_cast<long long>(step), seconds_since(start), total / count);
      adam.swap();
      const double now = report(line);
      adam.swap();
      if (now < best) {
        best = now;
        adam.keep();
      }
      total = count = 0;
    }
    if (t >= 1) break;
  }
  adam.restore();
  report("best");
  network.temper(network.positions(all_held_out));
  report("tempered");
  std::map<std::string, at::Tensor> tensors = weights.tensors;
  std::erase_if(tensors, [](const auto& t) { return t.first.starts_with("index."); });
  for (const auto& [name, tensor] : network.freeze()) tensors[name] = tensor;
  models::save_weights(options.out, tensors, weights.metadata);
  report_integers(options.out, held_out, "held out, varied");
  report_integers(options.out, encode_clips(speech, kept), "held out");
  if (!options.eval.empty()) report_integers(options.out, encode_clips(speech, read_for(speech.config(), options.eval)), "eval");
  return 0;
}

}  // namespace tessera::train
