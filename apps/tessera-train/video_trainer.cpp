#include "apps/tessera-train/video_trainer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "apps/tessera-train/clips.h"
#include "apps/tessera-train/flat_params.h"
#include "apps/tessera-train/optimizer.h"
#include "apps/tessera-train/step_graph.h"
#include "apps/tessera-train/video_evaluate.h"
#include "models/video/motion_model.h"
#include "models/video/motion_search.h"

#ifdef TESSERA_WITH_CUDA
#include "models/cuda/register.h"
#endif

namespace tessera::train {
namespace {

using models::Motion;
using models::Planes;
using models::VectorField;
using models::exact::Mode;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

std::string text_of(const char* format, auto... values) {
  char line[400];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

// Where the evaluation samples the range of qualities.
constexpr int kQualities5[] = {6, 18, 30, 42, 54};

// Prints one line a clip and quality and one for the mean of all clips. Returns the bits of everything.
double evaluate_pack(const Motion& network, const VideoClips& clips, at::Device device, const EvaluateOptions& base, const std::vector<int>& qualities,
                     const char* label, const std::function<void(const std::string&)>& say) {
  const TableCosts costs(network, device);
  double all = 0;
  for (const int quality : qualities) {
    EvaluateOptions options = base;
    options.quality = quality;
    double bpp = 0, psnr = 0;
    for (int64_t i = 0; i < clips.clips(); ++i) {
      const ClipResult r = evaluate_clip(network, clips, i, costs, options);
      say(text_of("eval %s quality %d clip %lld bpp %.5f psnr %.3f (y %.3f u %.3f v %.3f, last y %.3f) key %.1f%% vectors %.1f%% hyper %.1f%%", label, quality,
                  static_cast<long long>(i), r.bpp, r.psnr(), r.psnr_y, r.psnr_u, r.psnr_v, r.last_y, 100 * r.key_bits / r.bits,
                  100 * r.vector_bits / r.bits, 100 * r.hyper_bits / r.bits));
      bpp += r.bpp;
      psnr += r.psnr();
      all += r.bits;
    }
    const double n = static_cast<double>(clips.clips());
    say(text_of("eval %s quality %d mean bpp %.5f psnr %.3f", label, quality, bpp / n, psnr / n));
  }
  return all;
}

class Run {
 public:
  Run(const VideoRecipe& recipe, const VideoRunOptions& options)
      : recipe_(recipe), options_(options), device_(options.run.cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU)), network_(recipe.config) {
    const RunOptions& run = options.run;
    std::filesystem::create_directories(run.out);
    log_.open(run.out + "/log.txt", std::ios::app);
    if (!log_) throw std::runtime_error(run.out + ": cannot be written");
    if (!run.init.empty()) {
      const models::Weights w = models::load_weights(run.init);
      models::resume_from_export(network_, w);
      previous_ = w.metadata.contains("training") ? w.metadata.at("training") : "";
    }
    network_.to(device_);
    flat_ = std::make_unique<FlatParams>(network_.params(), device_);
    optimizer_ = std::make_unique<Optimizer>(*flat_, recipe.common);
    clips_ = std::make_unique<VideoClips>(run.data, device_);
    if (!options.pictures.empty()) pictures_ = std::make_unique<MovingPictures>(options.pictures, device_, recipe.patterns);
    if (!run.eval.empty()) eval_ = std::make_unique<VideoClips>(run.eval, device_);
    if (!run.resume.empty()) load_checkpoint(run.resume);
    update_grid();
    say(text_of("parameters %lld, encode %.4g decode %.4g kMAC/pixel, clips %lld frames %lld pictures %lld", static_cast<long long>(flat_->size()),
                network_.encode_macs() / 1000, network_.decode_macs() / 1000, static_cast<long long>(clips_->clips()),
                static_cast<long long>(clips_->frames()), static_cast<long long>(pictures_ ? pictures_->pictures() : 0)));
  }

  int go() {
    for (; phase_ < recipe_.phases.size(); ++phase_) {
      if (!run_phase(recipe_.phases[phase_])) return finish(1);
      phase_seconds_ = 0;
      if (options_.run.max_steps > 0 && step_ >= options_.run.max_steps) break;
    }
    return finish(0);
  }

 private:
  void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    log_ << line << std::endl;
  }

