#include "apps/tessera-train/training_run.h"

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "models/step_graph.h"
#include "models/weights.h"

#ifdef TESSERA_WITH_CUDA
#include "models/cuda/register.h"
#endif

namespace tessera::train {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::ordered_json;

constexpr int64_t kGridSteps = 208;  // from one refreshing of the grids to the next

double seconds_since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

}  // namespace

std::string text_of(const char* format, ...) {
  char line[600];
  va_list values;
  va_start(values, format);
  std::vsnprintf(line, sizeof line, format, values);
  va_end(values);
  return line;
}

void prepare_device(const RunOptions& options) {
#ifdef TESSERA_WITH_CUDA
  if (options.cuda) {
    models::cuda::register_kernels();
    at::globalContext().setAllowTF32CuBLAS(true);
    at::globalContext().setAllowTF32CuDNN(true);
  }
#else
  if (options.cuda) throw std::runtime_error("this build of the trainer has no CUDA: configure with the preset cuda");
#endif
}

void Sums::start(int64_t values, const at::TensorOptions& options, std::shared_ptr<Peers> peers) {
  sums_ = at::zeros({values + 1}, options);
  peers_ = std::move(peers);
}

void Sums::add(const at::Tensor& values) {
  // A step whose loss is not finite changed nothing, and must not spoil the log.
  const at::Tensor all = at::cat({values, at::ones({1}, values.options())});
  sums_.add_(at::where(at::isfinite(all.sum()), all, at::zeros_like(all)));
}

std::vector<double> Sums::take(int64_t* steps) {
  peers_->mean(sums_);
  const at::Tensor s = sums_.cpu().clone();
  sums_.zero_();
  const float* v = s.const_data_ptr<float>();
  const int64_t count = s.numel() - 1;
  *steps = static_cast<int64_t>(std::ceil(v[count]));
  std::vector<double> means;
  for (int64_t i = 0; i < count; ++i) means.push_back(static_cast<double>(v[i]) / std::max(1.0, static_cast<double>(v[count])));
  return means;
}

TrainingRun::TrainingRun(const OptimizerRecipe& optimizer, const RunOptions& options)
    : optimizer_recipe_(optimizer), options_(options), peers_(options.peers ? options.peers : Peers::of_environment(options.cuda)), device_(training_device(options.cuda)) {
  if (!peers_->first()) return;
  std::filesystem::create_directories(options.out);
  log_.open(options.out + "/log.txt", std::ios::app);
  if (!log_) throw std::runtime_error(options.out + ": cannot be written");
}

void TrainingRun::say(const std::string& line) {
  if (!peers_->first()) return;
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  log_ << line << std::endl;
}

void TrainingRun::attach(models::ParamSet& params) {
  flat_ = std::make_unique<FlatParams>(params, device_);
  optimizer_ = std::make_unique<Optimizer>(*flat_, optimizer_recipe_, peers_);
}

int TrainingRun::go() {
  if (peers_->size() > 1) {
    say(text_of("processes %lld, each with the recipe's batch", static_cast<long long>(peers_->size())));
    each_state([&](const std::string&, at::Tensor& t) { peers_->share(t); });
    at::manual_seed(optimizer_recipe_.seed + 7919 * static_cast<uint64_t>(peers_->rank()) + static_cast<uint64_t>(step_));
  }
  refresh_grids();
  for (; phase_ < phases(); ++phase_) {
    if (!run_phase()) return 1;
    phase_seconds_ = 0;
    if (options_.max_steps > 0 && step_ >= options_.max_steps) break;
  }
  save();
  peers_->leave();
  return options_.eval.empty() || !peers_->first() || evaluate() ? 0 : 1;
}

