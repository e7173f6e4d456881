#include "models/cuda/register.h"

#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include <limits>

#include "models/cuda/kernels.cuh"
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

}  // namespace

void register_kernels() { cuda_kernels() = {dw_forward, dw_backward_input, dw_backward_weight, gate, gate_grad}; }

at::Tensor sample(const at::Tensor& pack, const at::Tensor& offset, const at::Tensor& width, const at::Tensor& height,
                  const at::Tensor& index, const at::Tensor& rnd, int64_t crop) {
  at::Tensor out = at::empty({index.size(0), crop, crop, 3}, rnd.options());
  C10_CUDA_CHECK(sample_crops(pack.const_data_ptr<uint8_t>(), offset.const_data_ptr<int64_t>(), width.const_data_ptr<int32_t>(),
                              height.const_data_ptr<int32_t>(), index.const_data_ptr<int64_t>(), rnd.const_data_ptr<float>(),
                              out.data_ptr<float>(), dim(index, 0), static_cast<int>(crop), stream()));
  return out;
}

}  // namespace tessera::models::cuda
