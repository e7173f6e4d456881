#include "models/cpu_block.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "models/parallel.h"

// BLAS as libtorch carries it (Intel MKL in the wheel), held to one thread by set_threads().
extern "C" void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k, const float* alpha, const float* a,
                       const int* lda, const float* b, const int* ldb, const float* beta, float* c, const int* ldc);

namespace tessera::models {
namespace {

constexpr int64_t kStrip = 4;    // rows of a block that one task makes
constexpr int64_t kChunk = 128;  // positions that go through the feed-forward part together

void fill_bias(const float* bias, float* out, int64_t m, int64_t n) {
  for (int64_t i = 0; i < m; ++i) std::memcpy(out + i * n, bias, static_cast<size_t>(n) * sizeof(float));
}

void add_bias(const float* x, const float* bias, float* out, int64_t m, int64_t n) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) out[i * n + j] = x[i * n + j] + bias[j];
  }
}

// Scratch of one thread, kept between calls.
float* scratch(size_t slot, int64_t size) {
  thread_local std::vector<std::vector<float>> buffers(4);
  std::vector<float>& b = buffers[slot];
  if (b.size() < static_cast<size_t>(size)) b.resize(static_cast<size_t>(size));
  return b.data();
}

}  // namespace

void multiply_add(const float* a, const float* weight, float* out, int64_t m, int64_t n, int64_t k) {
  // Column-major view: out^T = weight a^T.
  const int mi = static_cast<int>(m), ni = static_cast<int>(n), ki = static_cast<int>(k);
  const float one = 1.0f;
  sgemm_("T", "N", &ni, &mi, &ki, &one, weight, &ki, a, &ki, &one, out, &ni);
}

bool use_cpu_inference(const at::Tensor& x) { return c10::InferenceMode::is_enabled() && x.is_cpu() && x.scalar_type() == at::kFloat; }

at::Tensor linear_cpu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor in = x.contiguous();
  const int64_t k = weight.size(1), n = weight.size(0), m = in.numel() / k;
  auto shape = in.sizes().vec();
  shape.back() = n;
  at::Tensor out = at::empty(shape, in.options());
  const float *ip = in.const_data_ptr<float>(), *wp = weight.const_data_ptr<float>(), *bp = bias.const_data_ptr<float>();
  float* op = out.data_ptr<float>();
  parallel(m, 256, [&](int64_t begin, int64_t end) {
    fill_bias(bp, op + begin * n, end - begin, n);
    multiply_add(ip + begin * k, wp, op + begin * n, end - begin, n, k);
  });
  return out;
}

at::Tensor block_cpu(const at::Tensor& input, const BlockWeights& weights) {
  const at::Tensor x = input.contiguous();
  at::Tensor out = at::empty_like(x);
  const int64_t h = x.size(1), w = x.size(2), c = x.size(3), row = w * c;
  const auto limit = static_cast<float>(weights.gate_limit);
  const auto data = [](const at::Tensor& t) { return t.const_data_ptr<float>(); };
  const float *mix_in = data(weights.mix_in), *mix_in_bias = data(weights.mix_in_bias), *dw = data(weights.depthwise),
              *dw_bias = data(weights.depthwise_bias), *mix_out = data(weights.mix_out), *mix_out_bias = data(weights.mix_out_bias),
              *expand = data(weights.expand), *expand_bias = data(weights.expand_bias), *contract = data(weights.contract),
              *contract_bias = data(weights.contract_bias);
  for (int64_t b = 0; b < x.size(0); ++b) {
    const float* in = x.const_data_ptr<float>() + b * h * row;
    float* o = out.data_ptr<float>() + b * h * row;
    parallel((h + kStrip - 1) / kStrip, 1, [&](int64_t first, int64_t last) {
      for (int64_t strip = first; strip < last; ++strip) {
        const int64_t y0 = strip * kStrip, y1 = std::min(h, y0 + kStrip);
        const int64_t from = std::max<int64_t>(0, y0 - 1), to = std::min(h, y1 + 1);  // with the neighbours' rows
        float* a = scratch(0, (kStrip + 2) * row);
        fill_bias(mix_in_bias, a, (to - from) * w, c);
        multiply_add(in + from * row, mix_in, a, (to - from) * w, c, c);
        leaky_row(a, a, (to - from) * row, static_cast<float>(weights.slope));
        float* d = scratch(1, kStrip * row);
        for (int64_t y = y0; y < y1; ++y) {
          const float* mid = a + (y - from) * row;
          depthwise_row(y > 0 ? mid - row : nullptr, mid, y + 1 < h ? mid + row : nullptr, dw, dw_bias, d + (y - y0) * row, w, c);
        }
        const int64_t positions = (y1 - y0) * w;
        for (int64_t p = 0; p < positions; p += kChunk) {
          const int64_t m = std::min(kChunk, positions - p);
          float* t = o + y0 * row + p * c;
          add_bias(in + y0 * row + p * c, mix_out_bias, t, m, c);
          multiply_add(d + p * c, mix_out, t, m, c, c);
          float* e = scratch(2, kChunk * 4 * c);
          fill_bias(expand_bias, e, m, 4 * c);
          multiply_add(t, expand, e, m, 4 * c, c);
          float* g = scratch(3, kChunk * 2 * c);
          for (int64_t i = 0; i < m; ++i) gate_row(e + i * 4 * c, g + i * 2 * c, 2 * c);
          if (limit > 0) {
            for (int64_t i = 0; i < m * 2 * c; ++i) g[i] = std::min(limit, std::max(-limit, g[i]));
          }
          add_bias(t, contract_bias, t, m, c);
          multiply_add(g, contract, t, m, c, 2 * c);
        }
      }
    });
  }
  return out;
}

}  // namespace tessera::models
