#include "models/inr/tall_linear.h"

#include <torch/csrc/autograd/custom_function.h>

namespace tessera::models::inr {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// How many equal pieces of the columns are summed side by side.
int64_t pieces(int64_t columns) {
  for (const int64_t n : {128, 96, 64, 48, 32, 24, 16, 8, 4, 2}) {
    if (columns % n == 0 && columns / n >= 64) return n;
  }
  return 1;
}

class TallLinear : public torch::autograd::Function<TallLinear> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& w, const at::Tensor& x, const at::Tensor& b, bool relu) {
    at::Tensor y = at::addmm(b.unsqueeze(1), w, x);
    if (relu) y.relu_();
    ctx->save_for_backward(relu ? variable_list{w, x, y} : variable_list{w, x});
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &w = saved[0], &x = saved[1];
    at::Tensor dy = grads[0].contiguous();
    if (saved.size() > 2) dy = at::threshold_backward(dy, saved[2], 0);
    const int64_t m = w.size(0), k = w.size(1), columns = x.size(1), n = pieces(columns);
    at::Tensor dx, dw;
    if (ctx->needs_input_grad(1)) dx = at::mm(w.t(), dy);
    dw = n == 1 ? at::mm(dy, x.t())
                : at::bmm(dy.view({m, n, columns / n}).transpose(0, 1), x.contiguous().view({k, n, columns / n}).permute({1, 2, 0})).sum(0);
    return {dw, dx, dy.sum(1), at::Tensor()};
  }
};

}  // namespace

at::Tensor tall_linear(const at::Tensor& w, const at::Tensor& x, const at::Tensor& b, bool relu) { return TallLinear::apply(w, x, b, relu); }

at::Tensor windows(const at::Tensor& x, int64_t rows, int64_t columns) {
  return at::im2col(x.unsqueeze(0), {rows, columns}, {1, 1}, {0, 0}, {1, 1})[0];
}

}  // namespace tessera::models::inr
