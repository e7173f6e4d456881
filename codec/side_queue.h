// A queue of work on a device beside its usual one (a CUDA stream), so that what two threads ask of the device overlaps. libtorch's generic interface to
// streams is used: the CUDA back end is loaded at run time. On the CPU there are no queues, and nothing here does anything.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>

#include <memory>
#include <optional>

namespace tessera {

// A place in a queue: all work of before is done when it is reached. Null on the CPU.
using QueueMark = std::shared_ptr<c10::Event>;

// What the calling thread has asked of `device` so far.
QueueMark mark_queue(at::Device device);

// A queue of its own; none on the CPU. `urgent`: where both have work, the device begins its own first.
std::optional<c10::Stream> new_queue(at::Device device, bool urgent);

// While it lives, the calling thread's work goes to that queue.
class SideQueue {
 public:
  explicit SideQueue(const std::optional<c10::Stream>& queue);
  // Work that follows waits for the mark.
  void wait(const QueueMark& mark) const;
  // The tensor's memory came from another queue: it must not be used again there before the work that has been queued here is done.
  void borrow(const at::Tensor& tensor) const;

 private:
  std::optional<c10::StreamGuard> guard_;
};

}  // namespace tessera
