#include "apps/tessera-train/audio_trainer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "apps/tessera-train/audio_pack.h"
#include "apps/tessera-train/flat_params.h"
#include "apps/tessera-train/optimizer.h"
#include "apps/tessera-train/step_graph.h"
#include "models/audio/losses.h"
#include "models/audio/loudness.h"
#include "models/weights.h"

#ifdef TESSERA_WITH_CUDA
#include "models/cuda/register.h"
#endif

namespace tessera::train {
namespace {

using models::audio::Discriminator;
using models::audio::LoudnessLoss;
using models::audio::SpectralLoss;
using models::audio::Speech;
using models::audio::SpeechConfig;
using nlohmann::json;
using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

json parse_recipe(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + ": cannot be opened");
  json j = json::parse(in, nullptr, false, true);
  if (!j.is_object()) throw std::runtime_error(path + ": is not a JSON object");
  return j;
}

class Run {
 public:
  Run(const AudioRecipe& recipe, const RunOptions& options)
      : recipe_(recipe),
        options_(options),
        device_(options.cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU)),
        network_(recipe.config),
        discriminator_(recipe.discriminator),
        spectral_(recipe.config.sample_rate, device_),
        loudness_(recipe.config.sample_rate, device_) {
    std::filesystem::create_directories(options.out);
    log_.open(options.out + "/log.txt", std::ios::app);
    if (!log_) throw std::runtime_error(options.out + ": cannot be written");
    if (recipe.lapped_latents > 0) network_.lapped_init(recipe.lapped_latents);
    if (!options.init.empty()) load_weights(options.init);
    network_.to(device_);
    discriminator_.to(device_);
    flat_ = std::make_unique<FlatParams>(network_.params(), device_);
    judge_flat_ = std::make_unique<FlatParams>(discriminator_.params(), device_);
    optimizer_ = std::make_unique<Optimizer>(*flat_, recipe.common);
    Recipe adam = recipe.common;
    adam.muon = false;
    adam.beta1 = 0.8;  // a short memory: the opponent moves
    adam.beta2 = 0.99;
    judge_optimizer_ = std::make_unique<Optimizer>(*judge_flat_, adam);
    batches_ = std::make_unique<AudioBatches>(options.data, recipe.config.sample_rate, recipe.config.channels, device_);
    if (!options.eval.empty()) eval_ = std::make_unique<AudioBatches>(options.eval, recipe.config.sample_rate, recipe.config.channels, device_);
    sums_ = at::zeros({11}, flat_->master.options());
    fade_ = at::ones({}, flat_->master.options());
    if (!options.resume.empty()) load_checkpoint(options.resume);
    say("parameters " + std::to_string(flat_->size()) + ", discriminators " + std::to_string(judge_flat_->size()) + ", encode " +
        number(network_.encode_macs() / 1e6) + " decode " + number(network_.decode_macs() / 1e6) + " MMAC/s, clips " +
        std::to_string(batches_->clips()) + ", hours " + number(batches_->seconds() / 3600));
  }

  int go() {
    for (; phase_ < recipe_.phases.size(); ++phase_) {
      if (!run_phase(recipe_.phases[phase_])) return finish(1);
      phase_seconds_ = 0;
      if (options_.max_steps > 0 && step_ >= options_.max_steps) break;
    }
    return finish(0);
  }

 private:
  static std::string number(double v) {
    char text[40];
    std::snprintf(text, sizeof text, "%.4g", v);
    return text;
  }

