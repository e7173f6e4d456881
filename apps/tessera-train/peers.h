// The processes of a data-parallel run, one for each GPU. Every process draws its own batches from a seed of its own; gradients are averaged before the
// optimiser, so that all hold the same weights. A step's batch is the recipe's times the number of processes.
//
// Who they are is said by the environment as torchrun says it: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, LOCAL_RANK (which GPU; 0 without).
// Without WORLD_SIZE a process is alone, and everything here does nothing.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tessera::train {

class Peers {
 public:
  // Waits for the others, ten minutes at most. Throws std::runtime_error where the variables make no sense or somebody does not come.
  static std::shared_ptr<Peers> of_environment(bool cuda);
  // The same said by the caller. `serves`: the first process opens the port; false where somebody else has.
  static std::shared_ptr<Peers> meet(int64_t rank, int64_t size, const std::string& host, uint16_t port, bool cuda, bool serves = true);
  Peers();  // alone
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  bool first() const { return rank_ == 0; }

  // Every process calls these in the same order, with tensors of the same shape: float32, contiguous. On CUDA they join the current stream (NCCL) and
  // may be captured into a graph; on the CPU they go through the first process's store, which is for tests.
  void mean(at::Tensor& values);   // each becomes the mean over the processes
  void share(at::Tensor& values);  // each becomes the first process's
  double share(double value);      // the first process's, by the host
  // The last call: the first process, with which the others' links end, waits until all have come to it.
  void leave();

 private:
  struct Links;
  int64_t rank_ = 0, size_ = 1;
  std::unique_ptr<Links> links_;
};

// The GPU of this process, LOCAL_RANK, or the CPU.
at::Device training_device(bool cuda);

}  // namespace tessera::train
