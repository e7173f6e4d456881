// Runs a training step, as a CUDA graph when that is possible: the few hundred small kernels of a step then cost one launch.
#pragma once

#include <functional>
#include <memory>

namespace tessera::models {

class StepGraph {
 public:
  // `step` must use fixed shapes and must not read anything back to the host.
  StepGraph(std::function<void()> step, bool cuda);
  ~StepGraph();
  // Queues `before` and the step; returns before the device has finished.
  void run(const std::function<void()>& before);
  // Waits for everything queued.
  void synchronise();

 private:
  struct Impl;
  std::function<void()> step_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::models
