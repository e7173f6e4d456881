#include "models/ops.h"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <vector>

#include "models/clones.h"
#include "models/cpu_block.h"
#include "models/parallel.h"

namespace tessera::models {

// --- CPU row kernels -------------------------------------------------------------------------------------------
// Plain loops over channels that the compiler vectorises for each instruction set; the pixel path may differ in the
// last bit between them, the entropy path never comes here with anything but exact integers (exactness).

TESSERA_CLONES("no-trapping-math") void depthwise_row(const float* top, const float* mid, const float* bottom, const float* w, const float* bias,
                                                       float* out, int64_t width, int64_t c) {
  for (int64_t x = 0; x < width; ++x) {
    float* o = out + x * c;
    for (int64_t k = 0; k < c; ++k) o[k] = bias[k];
    const float* rows[3] = {top, mid, bottom};
    for (int dy = 0; dy < 3; ++dy) {
      if (rows[dy] == nullptr) continue;
      const float* wr = w + dy * 3 * c;
      const float* centre = rows[dy] + x * c;
      if (x > 0 && x + 1 < width) {
        for (int64_t k = 0; k < c; ++k) {
          o[k] += wr[k] * centre[k - c] + wr[c + k] * centre[k] + wr[2 * c + k] * centre[k + c];
        }
        continue;
      }
      for (int64_t k = 0; k < c; ++k) o[k] += wr[c + k] * centre[k];
      if (x > 0) {
        for (int64_t k = 0; k < c; ++k) o[k] += wr[k] * centre[k - c];
      }
      if (x + 1 < width) {
        for (int64_t k = 0; k < c; ++k) o[k] += wr[2 * c + k] * centre[k + c];
      }
    }
  }
}

TESSERA_CLONES("no-trapping-math") void leaky_row(const float* in, float* out, int64_t n, float slope) {
  for (int64_t i = 0; i < n; ++i) out[i] = in[i] > 0 ? in[i] : in[i] * slope;
}

// exp by 2^k * polynomial, relative error below 4e-6 in the far tails: libm's scalar exp would dominate the decoder's time.
TESSERA_CLONES("no-trapping-math") void gate_row(const float* x, float* out, int64_t c) {
  for (int64_t k = 0; k < c; ++k) {
    const float g = x[k];
    float t = -g * 1.44269504f;
    t = t > -120.f ? t : -120.f;  // a NaN too: it has no integer
    t = t < 120.f ? t : 120.f;
    const float whole = (t + 12582912.0f) - 12582912.0f;  // to the nearest integer, without a call
    const float f = t - whole;
    float p = 1.535336188e-4f;
    p = p * f + 1.339887440e-3f;
    p = p * f + 9.618437357e-3f;
    p = p * f + 5.550332548e-2f;
    p = p * f + 2.402264791e-1f;
    p = p * f + 6.931472028e-1f;
    p = p * f + 1.0f;
    union {
      int32_t i;
      float f32;
    } power;
    power.i = (static_cast<int32_t>(whole) + 127) << 23;
    out[k] = g / (1.0f + p * power.f32) * x[c + k];
  }
}

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor depthwise_cpu(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double slope) {
  const int64_t batch = x.size(0), h = x.size(1), width = x.size(2), c = x.size(3);
  at::Tensor out = at::empty_like(x);
  const float* in = x.const_data_ptr<float>();
  const float* wp = w.const_data_ptr<float>();
  const float* bp = b.const_data_ptr<float>();
  float* op = out.data_ptr<float>();
  const int64_t row = width * c;
  parallel(batch * h, 8, [&](int64_t begin, int64_t end) {
    // The activation is computed once a row, in a ring of three rows.
    std::vector<float> ring(slope == 1.0 ? 0 : static_cast<size_t>(3 * row));
    int64_t held[3] = {-1, -1, -1};
    const auto activated = [&](int64_t r) -> const float* {
      if (slope == 1.0) return in + r * row;
      float* slot = ring.data() + (r % 3) * row;
      if (held[r % 3] != r) {
        leaky_row(in + r * row, slot, row, static_cast<float>(slope));
        held[r % 3] = r;
      }
      return slot;
    };
    for (int64_t r = begin; r < end; ++r) {
      const int64_t y = r % h;
      const float* top = y > 0 ? activated(r - 1) : nullptr;
      const float* bottom = y + 1 < h ? activated(r + 1) : nullptr;
      depthwise_row(top, activated(r), bottom, wp, bp, op + r * row, width, c);
    }
  });
  return out;
}

at::Tensor gate_cpu(const at::Tensor& x) {
  const int64_t c = x.size(-1) / 2;
  const int64_t n = x.numel() / (2 * c);
  auto shape = x.sizes().vec();
  shape.back() = c;
  at::Tensor out = at::empty(shape, x.options());
  const float* in = x.const_data_ptr<float>();
  float* op = out.data_ptr<float>();
  parallel(n, 512, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) gate_row(in + i * 2 * c, op + i * c, c);
  });
  return out;
}