  void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    log_ << line << std::endl;
  }

  int64_t segment(const AudioPhase& phase) const {
    const auto samples = static_cast<int64_t>(phase.seconds * static_cast<double>(recipe_.config.sample_rate));
    return (samples + recipe_.config.hop - 1) / recipe_.config.hop * recipe_.config.hop;
  }

  // One step of training; everything stays on the device. The discriminators learn first, from the signal that the
  // generator is then corrected on.
  void step(const AudioPhase& phase) {
    const at::Tensor x = batches_->sample(phase.batch, segment(phase), recipe_.variation);
    flat_->zero_gradient();
    const at::Tensor levels = network_.quantizer().random_levels(phase.batch, recipe_.all_levels);
    const Speech::Output out = network_.forward(x, levels, true);
    at::Tensor judge_loss = at::zeros({}, x.options()), fool = judge_loss, match = judge_loss;
    if (phase.adversarial) {
      judge_flat_->zero_gradient();
      discriminator_.requires_grad(true);
      const at::Tensor loss = Discriminator::discriminator_loss(discriminator_(x), discriminator_(out.y.detach()));
      torch::autograd::backward({loss}, {});
      const at::NoGradGuard no_grad;
      judge_optimizer_->step(judge_flat_->gradient());
      judge_loss = loss.detach();
    }
    // The distances hear magnitudes only: two channels can each be right and cancel in their sum. A third channel, a mixture of the two that
    // is drawn anew for each segment, hears what they have in common.
    const auto with_mixture = [&, angle = at::rand({phase.batch, 1, 1}, x.options()) * M_PI](const at::Tensor& signal) {
      if (signal.size(1) != 2) return signal;
      return at::cat({signal, signal.narrow(1, 0, 1) * at::cos(angle) + signal.narrow(1, 1, 1) * at::sin(angle)}, 1);
    };
    const SpectralLoss::Terms distance = spectral_(with_mixture(out.y), with_mixture(x), levels.ge(static_cast<double>(recipe_.complex_from)).to(at::kFloat));
    const at::Tensor wave = (out.y - x).abs().mean();
    at::Tensor loss = recipe_.mel * distance.mel + recipe_.stft * distance.stft + recipe_.wave * wave + recipe_.quantizer * out.quantizer_loss;
    if (recipe_.multi > 0) loss = loss + recipe_.multi * distance.multi;
    if (recipe_.complex > 0) loss = loss + recipe_.complex * distance.complex;
    at::Tensor loud = at::zeros({}, x.options());
    if (recipe_.loudness > 0) {
      loud = loudness_(out.y, x);
      loss = loss + recipe_.loudness * loud;
    }
    if (phase.adversarial) {
      discriminator_.requires_grad(false);
      Discriminator::Output real;
      {
        const at::NoGradGuard no_grad;
        real = discriminator_(x);
      }
      const Discriminator::Output fake = discriminator_(out.y);
      fool = Discriminator::generator_loss(fake);
      match = Discriminator::feature_loss(real, fake);
      loss = loss + fade_ * (recipe_.adversarial * fool + recipe_.feature * match);
    }
    torch::autograd::backward({loss}, {});
    const at::NoGradGuard no_grad;
    optimizer_->step(flat_->gradient());
    // A step whose loss is not finite changed nothing, and must not spoil the log.
    const at::Tensor parts = at::stack({loss.detach(), distance.mel.detach(), distance.stft.detach(), out.quantizer_loss.detach(), judge_loss, fool.detach(),
                          match.detach(), loud.detach(), at::ones_like(judge_loss), distance.complex.detach(), distance.multi.detach()});
    sums_.add_(at::where(at::isfinite(parts.sum()), parts, at::zeros_like(parts)));
  }

  bool run_phase(const AudioPhase& phase) {
    const at::ScalarType type = phase.mixed_precision && options_.cuda ? at::kBFloat16 : at::kFloat;
    flat_->bind_training(type);
    judge_flat_->bind_training(type);
    const double total = phase.minutes * 60 * options_.clock_scale;
    StepGraph graph([&] { step(phase); }, options_.cuda && options_.graph);
    phase_step_ = step_;
    set_rate(phase, 0);
    sums_.zero_();
    const Clock::time_point begin = Clock::now();
    const double already = phase_seconds_;
    Clock::time_point last_log = begin, last_save = begin;
    int64_t logged = step_;
    say("phase " + std::to_string(phase_) + (phase.adversarial ? ": adversarial, segment " : ": segment ") + std::to_string(segment(phase)) +
        " batch " + std::to_string(phase.batch) + " minutes " + number(phase.minutes));
    while (true) {
      phase_seconds_ = already + seconds_since(begin);
      if (options_.max_steps > 0 ? step_ >= options_.max_steps : phase_seconds_ >= total) break;
      graph.run([&] { set_rate(phase, std::min(1.0, phase_seconds_ / total)); });
      ++step_;
      if (step_ % 16 == 0) graph.synchronise();  // the clock must not run ahead of the device by more
      if (step_ % options_.log_every == 0) {
        graph.synchronise();
        const double audio = static_cast<double>((step_ - logged) * phase.batch) * phase.seconds / seconds_since(last_log);
        last_log = Clock::now();
        logged = step_;
        if (!log_step(phase, audio)) return false;
      }
      if (seconds_since(last_save) > options_.checkpoint_minutes * 60) {
        graph.synchronise();
        save();
        last_save = Clock::now();
      }
    }
    graph.synchronise();
    return true;
  }

  bool log_step(const AudioPhase& phase, double audio_per_second) {
    const at::NoGradGuard no_grad;
    const at::Tensor s = sums_.cpu().clone();
    sums_.zero_();
    const float* v = s.const_data_ptr<float>();
    const double n = std::max(1.f, v[8]), skipped = optimizer_->skipped.cpu().item<float>();
    char line[300];
    std::snprintf(line, sizeof line, "step %lld s %.0f loss %.4f mel %.4f stft %.4f multi %.4f complex %.4f loudness %.4f quantizer %.4f lr %.2e skipped %.0f audio s/s %.0f",
                  static_cast<long long>(step_), phase_seconds_, v[0] / n, v[1] / n, v[2] / n, v[10] / n, v[9] / n, v[7] / n, v[3] / n, rate_now_, skipped, audio_per_second);
    std::string text = line;
    if (phase.adversarial) {
      std::snprintf(line, sizeof line, " judge %.3f fool %.3f match %.4f judge_skipped %.0f", v[4] / n, v[5] / n, v[6] / n,
                    static_cast<double>(judge_optimizer_->skipped.cpu().item<float>()));
      text += line;
    }
    // Perplexity of each level, and the share of its codes that were used at all since the last line.
    const at::Tensor perplexity = network_.quantizer().perplexity().cpu(), usage = network_.quantizer().usage().cpu();
    text += " codes";
    for (int64_t l = 0; l < perplexity.numel(); ++l) {
      std::snprintf(line, sizeof line, " %.0f/%.2f", static_cast<double>(perplexity.const_data_ptr<float>()[l]),
                    static_cast<double>(usage.const_data_ptr<float>()[l]));
      text += line;
    }
    network_.quantizer().clear_counts();
    say(text);
    if (v[8] == 0 || skipped > 0.05 * static_cast<double>(step_) + 50) {
      say("training broke down: the loss is not finite");
      return false;
    }
    return true;
  }

  void set_rate(const AudioPhase& phase, double t) {
    const double warm = std::min(1.0, static_cast<double>(step_ + 1) / recipe_.common.warmup_steps);
    rate_now_ = warm * (phase.rate_end + (phase.rate_begin - phase.rate_end) * 0.5 * (1 + std::cos(M_PI * t)));
    optimizer_->rate.fill_(rate_now_);
    judge_optimizer_->rate.fill_(phase.discriminator_rate * rate_now_ / phase.rate_begin);
    fade_.fill_(std::min(1.0, static_cast<double>(step_ - phase_step_ + 1) / recipe_.adversarial_warmup));
  }

  std::string training_record() const {
    ordered_json j = {{"data", options_.data_name.empty() ? options_.data : options_.data_name},
                      {"steps", step_},
                      {"device_minutes", (seconds_before_ + seconds_since(start_)) / 60},
                      {"recipe", ordered_json::parse(recipe_.to_json())}};
    if (!previous_.empty()) j["continues"] = ordered_json::parse(previous_, nullptr, false);
    return j.dump();
  }

  // Weights: the averaged parameters in float16 under their names, moving codes included; frozen codes are made from the
  // configuration. A checkpoint has everything in float32, the discriminators too.
  void save() {
    const at::NoGradGuard no_grad;
    std::map<std::string, at::Tensor> weights;
    for (const models::Param& p : network_.params().list()) weights[p.name] = flat_->view(optimizer_->average, p.name).cpu().to(at::kHalf);
    for (const auto& [name, tensor] : network_.quantizer().buffers()) weights[name] = tensor.cpu().to(at::kHalf);
    models::save_weights(options_.out + "/weights.safetensors", weights,
                         {{"model", options_.name},
                          {"revision", std::to_string(options_.revision)},
                          {"config", recipe_.config.to_json()},
                          {"training", training_record()}});
    std::map<std::string, at::Tensor> tensors;
    each_state([&](const std::string& name, at::Tensor& t) { tensors[name] = t; });
    models::save_weights(options_.out + "/checkpoint.safetensors", tensors,
                         {{"model", options_.name},
                          {"recipe", recipe_.to_json()},
                          {"step", std::to_string(step_)},
                          {"phase", std::to_string(phase_)},
                          {"phase_seconds", std::to_string(phase_seconds_)},
                          {"seconds", std::to_string(seconds_before_ + seconds_since(start_))},
                          {"previous", previous_}});
    say("saved at step " + std::to_string(step_));
  }

  template <class Visit>
  void each_state(Visit&& visit) {
    for (const auto& [prefix, flat, optimizer] : {std::tuple{"", flat_.get(), optimizer_.get()}, {"judge_", judge_flat_.get(), judge_optimizer_.get()}}) {
      const std::string p = prefix;
      visit(p + "master", flat->master);
      visit(p + "first", optimizer->first);
      visit(p + "second", optimizer->second);
      visit(p + "average", optimizer->average);
      visit(p + "steps", optimizer->steps);
      visit(p + "skipped", optimizer->skipped);
    }
    for (auto [name, tensor] : network_.quantizer().buffers()) visit(name, tensor);
  }

  void load_checkpoint(const std::string& path) {
    const at::NoGradGuard no_grad;
    const models::Weights w = models::load_weights(path);
    each_state([&](const std::string& name, at::Tensor& t) { t.copy_(w.get(name, at::kFloat, t.sizes())); });
    step_ = std::stoll(w.metadata.at("step"));
    phase_ = static_cast<size_t>(std::stoull(w.metadata.at("phase")));
    phase_seconds_ = std::stod(w.metadata.at("phase_seconds"));
    seconds_before_ = std::stod(w.metadata.at("seconds"));
    previous_ = w.metadata.at("previous");
  }

  void load_weights(const std::string& path) {
    const at::NoGradGuard no_grad;
    const models::Weights w = models::load_weights(path);
    for (models::Param& p : network_.params().list()) p.tensor.copy_(w.real(p.name, p.tensor.sizes()));
    // Moving codes go on from where they are; a released file has no more than them.
    for (auto [name, tensor] : network_.quantizer().buffers()) {
      if (name == "quantizer.moving_count") {
        tensor.fill_(1.0);
      } else {
        tensor.copy_(w.real("quantizer.codes", tensor.sizes()));
      }
    }
    previous_ = w.metadata.contains("training") ? w.metadata.at("training") : "";
  }

  int finish(int code) {
    if (code == 0) save();
    if (eval_) evaluate();
    return code;
  }

  // Distances of the averaged weights on the first ten seconds of each clip, over the bit rates. What was decoded is left
  // beside the weights as raw samples, for measures that other programs make.
  void evaluate() {
    const at::NoGradGuard no_grad;
    flat_->bind_values(optimizer_->average);
    for (int64_t levels = 1; levels <= recipe_.config.quantizer.levels; levels *= 2) {
      double mel = 0, stft = 0, loud = 0, complex = 0, multi = 0;
      for (int64_t i = 0; i < eval_->clips(); ++i) {
        const at::Tensor original = eval_->clip(i, 10 * recipe_.config.sample_rate), x = models::audio::pad_to(original, recipe_.config.hop);
        const at::Tensor y = network_.forward(x, at::full({1}, static_cast<double>(levels), x.options()), false).y;
        const SpectralLoss::Terms t = spectral_(y, x);
        mel += t.mel.item<double>();
        stft += t.stft.item<double>();
        complex += t.complex.item<double>();
        multi += t.multi.item<double>();
        loud += loudness_(y, x).item<double>();
        const at::Tensor raw = (y[0].narrow(1, 0, original.size(2)).t() * 32768).round().clamp(-32768, 32767).to(at::kShort).cpu().contiguous();
        std::ofstream out(options_.out + "/clip" + std::to_string(i) + "_levels" + std::to_string(levels) + ".s16", std::ios::binary);
        out.write(static_cast<const char*>(raw.const_data_ptr()), static_cast<std::streamsize>(raw.nbytes()));
      }
      const double n = static_cast<double>(eval_->clips());
      char line[200];
      std::snprintf(line, sizeof line, "eval levels %lld kbit/s %.2f mel %.4f stft %.4f multi %.4f complex %.4f loudness %.4f", static_cast<long long>(levels),
                    recipe_.config.bit_rate(levels) / 1000, mel / n, stft / n, multi / n, complex / n, loud / n);
      say(line);
    }
  }

  const AudioRecipe recipe_;
  const RunOptions options_;
  const at::Device device_;
  Speech network_;
  Discriminator discriminator_;
  SpectralLoss spectral_;
  std::ofstream log_;
  std::unique_ptr<FlatParams> flat_, judge_flat_;
  std::unique_ptr<Optimizer> optimizer_, judge_optimizer_;
  std::unique_ptr<AudioBatches> batches_, eval_;
  const LoudnessLoss loudness_;
  at::Tensor sums_, fade_;
  std::string previous_;
  int64_t step_ = 0, phase_step_ = 0;
  size_t phase_ = 0;
  double phase_seconds_ = 0, seconds_before_ = 0, rate_now_ = 0;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace

