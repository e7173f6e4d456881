#include "models/inr/cpu_layers.h"

#include <torch/csrc/autograd/custom_function.h>

#include "models/inr/cpu_context.h"
#include "models/inr/cpu_pixels.h"

namespace tessera::models::inr {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

const float* data(const at::Tensor& t) { return t.const_data_ptr<float>(); }

class ContextBits : public Function<ContextBits> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& latents_in, const at::Tensor& first_in, const at::Tensor& second_in, const at::Tensor& last_in,
                            const at::Tensor& bias_in, const Config* config, const std::vector<GridShape>* shapes) {
    const at::Tensor latents = latents_in.contiguous(), first = first_in.contiguous(), second = second_in.contiguous(), last = last_in.contiguous(),
                     bias = bias_in.contiguous();
    // The result is a sum: its gradients are known as soon as it is.
    variable_list d;
    for (const at::Tensor* t : {&latents, &first, &second, &last, &bias}) d.push_back(at::empty_like(*t));
    const double bits = context_bits(*config, *shapes, data(latents), {data(first), data(second), data(last), data(bias)},
                                     {d[0].data_ptr<float>(), d[1].data_ptr<float>(), d[2].data_ptr<float>(), d[3].data_ptr<float>(), d[4].data_ptr<float>()});
    ctx->save_for_backward(d);
    return at::full({}, bits, latents.options());
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    variable_list d = ctx->get_saved_variables();
    for (at::Tensor& t : d) t = t * grads[0];
    d.resize(7);
    return d;
  }
};

class Dense : public Function<Dense> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& u_in, const at::Tensor& first, const at::Tensor& bias, const at::Tensor& last,
                            const at::Tensor& direct, const at::Tensor& last_bias) {
    const variable_list saved{u_in.contiguous(), first.contiguous(), bias.contiguous(), last.contiguous(), direct.contiguous(), last_bias.contiguous()};
    ctx->save_for_backward(saved);
    at::Tensor y = at::empty({last.size(0), u_in.size(1)}, u_in.options());
    dense_forward(weights(saved), data(saved[0]), y.size(1), y.data_ptr<float>());
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor dy = grads[0].contiguous();
    variable_list d;
    for (const at::Tensor& t : saved) d.push_back(at::empty_like(t));
    dense_backward(weights(saved), data(saved[0]), data(dy), dy.size(1),
                   {d[0].data_ptr<float>(), d[1].data_ptr<float>(), d[2].data_ptr<float>(), d[3].data_ptr<float>(), d[4].data_ptr<float>(), d[5].data_ptr<float>()});
    return d;
  }

 private:
  static DenseWeights weights(const variable_list& s) {
    return {static_cast<int>(s[1].size(1)), static_cast<int>(s[1].size(0)), static_cast<int>(s[3].size(0)), data(s[1]), data(s[2]), data(s[3]), data(s[4]), data(s[5])};
  }
};

class Residual : public Function<Residual> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x_in, const at::Tensor& kernel_in, const at::Tensor& bias, bool relu) {
    const at::Tensor x = x_in.contiguous(), kernel = kernel_in.contiguous(), b = bias.contiguous();
    at::Tensor y = at::empty_like(x);
    residual_forward(data(x), static_cast<int>(x.size(0)), x.size(1), x.size(2), data(kernel), data(b), relu, y.data_ptr<float>());
    ctx->save_for_backward({x, y, kernel});
    ctx->saved_data["relu"] = relu;
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &kernel = saved[2], dy = grads[0].contiguous();
    at::Tensor dx = at::empty_like(x), d_kernel = at::empty_like(kernel), d_bias = at::empty({x.size(0)}, x.options());
    residual_backward(data(x), data(saved[1]), data(dy), static_cast<int>(x.size(0)), x.size(1), x.size(2), data(kernel), ctx->saved_data["relu"].toBool(),
                      dx.data_ptr<float>(), d_kernel.data_ptr<float>(), d_bias.data_ptr<float>());
    return {dx, d_kernel, d_bias, at::Tensor()};
  }
};

class Upsample : public Function<Upsample> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x_in, const at::Tensor& taps_in, int64_t height, int64_t width) {
    const at::Tensor x = x_in.contiguous(), taps = taps_in.contiguous();
    at::Tensor y = at::empty({x.size(0), height, width}, x.options());
    upsample_forward(data(x), x.size(0), x.size(1), x.size(2), data(taps), height, width, y.data_ptr<float>());
    ctx->save_for_backward({x, taps});
    return y;
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], dy = grads[0].contiguous();
    at::Tensor dx = at::empty_like(x), d_taps = at::empty_like(saved[1]);
    upsample_backward(data(x), data(dy), x.size(0), x.size(1), x.size(2), data(saved[1]), dy.size(1), dy.size(2), dx.data_ptr<float>(), d_taps.data_ptr<float>());
    return {dx, d_taps, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor context_bits_cpu(const at::Tensor& latents, const at::Tensor& first, const at::Tensor& second, const at::Tensor& last, const at::Tensor& bias,
                            const Config& config, const std::vector<GridShape>& shapes) {
  return ContextBits::apply(latents, first, second, last, bias, &config, &shapes);
}

at::Tensor dense_cpu(const at::Tensor& u, const at::Tensor& first, const at::Tensor& bias, const at::Tensor& last, const at::Tensor& direct,
                     const at::Tensor& last_bias) {
  return Dense::apply(u, first, bias, last, direct, last_bias);
}

at::Tensor residual_cpu(const at::Tensor& x, const at::Tensor& kernel, const at::Tensor& bias, bool relu) { return Residual::apply(x, kernel, bias, relu); }

at::Tensor upsampled_cpu(const at::Tensor& x, const at::Tensor& taps, int64_t height, int64_t width) { return Upsample::apply(x, taps, height, width); }

}  // namespace tessera::models::inr
