#include "apps/tessera-train/still_trainer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "apps/tessera-train/batches.h"
#include "apps/tessera-train/flat_params.h"
#include "apps/tessera-train/optimizer.h"
#include "apps/tessera-train/step_graph.h"
#include "models/still_model.h"

#ifdef TESSERA_WITH_CUDA
#include "models/cuda/register.h"
#endif

namespace tessera::train {
namespace {

using models::Still;
using models::exact::Mode;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

class Run {
 public:
  Run(const Recipe& recipe, const RunOptions& options)
      : recipe_(recipe), options_(options), device_(options.cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU)), network_(recipe.still) {
    std::filesystem::create_directories(options.out);
    log_.open(options.out + "/log.txt", std::ios::app);
    if (!log_) throw std::runtime_error(options.out + ": cannot be written");
    if (!options.init.empty()) {
      const models::Weights w = models::load_weights(options.init);
      models::resume_from_export(network_, w);
      previous_ = w.metadata.contains("training") ? w.metadata.at("training") : "";
    }
    network_.to(device_);
    flat_ = std::make_unique<FlatParams>(network_.params(), device_);
    optimizer_ = std::make_unique<Optimizer>(*flat_, recipe);
    batches_ = std::make_unique<Batches>(options.data, device_);
    if (!options.eval.empty()) eval_ = std::make_unique<Batches>(options.eval, device_);
    sums_ = at::zeros({5}, flat_->master.options());
    if (!options.resume.empty()) load_checkpoint(options.resume);
    update_grid();
    say("parameters " + std::to_string(flat_->size()) + ", encode " + number(network_.encode_macs() / 1000) + " decode " +
        number(network_.decode_macs() / 1000) + " kMAC/pixel, pictures " + std::to_string(batches_->pictures()));
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

  // The grids follow the size of the exact layers' weights; cheap, so a few times a minute.
  void update_grid() {
    const at::NoGradGuard no_grad;
    const auto put = [&](const models::exact::Scales& s) {
      const at::Tensor whole = at::cat({at::zeros({flat_->bulk()}, flat_->scale.options()), flat_->scale});
      flat_->view(whole, s.weight_name).copy_(s.weight);
      flat_->view(whole, s.bias_name).copy_(s.bias);
      flat_->scale.copy_(whole.narrow(0, flat_->bulk(), flat_->size() - flat_->bulk()));
    };
    const auto of = [&](const std::string& name) { return flat_->view(flat_->master, name); };
    for (const auto* layer : network_.exact_linears()) put(layer->scales(of(layer->name() + ".weight"), of(layer->name() + ".bias")));
    for (const auto* layer : network_.exact_depthwises()) put(layer->scales(of(layer->name() + ".weight"), of(layer->name() + ".bias")));
  }

  // One step of training; everything stays on the device.
  void step(const Phase& phase) {
    flat_->zero_gradient();
    const at::Tensor x = batches_->sample(phase.batch, phase.crop);
    const at::Tensor q = at::rand({phase.batch, 1, 1, 1}, x.options());
    const Still::Losses l = network_.forward(x, q, true, Mode::quantised);
    torch::autograd::backward({l.loss}, {});
    const at::NoGradGuard no_grad;
    optimizer_->step(flat_->gradient());
    const double pixels = static_cast<double>(phase.crop * phase.crop);
    // A step whose loss is not finite changed nothing, and must not spoil the log.
    const at::Tensor parts = at::stack({l.loss.detach(), l.bits_y.detach().mean() / pixels, l.bits_z.detach().mean() / pixels,
                          (l.mse.detach() + 1e-10).log10().mean() * -10, at::ones_like(l.loss.detach())});
    sums_.add_(at::where(at::isfinite(parts.sum()), parts, at::zeros_like(parts)));
  }

  bool run_phase(const Phase& phase) {
    flat_->bind_training(phase.mixed_precision && options_.cuda ? at::kBFloat16 : at::kFloat);
    const double total = phase.minutes * 60 * options_.clock_scale;
    StepGraph graph([&] { step(phase); }, options_.cuda && options_.graph);
    set_rate(phase, 0);
    const Clock::time_point begin = Clock::now();
    const double already = phase_seconds_;
    Clock::time_point last_log = begin, last_save = begin;
    int64_t logged = step_;
    say("phase " + std::to_string(phase_) + ": crop " + std::to_string(phase.crop) + " batch " + std::to_string(phase.batch) + " minutes " +
        number(phase.minutes));
    while (true) {
      phase_seconds_ = already + seconds_since(begin);
      if (options_.max_steps > 0 ? step_ >= options_.max_steps : phase_seconds_ >= total) break;
      graph.run([&] { set_rate(phase, std::min(1.0, phase_seconds_ / total)); });
      ++step_;
      if (step_ % 16 == 0) graph.synchronise();  // the clock must not run ahead of the device by more
      if (step_ % 208 == 0) update_grid();
      if (step_ % options_.log_every == 0) {
        graph.synchronise();
        const at::Tensor s = sums_.cpu().clone();
        sums_.zero_();
        const float* v = s.const_data_ptr<float>();
        const double n = v[4], loss = v[0] / n;
        const double rate = static_cast<double>((step_ - logged) * phase.batch * phase.crop * phase.crop) / 1e6 / seconds_since(last_log);
        last_log = Clock::now();
        logged = step_;
        char line[200];
        std::snprintf(line, sizeof line, "step %lld s %.0f loss %.4f bpp %.4f (z %.4f) psnr %.3f lr %.2e skipped %.0f Mpx/s %.1f",
                      static_cast<long long>(step_), phase_seconds_, loss, (v[1] + v[2]) / n, v[2] / n, v[3] / n, rate_now_,
                      static_cast<double>(optimizer_->skipped.cpu().item<float>()), rate);
        say(line);
        if (!std::isfinite(loss) || optimizer_->skipped.cpu().item<float>() > 0.05f * static_cast<float>(step_) + 50) {
          say("training broke down: the loss is not finite");
          return false;
        }
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

  void set_rate(const Phase& phase, double t) {
    const double warm = std::min(1.0, static_cast<double>(step_ + 1) / recipe_.warmup_steps);
    rate_now_ = warm * (phase.rate_end + (phase.rate_begin - phase.rate_end) * 0.5 * (1 + std::cos(M_PI * t)));
    optimizer_->rate.fill_(rate_now_);
  }

  std::string training_record() const {
    nlohmann::ordered_json j = {{"data", options_.data_name.empty() ? options_.data : options_.data_name},
                                {"steps", step_},
                                {"device_minutes", (seconds_before_ + seconds_since(start_)) / 60},
                                {"recipe", nlohmann::ordered_json::parse(recipe_.to_json())}};
    if (!previous_.empty()) j["continues"] = nlohmann::ordered_json::parse(previous_, nullptr, false);
    return j.dump();
  }

  void save() {
    const at::NoGradGuard no_grad;
    const at::Tensor average = optimizer_->average.cpu();
    Still copy(recipe_.still, Still::Uninitialised{});
    for (models::Param& p : copy.params().list()) p.tensor.copy_(flat_->view(average, p.name));
    models::export_still(copy, options_.out + "/weights.safetensors", options_.name, options_.revision, training_record());
    std::map<std::string, at::Tensor> state = {{"master", flat_->master}, {"first", optimizer_->first},       {"second", optimizer_->second},
                                               {"average", optimizer_->average}, {"steps", optimizer_->steps}, {"skipped", optimizer_->skipped}};
    models::save_weights(options_.out + "/checkpoint.safetensors", state,
                         {{"model", options_.name},
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
    step_ = std::stoll(w.metadata.at("step"));
    phase_ = static_cast<size_t>(std::stoull(w.metadata.at("phase")));
    phase_seconds_ = std::stod(w.metadata.at("phase_seconds"));
    seconds_before_ = std::stod(w.metadata.at("seconds"));
    previous_ = w.metadata.at("previous");
  }

  int finish(int code) {
    if (code == 0) save();
    if (eval_) evaluate();
    return code;
  }

  // Estimated rate and PSNR of the averaged weights on the evaluation pack: rounded latents, exact layers on and off.
  void evaluate() {
    const at::NoGradGuard no_grad;
    for (const Mode mode : {Mode::quantised, Mode::real}) {
      flat_->bind_values(mode == Mode::quantised ? flat_->on_grid(optimizer_->average) : optimizer_->average);
      for (const int quality : {2, 10, 18, 26, 34, 42, 50, 58, 63}) {
        double bpp = 0, psnr = 0;
        for (int64_t i = 0; i < eval_->pictures(); ++i) {
          const at::Tensor x = eval_->picture(i, models::kAlign);
          const at::Tensor q = at::full({1, 1, 1, 1}, quality / 63.0, x.options());
          const Still::Losses l = network_.forward(x, q, false, mode);
          bpp += (l.bits_y + l.bits_z).sum().item<double>() / static_cast<double>(x.size(1) * x.size(2));
          psnr += -10 * std::log10(l.mse.mean().item<double>());
        }
        const double n = static_cast<double>(eval_->pictures());
        char line[120];
        std::snprintf(line, sizeof line, "eval %s quality %d bpp %.4f psnr %.3f", mode == Mode::quantised ? "exact" : "float", quality, bpp / n,
                      psnr / n);
        say(line);
      }
    }
  }

  const Recipe recipe_;
  const RunOptions options_;
  const at::Device device_;
  Still network_;
  std::ofstream log_;
  std::unique_ptr<FlatParams> flat_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Batches> batches_, eval_;
  at::Tensor sums_;
  std::string previous_;
  int64_t step_ = 0;
  size_t phase_ = 0;
  double phase_seconds_ = 0, seconds_before_ = 0, rate_now_ = 0;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace

int train_still(const Recipe& recipe, const RunOptions& options) {
  at::manual_seed(recipe.seed);
#ifdef TESSERA_WITH_CUDA
  if (options.cuda) {
    models::cuda::register_kernels();
    at::globalContext().setAllowTF32CuBLAS(true);
  }
#else
  if (options.cuda) throw std::runtime_error("this build of the trainer has no CUDA: configure with the preset cuda");
#endif
  return Run(recipe, options).go();
}

}  // namespace tessera::train