  // The grids follow the size of the exact layers' weights; cheap, so a few times a minute.
  void update_grid() {
    const at::NoGradGuard no_grad;
    at::Tensor whole = at::zeros_like(flat_->master);
    const auto put = [&](const models::exact::Scales& s) {
      flat_->view(whole, s.weight_name).copy_(s.weight);
      flat_->view(whole, s.bias_name).copy_(s.bias);
    };
    const auto of = [&](const std::string& name) { return flat_->view(flat_->master, name); };
    for (const auto* layer : network_.prior().linears()) put(layer->scales(of(layer->name() + ".weight"), of(layer->name() + ".bias")));
    for (const auto* layer : network_.prior().depthwises()) put(layer->scales(of(layer->name() + ".weight"), of(layer->name() + ".bias")));
    flat_->scale.copy_(whole.narrow(0, flat_->bulk(), flat_->size() - flat_->bulk()));
  }

  Planes clips_of(const VideoPhase& phase) const {
    int64_t synthetic = pictures_ ? static_cast<int64_t>(std::lround(phase.synthetic * static_cast<double>(phase.batch))) : 0;
    const at::NoGradGuard no_grad;
    if (synthetic == 0) return clips_->sample(phase.batch, phase.frames, phase.crop, phase.skip);
    const Planes made = pictures_->sample(synthetic, phase.frames, phase.crop);
    if (synthetic == phase.batch) return made;
    const Planes real = clips_->sample(phase.batch - synthetic, phase.frames, phase.crop, phase.skip);
    return {at::cat({real.y, made.y}), at::cat({real.uv, made.uv})};
  }

  // One step of training; everything stays on the device.
  void step(const VideoPhase& phase, const at::Tensor& pattern) {
    flat_->zero_gradient();
    const int64_t b = phase.batch, t = phase.frames;
    const Planes clips = clips_of(phase);
    const at::TensorOptions real = clips.y.options();
    const at::Tensor patterned = (at::rand({b, 1}, real) < recipe_.patterned).to(at::kFloat);
    const at::Tensor q = (at::rand({b, 1}, real) + patterned * pattern).clamp_max(1);  // [b,t]
    std::vector<Planes> frames;
    for (int64_t i = 0; i < t; ++i) frames.push_back(models::frame_of(clips, i));
    std::vector<VectorField> vectors;
    if (t > 1) {
      const auto flatten = [&](const at::Tensor& y) { return y.reshape({b * (t - 1), 1, phase.crop, phase.crop}); };
      const at::Tensor penalty = network_.lambda(q.narrow(1, 1, t - 1)).rsqrt().reshape({b * (t - 1), 1, 1});
      const VectorField all = recipe_.config.conditioning
                                  ? models::search_vectors(flatten(clips.y.narrow(1, 1, t - 1)), flatten(clips.y.narrow(1, 0, t - 1)), penalty,
                                                           {.reach = phase.reach, .quarters = phase.quarters})
                                  : models::zero_vectors(b * (t - 1), phase.crop / 16, phase.crop / 16, real);
      const auto at_time = [&](const at::Tensor& v, int64_t i) { return v.reshape({b, t - 1, v.size(1), v.size(2), v.size(3)}).select(1, i); };
      for (int64_t i = 0; i + 1 < t; ++i) vectors.push_back({at_time(all.coarse, i), at_time(all.delta, i)});
    }
    const Motion::Losses l = network_.forward(frames, vectors, q, phase.drop, {.noise = true});
    torch::autograd::backward({l.loss}, {});
    const at::NoGradGuard no_grad;
    optimizer_->step(flat_->gradient());
    // A step whose loss is not finite changed nothing, and must not spoil the log.
    const at::Tensor predicted = t > 1 ? l.stats.narrow(0, 1, t - 1).mean(0) : at::zeros_like(l.stats.select(0, 0));
    const at::Tensor parts = at::cat({l.stats.select(0, 0), predicted, l.loss.detach().reshape({1}), at::ones({1}, real)});
    sums_.add_(at::where(at::isfinite(parts.sum()), parts, at::zeros_like(parts)));
  }