std::string AudioRecipe::to_json() const {
  ordered_json j = ordered_json::parse(common.to_json());
  j["config"] = ordered_json::parse(config.to_json());
  j["discriminator"] = {{"periods", discriminator.periods}, {"windows", discriminator.windows}, {"width", discriminator.width}};
  j["losses"] = {{"mel", mel}, {"stft", stft}, {"wave", wave}, {"complex", complex}, {"complex_from", complex_from}, {"multi", multi}, {"loudness", loudness}, {"quantizer", quantizer}, {"adversarial", adversarial}, {"feature", feature}};
  j["lapped_latents"] = lapped_latents;
  j["all_levels"] = all_levels;
  j["adversarial_warmup"] = adversarial_warmup;
  j["variation"] = {{"speed", variation.speed},
                    {"mixed", variation.mixed},
                    {"filtered", variation.filtered},
                    {"filter_db", variation.filter_db},
                    {"stereo", variation.stereo},
                    {"quieter_db", variation.quieter_db}};
  for (const AudioPhase& p : phases) {
    j["phases"].push_back({{"seconds", p.seconds},
                           {"batch", p.batch},
                           {"minutes", p.minutes},
                           {"rate_begin", p.rate_begin},
                           {"rate_end", p.rate_end},
                           {"discriminator_rate", p.discriminator_rate},
                           {"adversarial", p.adversarial},
                           {"mixed_precision", p.mixed_precision}});
  }
  return j.dump();
}

