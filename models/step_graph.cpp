#include "models/step_graph.h"

#include <optional>
#include <utility>

#ifdef TESSERA_WITH_CUDA
#include <ATen/cuda/CUDAGraph.h>
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

StepGraph::~StepGraph() = default;

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
