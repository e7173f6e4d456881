#include "codec/side_queue.h"

#include <c10/core/impl/VirtualGuardImpl.h>

namespace tessera {

QueueMark mark_queue(at::Device device) {
  if (device.is_cpu()) return nullptr;
  auto mark = std::make_shared<c10::Event>(device.type());
  mark->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
  return mark;
}

std::optional<c10::Stream> new_queue(at::Device device, bool urgent) {
  if (device.is_cpu()) return std::nullopt;
  return c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device, urgent);
}

SideQueue::SideQueue(const std::optional<c10::Stream>& queue) {
  if (queue) guard_.emplace(*queue);
}

void SideQueue::wait(const QueueMark& mark) const {
  if (guard_ && mark) mark->block(guard_->current_stream());
}

void SideQueue::borrow(const at::Tensor& tensor) const {
  if (guard_ && tensor.defined()) tensor.record_stream(guard_->current_stream());
}

}  // namespace tessera