bool TrainingRun::run_phase() {
  const PhaseTimes& phase = times(phase_);
  flat_->bind_training(phase.mixed_precision && options_.cuda ? at::kBFloat16 : at::kFloat);
  begin(phase_);
  const double total = phase.minutes * 60 * options_.clock_scale;
  models::StepGraph graph([this] { step(phase_); }, options_.cuda && options_.graph);
  set_rates(phase_, 0);
  const Clock::time_point start = Clock::now();
  const double already = phase_seconds_;
  Clock::time_point last_log = start, last_save = start;
  int64_t logged = step_;
  say("phase " + std::to_string(phase_) + ": " + describe(phase_) + text_of(" batch %lld minutes %.4g", static_cast<long long>(phase.batch), phase.minutes));
  while (true) {
    phase_seconds_ = peers_->share(already + seconds_since(start));
    if (options_.max_steps > 0 ? step_ >= options_.max_steps : phase_seconds_ >= total) break;
    graph.run([&] { set_rates(phase_, std::min(1.0, phase_seconds_ / total)); });
    ++step_;
    if (step_ % steps_ahead() == 0) graph.synchronise();
    if (step_ % kGridSteps == 0) {  // on another stream than the steps
      graph.synchronise();
      peers_->share(flat_->master);  // equal by construction; should one GPU round otherwise, it ends here
      refresh_grids();
      graph.synchronise();
    }
    if (step_ % options_.log_every == 0) {
      graph.synchronise();
      if (!report(static_cast<double>(step_ - logged) / seconds_since(last_log))) return false;
      last_log = Clock::now();
      logged = step_;
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

// False when training has broken down.
bool TrainingRun::report(double steps_a_second) {
  const at::NoGradGuard no_grad;
  const double skipped = static_cast<double>(optimizer_->skipped.cpu().item<float>());
  bool usable = true;
  const std::string line = statistics(phase_, steps_a_second, usable);
  say(text_of("step %lld s %.0f ", static_cast<long long>(step_), phase_seconds_) + line + text_of(" lr %.2e skipped %.0f", rate_now_, skipped));
  if (usable && skipped <= 0.05 * static_cast<double>(step_) + 50) return true;
  say("training broke down: the loss is not finite");
  return false;
}

void TrainingRun::set_rates(size_t phase, double t) {
  const PhaseTimes& p = times(phase);
  const double warm = std::min(1.0, static_cast<double>(step_ + 1) / optimizer_recipe_.warmup_steps);
  rate_now_ = warm * (p.rate_end + (p.rate_begin - p.rate_end) * 0.5 * (1 + std::cos(M_PI * t)));
  optimizer_->rate.fill_(rate_now_);
}

double TrainingRun::seconds() const { return seconds_before_ + seconds_since(start_); }

std::string TrainingRun::data_name() const { return options_.data_name.empty() ? std::filesystem::path(options_.data).filename().string() : options_.data_name; }

std::string TrainingRun::record() const {
  ordered_json j = {{"data", data_name()}, {"steps", step_}, {"device_minutes", seconds() / 60 * static_cast<double>(peers_->size())}, {"recipe", ordered_json::parse(recipe_json())}};
  if (peers_->size() > 1) j["processes"] = peers_->size();
  if (!previous_.empty()) j["continues"] = ordered_json::parse(previous_, nullptr, false);
  return j.dump();
}

void TrainingRun::visit_optimizer(const std::string& prefix, FlatParams& flat, Optimizer& optimizer, const Visit& visit) {
  visit(prefix + "master", flat.master);
  visit(prefix + "first", optimizer.first);
  visit(prefix + "second", optimizer.second);
  visit(prefix + "average", optimizer.average);
  visit(prefix + "steps", optimizer.steps);
  visit(prefix + "skipped", optimizer.skipped);
}

void TrainingRun::each_state(const Visit& visit) { visit_optimizer("", *flat_, *optimizer_, visit); }

void TrainingRun::save() {
  if (!peers_->first()) return;
  const at::NoGradGuard no_grad;
  export_weights(weights_path(), record());
  std::map<std::string, at::Tensor> state;
  each_state([&](const std::string& name, at::Tensor& t) { state[name] = t; });
  models::save_weights(options_.out + "/checkpoint.safetensors", state,
                       {{"model", options_.name},
                        {"recipe", recipe_json()},
                        {"step", std::to_string(step_)},
                        {"phase", std::to_string(phase_)},
                        {"phase_seconds", std::to_string(phase_seconds_)},
                        {"seconds", std::to_string(seconds())},
                        {"previous", previous_}});
  say("saved at step " + std::to_string(step_));
}

void TrainingRun::resume() {
  if (options_.resume.empty()) return;
  const at::NoGradGuard no_grad;
  const models::Weights w = models::load_weights(options_.resume);
  each_state([&](const std::string& name, at::Tensor& t) { t.copy_(w.get(name, at::kFloat, t.sizes())); });
  try {
    step_ = std::stoll(w.metadata.at("step"));
    phase_ = static_cast<size_t>(std::stoull(w.metadata.at("phase")));
    phase_seconds_ = std::stod(w.metadata.at("phase_seconds"));
    seconds_before_ = std::stod(w.metadata.at("seconds"));
    previous_ = w.metadata.at("previous");
  } catch (const std::logic_error&) {
    throw std::runtime_error(options_.resume + ": is not a checkpoint of this trainer");
  }
}

}  // namespace tessera::train