// One position with c * n channels, channel k * n + i, from or to n positions with c channels each.
TESSERA_CLONES("no-trapping-math") void split_channels(const float* in, float* out, int64_t c, int64_t n, const int64_t* places) {
  for (int64_t i = 0; i < n; ++i) {
    float* o = out + places[i];
    for (int64_t k = 0; k < c; ++k) o[k] = in[k * n + i];
  }
}
TESSERA_CLONES("no-trapping-math") void join_channels(const float* in, float* out, int64_t c, int64_t n, const int64_t* places) {
  for (int64_t i = 0; i < n; ++i) {
    const float* from = in + places[i];
    for (int64_t k = 0; k < c; ++k) out[k * n + i] = from[k];
  }
}

// Where the s x s fine positions of a coarse one lie, in a map of `width` fine positions with c channels.
std::vector<int64_t> fine_places(int64_t s, int64_t width, int64_t c) {
  std::vector<int64_t> places;
  for (int64_t dy = 0; dy < s; ++dy) {
    for (int64_t dx = 0; dx < s; ++dx) places.push_back((dy * width + dx) * c);
  }
  return places;
}

at::Tensor depth_to_space_cpu(const at::Tensor& x, int64_t s) {
  const int64_t b = x.size(0), h = x.size(1), w = x.size(2), n = s * s, c = x.size(3) / n;
  at::Tensor out = at::empty({b, h * s, w * s, c}, x.options());
  const std::vector<int64_t> places = fine_places(s, w * s, c);
  const float* in = x.const_data_ptr<float>();
  float* o = out.data_ptr<float>();
  parallel(b * h, 2, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      for (int64_t i = 0; i < w; ++i) split_channels(in + (y * w + i) * c * n, o + (y * s * w * s + i * s) * c, c, n, places.data());
    }
  });
  return out;
}

at::Tensor space_to_depth_cpu(const at::Tensor& x, int64_t s) {
  const int64_t b = x.size(0), h = x.size(1) / s, w = x.size(2) / s, n = s * s, c = x.size(3);
  at::Tensor out = at::empty({b, h, w, c * n}, x.options());
  const std::vector<int64_t> places = fine_places(s, w * s, c);
  const float* in = x.const_data_ptr<float>();
  float* o = out.data_ptr<float>();
  parallel(b * h, 2, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      for (int64_t i = 0; i < w; ++i) join_channels(in + (y * s * w * s + i * s) * c, o + (y * w + i) * c * n, c, n, places.data());
    }
  });
  return out;
}

// --- stock operators, used for gradients on the CPU and where the project's kernels are absent -----------------

at::Tensor nchw(const at::Tensor& x) { return x.permute({0, 3, 1, 2}); }
at::Tensor filter_nchw(const at::Tensor& w) { return w.t().reshape({w.size(1), 1, 3, 3}); }
at::Tensor activation(const at::Tensor& x, double slope) { return slope == 1.0 ? x : at::leaky_relu(x, slope); }

at::Tensor depthwise_stock(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double slope) {
  const at::Tensor y = at::conv2d(nchw(activation(x, slope)), filter_nchw(w), b, 1, 1, 1, x.size(3));
  return y.permute({0, 2, 3, 1}).contiguous();
}

class Depthwise : public torch::autograd::Function<Depthwise> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& w, const at::Tensor& b,
                            double slope) {
    ctx->save_for_backward({x, w});
    ctx->saved_data["slope"] = slope;
    if (x.is_cuda() && cuda_kernels().depthwise_forward) return cuda_kernels().depthwise_forward(x, w, b, slope);
    if (x.is_cpu() && x.scalar_type() == at::kFloat) return depthwise_cpu(x, w, b, slope);
    return depthwise_stock(x, w, b, slope);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& w = saved[1];
    const double slope = ctx->saved_data["slope"].toDouble();
    const at::Tensor dy = grads[0].contiguous();
    if (x.is_cuda() && cuda_kernels().depthwise_forward) {
      const at::Tensor dx = cuda_kernels().depthwise_backward_input(dy, x, w, slope);
      const at::Tensor dwb = cuda_kernels().depthwise_backward_weight(dy, x, slope).to(w.scalar_type());
      return {dx, dwb.narrow(0, 0, 9), dwb.select(0, 9), at::Tensor()};
    }
    const at::Tensor a = activation(x, slope);
    const auto [da, dw, db] = at::convolution_backward(nchw(dy), nchw(a), filter_nchw(w), at::IntArrayRef{x.size(3)}, {1, 1}, {1, 1},
                                                       {1, 1}, false, {0, 0}, x.size(3), {true, true, true});
    at::Tensor dx = da.permute({0, 2, 3, 1});
    if (slope != 1.0) dx = dx * at::where(x > 0, at::scalar_tensor(1.0, x.options()), at::scalar_tensor(slope, x.options()));
    return {dx.contiguous(), dw.reshape({x.size(3), 9}).t().contiguous(), db, at::Tensor()};
  }
};

