#include "models/video/kernel_warp.h"

#include <torch/csrc/autograd/custom_function.h>

#include "models/ops.h"

namespace tessera::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class Warp : public torch::autograd::Function<Warp> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps, bool lagrange) {
    ctx->save_for_backward({dense});
    ctx->saved_data["side"] = side;
    ctx->saved_data["steps"] = steps;
    ctx->saved_data["lagrange"] = lagrange;
    return cuda_kernels().warp_forward(planes, dense, side, steps, kind_of(lagrange));
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::Tensor dense = ctx->get_saved_variables()[0];
    const int64_t side = ctx->saved_data["side"].toInt(), steps = ctx->saved_data["steps"].toInt();
    const at::Tensor dx = cuda_kernels().warp_backward(grads[0].contiguous(), dense, side, steps, kind_of(ctx->saved_data["lagrange"].toBool()));
    return {dx, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  static Interpolation kind_of(bool lagrange) { return lagrange ? Interpolation::lagrange : Interpolation::bicubic; }
};

}  // namespace

bool has_warp_kernel(const at::Tensor& planes) {
  return planes.is_cuda() && planes.scalar_type() == at::kFloat && cuda_kernels().warp_forward != nullptr && cuda_kernels().warp_backward != nullptr;
}

at::Tensor warp_planes_by_kernel(const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind) {
  return Warp::apply(planes.contiguous(), dense.contiguous(), side, steps, kind == Interpolation::lagrange);
}

}  // namespace tessera::models
