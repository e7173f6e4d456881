#include "models/step_graph.h"

#include <exception>
#include <optional>
#include <utility>

#ifdef TESSERA_WITH_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace tessera::models {

#ifdef TESSERA_WITH_CUDA

struct StepGraph::Impl {
  c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool(true);
  at::cuda::CUDAGraph graph;
  int warm = 0;
  bool captured = false;
};

StepGraph::StepGraph(std::function<void()> step, bool cuda) : step_(std::move(step)) {
  if (cuda) impl_ = std::make_unique<Impl>();
}

// What the graph has taken goes back, for the graph of the next phase.
StepGraph::~StepGraph() {
  if (!impl_) return;
  try {
    c10::cuda::device_synchronize();
    impl_->graph.reset();
    c10::cuda::CUDACachingAllocator::emptyCache();
  } catch (const std::exception&) {  // the device is lost: whatever comes next says so
  }
}

void StepGraph::synchronise() {
  if (impl_) c10::cuda::device_synchronize();
}

void StepGraph::run(const std::function<void()>& before) {
  if (!impl_) {
    before();
    return step_();
  }
  const c10::cuda::CUDAStreamGuard guard(impl_->stream);
  before();
  if (impl_->warm < 4) {  // libraries choose their algorithms and the allocator fills its pools
    c10::cuda::device_synchronize();
    step_();
    c10::cuda::device_synchronize();
    ++impl_->warm;
    return;
  }
  if (!impl_->captured) {
    // A graph has memory of its own, as much again as the steps before it: without this a phase takes twice what it needs.
    c10::cuda::device_synchronize();
    c10::cuda::CUDACachingAllocator::emptyCache();
    impl_->graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    step_();
    impl_->graph.capture_end();
    impl_->captured = true;
  }
  impl_->graph.replay();
}

#else

struct StepGraph::Impl {};
StepGraph::StepGraph(std::function<void()> step, bool) : step_(std::move(step)) {}
StepGraph::~StepGraph() = default;
void StepGraph::synchronise() {}
void StepGraph::run(const std::function<void()>& before) {
  before();
  step_();
}

#endif

}  // namespace tessera::models
