// What every training run has in common: phases by the clock, the learning rate, the log, checkpoints, the record of the training, and what happens
// when the loss is no number. Habits: flat parameters (flat_params.h), the whole step on the device and in one CUDA graph a phase, averaged weights, steps whose
// gradient is not finite change nothing, checkpoints that resume. Of several processes (peers.h) the first keeps the clock, the log and the files.
#pragma once

#include <ATen/ATen.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "apps/tessera-train/flat_params.h"
#include "apps/tessera-train/optimizer.h"
#include "apps/tessera-train/peers.h"
#include "apps/tessera-train/recipe.h"

namespace tessera::train {

struct RunOptions {
  std::string data;        // pack
  std::string eval;        // pack, may be empty
  std::string out;         // folder: weights, checkpoint, log
  std::string init;        // weights file to start from, may be empty
  std::string resume;      // checkpoint to continue, may be empty
  std::string name = "still";
  std::string data_name;   // what the training record says of the data
  uint32_t revision = 1;
  bool cuda = false;
  bool graph = true;  // CUDA: the step as one graph; without it kernel by kernel, for looking for faults
  int64_t max_steps = 0;   // 0: by the clock
  double checkpoint_minutes = 2.0;
  int64_t log_every = 500;
  double clock_scale = 1.0;  // multiplies the phases' minutes (trials)
  std::shared_ptr<Peers> peers;  // of a data-parallel run; without, those of the environment
};

// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string text_of(const char* format, ...);

// Registers the CUDA kernels where the options ask for CUDA. Throws std::runtime_error in a build without it.
void prepare_device(const RunOptions& options);

// Sums over the steps since the last line of the log, on the device. Steps whose values are not all finite are left out.
class Sums {
 public:
  // `peers`: the means are over the steps of all processes.
  void start(int64_t values, const at::TensorOptions& options, std::shared_ptr<Peers> peers);
  void add(const at::Tensor& values);  // float32 [values]
  // Means, and how many steps (of a process) they are of; then begins anew.
  std::vector<double> take(int64_t* steps);

 private:
  at::Tensor sums_;  // the last one counts
  std::shared_ptr<Peers> peers_;
};

class TrainingRun {
 public:
  virtual ~TrainingRun() = default;
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  // Runs the phases that are left, saves, evaluates. The program's exit code: 0, or 1 when training broke down, whose last checkpoint then stays
  // what it was, or the evaluation found a fault.
  int go();

 protected:
  // Makes the folder and opens the log. Throws std::runtime_error, as all that follows.
  TrainingRun(const OptimizerRecipe& optimizer, const RunOptions& options);

  // --- what a trainer gives ---
  virtual size_t phases() const = 0;
  virtual const PhaseTimes& times(size_t phase) const = 0;
  virtual std::string describe(size_t phase) const = 0;
  // Before the phase's first step, which may be captured: buffers of its shapes.
  virtual void begin(size_t phase) = 0;
  // One step of training; everything stays on the device.
  virtual void step(size_t phase) = 0;
  // The log's line about the steps since the last one. `usable`: false when no step since then had a finite loss.
  virtual std::string statistics(size_t phase, double steps_a_second, bool& usable) = 0;
  // t: the share of the phase that is over, 0..1. Called before each step, beside the learning rate.
  virtual void set_rates(size_t phase, double t);
  // Steps that may be queued before the clock is looked at.
  virtual int64_t steps_ahead() const { return 16; }
  // A few times a minute: the grids of exact layers follow the size of their weights.
  virtual void refresh_grids() {}
  virtual std::string recipe_json() const = 0;
  // Writes the weights' file.
  virtual void export_weights(const std::string& path, const std::string& record) = 0;
  // Everything that a checkpoint holds.
  using Visit = std::function<void(const std::string& name, at::Tensor& tensor)>;
  virtual void each_state(const Visit& visit);
  // False: a fault.
  virtual bool evaluate() { return true; }

  // --- what a trainer uses ---
  void say(const std::string& line);
  // Once the network is on its device: its parameters become flat, and get the optimiser.
  void attach(models::ParamSet& params);
  // What an optimiser with its parameters adds to a checkpoint.
  static void visit_optimizer(const std::string& prefix, FlatParams& flat, Optimizer& optimizer, const Visit& visit);
  // Continues the checkpoint that the options name, when they do. The last thing that a constructor does, but for what it says.
  void resume();
  // Samples of a step over all processes, for figures of throughput.
  double samples(const PhaseTimes& phase) const { return static_cast<double>(phase.batch * peers_->size()); }
  std::string weights_path() const { return options_.out + "/weights.safetensors"; }
  std::string data_name() const;

  const OptimizerRecipe optimizer_recipe_;
  const RunOptions options_;
  const std::shared_ptr<Peers> peers_;
  const at::Device device_;
  std::unique_ptr<FlatParams> flat_;
  std::unique_ptr<Optimizer> optimizer_;
  std::string previous_;  // record of the training that this one continues
  int64_t step_ = 0;
  size_t phase_ = 0;
  double phase_seconds_ = 0, rate_now_ = 0;

 private:
  using Clock = std::chrono::steady_clock;
  bool run_phase();
  bool report(double steps_a_second);
  void save();
  double seconds() const;
  std::string record() const;

  std::ofstream log_;
  double seconds_before_ = 0;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace tessera::train