std::string recipe_model(const std::string& path) {
  const json j = parse_recipe(path);
  if (j.contains("model") && !j["model"].is_string()) throw std::runtime_error(path + ": \"model\" is not a name");
  return j.value("model", "still");
}

AudioRecipe load_audio_recipe(const std::string& path) {
  const json j = parse_recipe(path);
  const auto check = [&](const json& object, const std::set<std::string>& known) {
    for (const auto& [key, value] : object.items()) {
      if (!known.contains(key)) throw std::runtime_error("unknown entry \"" + key + "\"");
    }
  };
  AudioRecipe r;
  r.common.phases.clear();
  try {
    check(j, {"model", "config", "discriminator", "losses", "lapped_latents", "all_levels", "variation", "adversarial_warmup", "warmup_steps", "clip", "beta1", "beta2", "muon",
              "muon_momentum", "ema", "seed", "phases", "comment"});
    Recipe& c = r.common;
    c.model = j.value("model", std::string("speech"));
    c.warmup_steps = j.value("warmup_steps", c.warmup_steps);
    c.clip = j.value("clip", c.clip);
    c.beta1 = j.value("beta1", c.beta1);
    c.beta2 = j.value("beta2", c.beta2);
    c.muon = j.value("muon", c.muon);
    c.muon_momentum = j.value("muon_momentum", c.muon_momentum);
    c.ema = j.value("ema", c.ema);
    c.seed = j.value("seed", c.seed);
    if (j.contains("config")) r.config = SpeechConfig::from_json(j["config"].dump());
    if (j.contains("discriminator")) {
      const json& d = j["discriminator"];
      check(d, {"periods", "windows", "width"});
      r.discriminator.periods = d.value("periods", r.discriminator.periods);
      r.discriminator.windows = d.value("windows", r.discriminator.windows);
      r.discriminator.width = d.value("width", r.discriminator.width);
    }
    if (j.contains("losses")) {
      const json& l = j["losses"];
      check(l, {"mel", "stft", "wave", "complex", "complex_from", "multi", "loudness", "quantizer", "adversarial", "feature"});
      r.mel = l.value("mel", r.mel);
      r.stft = l.value("stft", r.stft);
      r.wave = l.value("wave", r.wave);
      r.complex = l.value("complex", r.complex);
      r.complex_from = l.value("complex_from", r.complex_from);
      if (r.complex_from < 1 || r.complex_from > r.config.quantizer.levels) throw std::runtime_error("losses: complex_from is no number of levels");
      r.multi = l.value("multi", r.multi);
      r.loudness = l.value("loudness", r.loudness);
      r.quantizer = l.value("quantizer", r.quantizer);
      r.adversarial = l.value("adversarial", r.adversarial);
      r.feature = l.value("feature", r.feature);
    }
    r.lapped_latents = j.value("lapped_latents", r.lapped_latents);
    r.all_levels = j.value("all_levels", r.all_levels);
    r.adversarial_warmup = std::max(1.0, j.value("adversarial_warmup", r.adversarial_warmup));
    if (j.contains("variation")) {
      const json& v = j["variation"];
      check(v, {"speed", "mixed", "filtered", "filter_db", "stereo", "quieter_db"});
      r.variation.speed = v.value("speed", r.variation.speed);
      r.variation.mixed = v.value("mixed", r.variation.mixed);
      r.variation.filtered = v.value("filtered", r.variation.filtered);
      r.variation.filter_db = v.value("filter_db", r.variation.filter_db);
      r.variation.stereo = v.value("stereo", r.variation.stereo);
      r.variation.quieter_db = v.value("quieter_db", r.variation.quieter_db);
      if (!(r.variation.speed >= 1 && r.variation.speed <= 2)) throw std::runtime_error("variation: speed is not 1 to 2");
    }
    for (const json& p : j.at("phases")) {
      check(p, {"seconds", "batch", "minutes", "rate_begin", "rate_end", "discriminator_rate", "adversarial", "mixed_precision"});
      AudioPhase phase;
      phase.seconds = p.value("seconds", phase.seconds);
      phase.batch = p.value("batch", phase.batch);
      phase.minutes = p.value("minutes", phase.minutes);
      phase.rate_begin = p.value("rate_begin", phase.rate_begin);
      phase.rate_end = p.value("rate_end", phase.rate_begin);
      phase.discriminator_rate = p.value("discriminator_rate", phase.discriminator_rate);
      phase.adversarial = p.value("adversarial", phase.adversarial);
      phase.mixed_precision = p.value("mixed_precision", phase.mixed_precision);
      if (!(phase.seconds > 0.05 && phase.seconds < 60) || phase.batch < 1 || phase.minutes <= 0 || phase.rate_begin <= 0) {
        throw std::runtime_error("a phase has a bad segment, batch, length or rate");
      }
      r.phases.push_back(phase);
    }
    if (r.phases.empty()) throw std::runtime_error("has no phases");
  } catch (const std::exception& e) {
    throw std::runtime_error(path + ": " + e.what());
  }
  return r;
}

int train_audio(const AudioRecipe& recipe, const RunOptions& options) {
  at::manual_seed(recipe.common.seed);
#ifdef TESSERA_WITH_CUDA
  if (options.cuda) {
    models::cuda::register_kernels();
    at::globalContext().setAllowTF32CuBLAS(true);
    at::globalContext().setAllowTF32CuDNN(true);
  }
#else
  if (options.cuda) throw std::runtime_error("this build of the trainer has no CUDA: configure with the preset cuda");
#endif
  return Run(recipe, options).go();
}

}  // namespace tessera::train