class Gate : public torch::autograd::Function<Gate> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, double limit) {
    ctx->save_for_backward({x});
    ctx->saved_data["limit"] = limit;
    if (x.is_cuda() && cuda_kernels().gate_forward) return cuda_kernels().gate_forward(x, limit);
    at::Tensor out;
    if (x.is_cpu() && x.scalar_type() == at::kFloat) {
      out = gate_cpu(x);
    } else {
      const auto halves = x.chunk(2, -1);
      out = at::silu(halves[0]) * halves[1];
    }
    return limit > 0 ? out.clamp_(-limit, limit) : out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::Tensor x = ctx->get_saved_variables()[0];
    const at::Tensor dy = grads[0].contiguous();
    const double limit = ctx->saved_data["limit"].toDouble();
    if (x.is_cuda() && cuda_kernels().gate_backward) return {cuda_kernels().gate_backward(dy, x, limit), at::Tensor()};
    const auto halves = x.chunk(2, -1);
    const at::Tensor s = at::sigmoid(halves[0]);
    const at::Tensor silu = halves[0] * s;
    const at::Tensor d = limit > 0 ? dy.masked_fill((silu * halves[1]).abs() > limit, 0) : dy;
    return {at::cat({d * halves[1] * (s + silu * (1 - s)), d * silu}, -1), at::Tensor()};
  }
};

class RoundSte : public torch::autograd::Function<RoundSte> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& x) { return at::floor(x + 0.5); }
  static variable_list backward(AutogradContext*, variable_list grads) { return {grads[0]}; }
};

class ClampSte : public torch::autograd::Function<ClampSte> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, double lo, double hi) {
    ctx->save_for_backward({x});
    ctx->saved_data["lo"] = lo;
    ctx->saved_data["hi"] = hi;
    return at::clamp(x, lo, hi);
  }
  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const at::Tensor x = ctx->get_saved_variables()[0];
    const at::Tensor& g = grads[0];
    // A descent step moves x against g: below the range it must have g < 0 to come back, above it g > 0.
    const at::Tensor stuck = (x.lt(ctx->saved_data["lo"].toDouble()) & g.gt(0)) | (x.gt(ctx->saved_data["hi"].toDouble()) & g.lt(0));
    return {g.masked_fill(stuck, 0), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

CudaKernels& cuda_kernels() {
  static CudaKernels kernels;
  return kernels;
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return use_cpu_inference(x) ? linear_cpu(x, weight, bias) : at::linear(x, weight, bias);
}

at::Tensor depthwise3x3(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double slope) {
  if (use_cpu_inference(x)) return depthwise_cpu(x.contiguous(), weight, bias, slope);
  return Depthwise::apply(x.contiguous(), weight, bias, slope);
}

at::Tensor gated_silu(const at::Tensor& x, double limit) { return Gate::apply(x.contiguous(), limit); }

at::Tensor depth_to_space(const at::Tensor& x, int64_t s) {
  if (use_cpu_inference(x)) return depth_to_space_cpu(x.contiguous(), s);
  const int64_t b = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3) / (s * s);
  return x.reshape({b, h, w, c, s, s}).permute({0, 1, 4, 2, 5, 3}).reshape({b, h * s, w * s, c});
}

at::Tensor space_to_depth(const at::Tensor& x, int64_t s) {
  if (use_cpu_inference(x)) return space_to_depth_cpu(x.contiguous(), s);
  const int64_t b = x.size(0), h = x.size(1) / s, w = x.size(2) / s, c = x.size(3);
  return x.reshape({b, h, s, w, s, c}).permute({0, 1, 3, 5, 2, 4}).reshape({b, h, w, c * s * s});
}

at::Tensor round_ste(const at::Tensor& x) { return RoundSte::apply(x); }
at::Tensor clamp_ste(const at::Tensor& x, double lo, double hi) { return ClampSte::apply(x, lo, hi); }

}  // namespace tessera::models
