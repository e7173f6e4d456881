#include "codec/transfer.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace tessera {

at::Tensor host_tensor(at::IntArrayRef sizes, at::ScalarType type, at::Device device) {
  return at::empty(sizes, at::TensorOptions().dtype(type).pinned_memory(!device.is_cpu()));
}

at::Tensor Arrivals::take(const at::Tensor& tensor, at::ScalarType type) {
  const at::Tensor there = tensor.to(type).contiguous();
  if (there.is_cpu()) return there;
  at::Tensor here = host_tensor(there.sizes(), type, there.device());
  here.copy_(there, /*non_blocking=*/true);
  device_ = there.device();
  return here;
}

void Arrivals::wait() {
  if (device_) c10::impl::VirtualGuardImpl(device_->type()).getStream(*device_).synchronize();
  device_.reset();
}

at::Tensor sent(const at::Tensor& tensor, at::ScalarType type, at::Device device) { return tensor.to(device, /*non_blocking=*/true).to(type); }

}  // namespace tessera
