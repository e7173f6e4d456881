// Copies between a GPU and the processor through page-locked memory. What libtorch has for `cpu()` is memory from the system for every tensor: for a frame of
// 1920 x 1080 some 15 MB, whose pages the system hands out anew, zeroed, one by one, and from which the GPU reads and writes through a buffer of the
// driver's. Page-locked memory is kept by libtorch and handed out again, and the device copies by itself while the processor goes on.
//
// On the CPU nothing here copies more than it must.
#pragma once

#include <ATen/ATen.h>

#include <optional>

namespace tessera {

// Memory on the CPU for what comes from or goes to `device`.
at::Tensor host_tensor(at::IntArrayRef sizes, at::ScalarType type, at::Device device);

// Tensors on their way from a device to the CPU. All are asked for before the one wait.
class Arrivals {
 public:
  // `tensor` as `type`, contiguous, on the CPU. Not to be read before wait().
  at::Tensor take(const at::Tensor& tensor, at::ScalarType type);
  // Until all that was taken is there.
  void wait();

 private:
  std::optional<at::Device> device_;  // that something comes from
};

// A tensor of host_tensor() to `device`, as `type`, which it becomes there. The processor does not wait, so it must not write to it again.
at::Tensor sent(const at::Tensor& tensor, at::ScalarType type, at::Device device);

}  // namespace tessera
