#include "models/cuda/register.h"

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include <limits>

#include "models/cuda/fit.cuh"
#include "models/cuda/kernels.cuh"
#include "models/cuda/search.cuh"
#include "models/cuda/warp.cuh"
#include "models/ops.h"

namespace tessera::models::cuda {
namespace {

cudaStream_t stream() { return c10::cuda::getCurrentCUDAStream().stream(); }
Element element_of(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kBFloat16:
      return Element::bfloat16;
    case at::kHalf:
      return Element::float16;
    default:
      return Element::float32;
  }
}
int dim(const at::Tensor& x, int64_t i) { return static_cast<int>(x.size(i)); }

at::Tensor dw_forward(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double slope) {
  at::Tensor out = at::empty_like(x);
  const at::Tensor wc = w.contiguous(), bc = b.contiguous();
  C10_CUDA_CHECK(depthwise_forward(x.const_data_ptr(), wc.const_data_ptr(), bc.const_data_ptr(), out.data_ptr(), dim(x, 0), dim(x, 1),
                                   dim(x, 2), dim(x, 3), static_cast<float>(slope), element_of(x), stream()));
  return out;
}

at::Tensor dw_backward_input(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& w, double slope) {
  at::Tensor dx = at::empty_like(x);
  const at::Tensor wc = w.contiguous();
  C10_CUDA_CHECK(depthwise_backward_input(dy.const_data_ptr(), x.const_data_ptr(), wc.const_data_ptr(), dx.data_ptr(), dim(x, 0),
                                          dim(x, 1), dim(x, 2), dim(x, 3), static_cast<float>(slope), element_of(x), stream()));
  return dx;
}

at::Tensor dw_backward_weight(const at::Tensor& dy, const at::Tensor& x, double slope) {
  at::Tensor grad = at::zeros({10, x.size(3)}, x.options().dtype(at::kFloat));
  C10_CUDA_CHECK(depthwise_backward_weight(dy.const_data_ptr(), x.const_data_ptr(), grad.data_ptr<float>(), dim(x, 0), dim(x, 1),
                                           dim(x, 2), dim(x, 3), static_cast<float>(slope), element_of(x), stream()));
  return grad;
}

float limit_or_none(double limit) { return limit > 0 ? static_cast<float>(limit) : std::numeric_limits<float>::infinity(); }

at::Tensor gate(const at::Tensor& x, double limit) {
  auto shape = x.sizes().vec();
  shape.back() /= 2;
  at::Tensor out = at::empty(shape, x.options());
  C10_CUDA_CHECK(gate_forward(x.const_data_ptr(), out.data_ptr(), out.numel() / shape.back(), static_cast<int>(shape.back()),
                              limit_or_none(limit), element_of(x), stream()));
  return out;
}

at::Tensor gate_grad(const at::Tensor& dy, const at::Tensor& x, double limit) {
  at::Tensor dx = at::empty_like(x);
  C10_CUDA_CHECK(gate_backward(dy.const_data_ptr(), x.const_data_ptr(), dx.data_ptr(), dy.numel() / dy.size(-1),
                               static_cast<int>(dy.size(-1)), limit_or_none(limit), element_of(x), stream()));
  return dx;
}

std::pair<at::Tensor, at::Tensor> search(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, int64_t reach, int64_t rounds,
                                         bool quarters, bool diagonals, Interpolation kind) {
  const at::Tensor now = current.detach().to(at::kFloat).contiguous(), before = reference.detach().to(at::kFloat).contiguous();
  const at::Tensor price = penalty.detach().to(at::kFloat).contiguous();
  const SearchShape shape{dim(now, 0), dim(now, 2), dim(now, 3), static_cast<int>(reach), static_cast<int>(rounds), quarters, diagonals, kind};
  const SearchSizes sizes = search_sizes(shape);
  const auto bytes = [&](size_t count) { return at::empty({static_cast<int64_t>(count)}, now.options().dtype(at::kByte)); };
  const at::Tensor room[] = {bytes(sizes.current),         bytes(sizes.planes), bytes(sizes.small_current),
                             bytes(sizes.small_reference), bytes(sizes.sums),   bytes(sizes.vectors)};
  const auto at_byte = [&](int i) { return static_cast<uint8_t*>(room[i].data_ptr()); };
  const SearchMemory memory{at_byte(0), at_byte(1), at_byte(2), at_byte(3), reinterpret_cast<int32_t*>(at_byte(4)), at_byte(5)};
  at::Tensor coarse = at::empty({now.size(0), shape.h(), shape.w(), 2}, now.options()), delta = at::zeros({now.size(0), shape.h(), shape.w(), 8}, now.options());
  C10_CUDA_CHECK(search_vectors(shape, memory, now.const_data_ptr<float>(), before.const_data_ptr<float>(), price.const_data_ptr<float>(), coarse.data_ptr<float>(),
                                delta.data_ptr<float>(), stream()));
  return {coarse, delta};
}

WarpShape warp_shape(const at::Tensor& planes, int64_t side, int64_t steps, Interpolation kind) {
  return {dim(planes, 0), dim(planes, 1), dim(planes, 2), dim(planes, 3), static_cast<int>(side), static_cast<int>(steps), kind};
}

at::Tensor warp(const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind) {
  at::Tensor out = at::empty_like(planes);
  C10_CUDA_CHECK(warp_forward(warp_shape(planes, side, steps, kind), planes.const_data_ptr<float>(), dense.const_data_ptr<float>(), out.data_ptr<float>(), stream()));
  return out;
}

at::Tensor warp_grad(const at::Tensor& dy, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind) {
  at::Tensor dx = at::zeros_like(dy);
  C10_CUDA_CHECK(warp_backward(warp_shape(dy, side, steps, kind), dy.const_data_ptr<float>(), dense.const_data_ptr<float>(), dx.data_ptr<float>(), stream()));
  return dx;
}

}  // namespace

void register_kernels() {
  cuda_kernels() = {dw_forward, dw_backward_input, dw_backward_weight, gate, gate_grad, search, warp, warp_grad};
  inr::fit_kernels() = fit_launchers([]() -> void* { return stream(); });
}

at::Tensor sample(const at::Tensor& pack, const at::Tensor& offset, const at::Tensor& width, const at::Tensor& height,
                  const at::Tensor& index, const at::Tensor& rnd, int64_t crop) {
  at::Tensor out = at::empty({index.size(0), crop, crop, 3}, rnd.options());
  C10_CUDA_CHECK(sample_crops(pack.const_data_ptr<uint8_t>(), offset.const_data_ptr<int64_t>(), width.const_data_ptr<int32_t>(),
                              height.const_data_ptr<int32_t>(), index.const_data_ptr<int64_t>(), rnd.const_data_ptr<float>(),
                              out.data_ptr<float>(), dim(index, 0), static_cast<int>(crop), stream()));
  return out;
}

}  // namespace tessera::models::cuda