  bool run_phase(const VideoPhase& phase) {
    const RunOptions& run = options_.run;
    flat_->bind_training(phase.mixed_precision && run.cuda ? at::kBFloat16 : at::kFloat);
    std::vector<float> bonus;
    for (int64_t i = 0; i < phase.frames; ++i) bonus.push_back(static_cast<float>(kQualityPattern[i % 8]) / 63.0f);
    const at::Tensor pattern = at::tensor(bonus).reshape({1, phase.frames}).to(device_);
    sums_ = at::zeros({10}, flat_->master.options());
    const double total = phase.minutes * 60 * run.clock_scale;
    StepGraph graph([&] { step(phase, pattern); }, run.cuda && run.graph);
    set_rate(phase, 0);
    Clock::time_point begin = Clock::now();
    const double already = phase_seconds_;
    Clock::time_point last_log = begin, last_save = begin;
    int64_t logged = step_;
    say(text_of("phase %zu: frames %lld crop %lld batch %lld minutes %.4g", phase_, static_cast<long long>(phase.frames), static_cast<long long>(phase.crop),
                static_cast<long long>(phase.batch), phase.minutes));
    while (true) {
      phase_seconds_ = already + seconds_since(begin);
      if (run.max_steps > 0 ? step_ >= run.max_steps : phase_seconds_ >= total) break;
      graph.run([&] { set_rate(phase, std::min(1.0, phase_seconds_ / total)); });
      ++step_;
      if (step_ % 4 == 0) graph.synchronise();  // the clock must not run ahead of the device by more
      if (step_ % 208 == 0) update_grid();
      if (step_ % run.log_every == 0) {
        graph.synchronise();
        if (!report(phase, static_cast<double>(step_ - logged) / seconds_since(last_log))) return false;
        last_log = Clock::now();
        logged = step_;
      }
      if (seconds_since(last_save) > run.checkpoint_minutes * 60) {
        graph.synchronise();
        save();
        last_save = Clock::now();
      }
    }
    graph.synchronise();
    return true;
  }

  // False when training has broken down.
  bool report(const VideoPhase& phase, double steps_a_second) {
    const at::Tensor s = sums_.cpu().clone();
    sums_.zero_();
    const float* v = s.const_data_ptr<float>();
    const double n = std::max(1.f, v[9]), loss = v[8] / n, skipped = static_cast<double>(optimizer_->skipped.cpu().item<float>());
    std::string line = text_of("step %lld s %.0f loss %.4f key bpp %.4f psnr %.3f", static_cast<long long>(step_), phase_seconds_, loss, v[0] / n, -10 * v[2] / n);
    if (phase.frames > 1) line += text_of(" next bpp %.4f vectors %.4f psnr %.3f", v[4] / n, v[5] / n, -10 * v[6] / n);
    const double pixels = static_cast<double>(phase.batch * phase.frames * phase.crop * phase.crop) / 1e6;
    say(line + text_of(" lr %.2e skipped %.0f steps/s %.2f Mpx/s %.1f", rate_now_, skipped, steps_a_second, pixels * steps_a_second));
    if (v[9] > 0 && skipped <= 0.05 * static_cast<double>(step_) + 50) return true;
    say("training broke down: the loss is not finite");
    return false;
  }

  void set_rate(const VideoPhase& phase, double t) {
    const double warm = std::min(1.0, static_cast<double>(step_ + 1) / recipe_.common.warmup_steps);
    rate_now_ = warm * (phase.rate_end + (phase.rate_begin - phase.rate_end) * 0.5 * (1 + std::cos(M_PI * t)));
    optimizer_->rate.fill_(rate_now_);
  }

  std::string training_record() const {
    const RunOptions& run = options_.run;
    nlohmann::ordered_json j = {{"data", run.data_name.empty() ? std::filesystem::path(run.data).filename().string() : run.data_name},
                                {"steps", step_},
                                {"device_minutes", (seconds_before_ + seconds_since(start_)) / 60},
                                {"recipe", nlohmann::ordered_json::parse(recipe_.to_json())}};
    if (!previous_.empty()) j["continues"] = nlohmann::ordered_json::parse(previous_, nullptr, false);
    return j.dump();
  }

  std::string weights_path() const { return options_.run.out + "/weights.safetensors"; }

  void save() {
    const at::NoGradGuard no_grad;
    const at::Tensor average = optimizer_->average.cpu();
    Motion copy(recipe_.config, Motion::Uninitialised{});
    for (models::Param& p : copy.params().list()) p.tensor.copy_(flat_->view(average, p.name));
    models::export_motion(copy, weights_path(), options_.run.name, options_.run.revision, training_record());
    const std::map<std::string, at::Tensor> state = {{"master", flat_->master},         {"first", optimizer_->first}, {"second", optimizer_->second},
                                                     {"average", optimizer_->average}, {"steps", optimizer_->steps}, {"skipped", optimizer_->skipped}};
    models::save_weights(options_.run.out + "/checkpoint.safetensors", state,
                         {{"model", options_.run.name},
                          {"recipe", recipe_.to_json()},
                          {"step", std::to_string(step_)},
                          {"phase", std::to_string(phase_)},
                          {"phase_seconds", std::to_string(phase_seconds_)},
                          {"seconds", std::to_string(seconds_before_ + seconds_since(start_))},
                          {"previous", previous_}});
    say("saved at step " + std::to_string(step_));
  }

  void load_checkpoint(const std::string& path) {
    const models::Weights w = models::load_weights(path);
    const auto take = [&](const char* name, at::Tensor& into) { into.copy_(w.get(name, at::kFloat, into.sizes())); };
    take("master", flat_->master);
    take("first", optimizer_->first);
    take("second", optimizer_->second);
    take("average", optimizer_->average);
    take("steps", optimizer_->steps);
    take("skipped", optimizer_->skipped);
    try {
      step_ = std::stoll(w.metadata.at("step"));
      phase_ = static_cast<size_t>(std::stoull(w.metadata.at("phase")));
      phase_seconds_ = std::stod(w.metadata.at("phase_seconds"));
      seconds_before_ = std::stod(w.metadata.at("seconds"));
      previous_ = w.metadata.at("previous");
    } catch (const std::logic_error&) {
      throw std::runtime_error(path + ": is not a checkpoint of this trainer");
    }
  }

  int finish(int code) {
    if (code != 0) return code;
    save();
    return eval_ && !evaluate() ? 1 : 0;
  }

  // The averaged weights: exact layers as they are trained, without their rounding, and frozen in the file just written.
  bool evaluate() {
    const at::NoGradGuard no_grad;
    const auto tell = [&](const std::string& line) { say(line); };
    EvaluateOptions options;
    options.frames = options_.eval_frames;
    const std::vector<int> all(std::begin(kQualities5), std::end(kQualities5)), middle = {kQualities5[2]};
    flat_->bind_values(flat_->on_grid(optimizer_->average));
    const double trained = evaluate_pack(network_, *eval_, device_, options, middle, "trained", tell);
    flat_->bind_values(optimizer_->average);
    options.mode = Mode::real;
    evaluate_pack(network_, *eval_, device_, options, middle, "float", tell);
    options.mode = Mode::quantised;
    options.frozen = true;
    const auto model = models::load_motion(weights_path());
    model->network.to(device_);
    const double frozen = evaluate_pack(model->network, *eval_, device_, options, middle, "exact", tell);
    const bool agree = std::abs(frozen / trained - 1) < 0.01;
    say(text_of("frozen against trained: %+.3f %% bits%s", 100 * (frozen / trained - 1), agree ? "" : ": more than 1 %, they disagree"));
    std::vector<int> others;
    for (const int quality : all) {
      if (quality != middle[0]) others.push_back(quality);
    }
    evaluate_pack(model->network, *eval_, device_, options, others, "exact", tell);
    return agree;
  }

  const VideoRecipe recipe_;
  const VideoRunOptions options_;
  const at::Device device_;
  Motion network_;
  std::ofstream log_;
  std::unique_ptr<FlatParams> flat_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<VideoClips> clips_, eval_;
  std::unique_ptr<MovingPictures> pictures_;
  at::Tensor sums_;  // [10]: statistics of key frames, of the others, loss, steps
  std::string previous_;
  int64_t step_ = 0;
  size_t phase_ = 0;
  double phase_seconds_ = 0, seconds_before_ = 0, rate_now_ = 0;
  const Clock::time_point start_ = Clock::now();
};

void prepare(const RunOptions& run) {
#ifdef TESSERA_WITH_CUDA
  if (run.cuda) {
    models::cuda::register_kernels();
    at::globalContext().setAllowTF32CuBLAS(true);
  }
#else
  if (run.cuda) throw std::runtime_error("this build of the trainer has no CUDA: configure with the preset cuda");
#endif
}

}  // namespace

int train_video(const VideoRecipe& recipe, const VideoRunOptions& options) {
  at::manual_seed(recipe.common.seed);
  prepare(options.run);
  return Run(recipe, options).go();
}

int evaluate_video(const VideoRunOptions& options) {
  prepare(options.run);
  const at::Device device = options.run.cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  const auto model = models::load_motion(options.run.init);
  model->network.to(device);
  const VideoClips clips(options.run.eval, device);
  EvaluateOptions evaluate;
  evaluate.frames = options.eval_frames;
  evaluate.frozen = true;
  evaluate_pack(model->network, clips, device, evaluate, {std::begin(kQualities5), std::end(kQualities5)}, "exact", [](const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  });
  return 0;
}

}  // namespace tessera::train
