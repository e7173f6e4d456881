#include "models/inr/cpu_pixels.h"

#include <algorithm>
#include <vector>

#include "models/inr/config.h"
#include "models/inr/wide.h"
#include "models/parallel.h"

namespace tessera::models::inr {
namespace {

constexpr int64_t kTask = 64 * kBlock;  // pixels

struct DenseBlock {
  Wide u[kMaxGrids][2], du[kMaxGrids][2], h[kMaxHidden][2], dh[kMaxHidden][2], y[3][2];
};

// kLanes partial sums for each parameter: first, bias, last, direct, last_bias one after the other.
struct DenseSums {
  explicit DenseSums(const DenseWeights& w) : values(static_cast<size_t>(w.hidden * (w.inputs + 1 + w.outputs) + w.outputs * (w.inputs + 1)) * kLanes, 0.0f) {}
  std::vector<float> values;
};

TESSERA_INLINE void hidden_layer(const DenseWeights& w, DenseBlock& b) {
  for (int j = 0; j < w.hidden; j += 4) {
    Wide s[4][2];
    for (int k = 0; k < 4; ++k) s[k][0] = s[k][1] = wide(w.bias[j + k]);
    for (int i = 0; i < w.inputs; ++i) {
      for (int k = 0; k < 4; ++k) {
        const float v = w.first[(j + k) * w.inputs + i];
        s[k][0] += b.u[i][0] * v;
        s[k][1] += b.u[i][1] * v;
      }
    }
    for (int k = 0; k < 4; ++k) {
      b.h[j + k][0] = wide_max(s[k][0], Wide{});
      b.h[j + k][1] = wide_max(s[k][1], Wide{});
    }
  }
}

TESSERA_INLINE void dense_block_loop(const DenseWeights& w, DenseBlock& b) {
  hidden_layer(w, b);
  for (int o = 0; o < w.outputs; ++o) {
    Wide s0 = wide(w.last_bias[o]), s1 = s0;
    for (int j = 0; j < w.hidden; ++j) s0 += b.h[j][0] * w.last[o * w.hidden + j], s1 += b.h[j][1] * w.last[o * w.hidden + j];
    for (int i = 0; i < w.inputs; ++i) s0 += b.u[i][0] * w.direct[o * w.inputs + i], s1 += b.u[i][1] * w.direct[o * w.inputs + i];
    b.y[o][0] = s0;
    b.y[o][1] = s1;
  }
}

// y holds the gradient of the outputs.
TESSERA_INLINE void dense_back_loop(const DenseWeights& w, DenseBlock& b, float* sums) {
  hidden_layer(w, b);
  const int g = w.inputs, n = w.hidden, outputs = w.outputs;
  float* const first = sums;
  float* const bias = first + n * g * kLanes;
  float* const last = bias + n * kLanes;
  float* const direct = last + outputs * n * kLanes;
  float* const last_bias = direct + outputs * g * kLanes;
  for (int o = 0; o < outputs; ++o) {
    add_wide(last_bias + o * kLanes, b.y[o][0] + b.y[o][1]);
    for (int j = 0; j < n; ++j) add_wide(last + (o * n + j) * kLanes, b.h[j][0] * b.y[o][0] + b.h[j][1] * b.y[o][1]);
    for (int i = 0; i < g; ++i) add_wide(direct + (o * g + i) * kLanes, b.u[i][0] * b.y[o][0] + b.u[i][1] * b.y[o][1]);
  }
  for (int j = 0; j < n; ++j) {
    Wide s0 = Wide{}, s1 = Wide{};
    for (int o = 0; o < outputs; ++o) s0 += b.y[o][0] * w.last[o * n + j], s1 += b.y[o][1] * w.last[o * n + j];
    b.dh[j][0] = select(b.h[j][0] > Wide{}, s0, Wide{});
    b.dh[j][1] = select(b.h[j][1] > Wide{}, s1, Wide{});
    add_wide(bias + j * kLanes, b.dh[j][0] + b.dh[j][1]);
  }
  for (int i = 0; i < g; ++i) {
    Wide s0 = Wide{}, s1 = Wide{};
    for (int o = 0; o < outputs; ++o) s0 += b.y[o][0] * w.direct[o * g + i], s1 += b.y[o][1] * w.direct[o * g + i];
    for (int j = 0; j < n; ++j) {
      s0 += b.dh[j][0] * w.first[j * g + i];
      s1 += b.dh[j][1] * w.first[j * g + i];
      add_wide(first + (j * g + i) * kLanes, b.u[i][0] * b.dh[j][0] + b.u[i][1] * b.dh[j][1]);
    }
    b.du[i][0] = s0;
    b.du[i][1] = s1;
  }
}

TESSERA_TARGETS(dense_block, (const DenseWeights& w, DenseBlock& b), (w, b))
TESSERA_TARGETS(dense_back, (const DenseWeights& w, DenseBlock& b, float* sums), (w, b, sums))

// `count` samples of a block, zeros behind them.
void load_block(const float* from, int count, Wide* to) {
  float lanes[kBlock] = {};
  std::copy_n(from, count, lanes);
  to[0] = load_wide(lanes);
  to[1] = load_wide(lanes + kLanes);
}

void store_block(const Wide* from, int count, float* to) {
  float lanes[kBlock];
  store_wide(lanes, from[0]);
  store_wide(lanes + kLanes, from[1]);
  std::copy_n(lanes, count, to);
}

template <class Work>
void each_block(int64_t begin, int64_t end, Work work) {
  for (int64_t at = begin; at < end; at += kBlock) work(at, static_cast<int>(std::min<int64_t>(kBlock, end - at)));
}

}  // namespace

void dense_forward(const DenseWeights& w, const float* u, int64_t count, float* y) {
  auto* const run = dense_block_best();
  parallel(count, kTask, [&](int64_t begin, int64_t end) {
    DenseBlock b{};
    each_block(begin, end, [&](int64_t at, int n) {
      for (int i = 0; i < w.inputs; ++i) load_block(u + i * count + at, n, b.u[i]);
      run(w, b);
      for (int o = 0; o < w.outputs; ++o) store_block(b.y[o], n, y + o * count + at);
    });
  });
}

void dense_backward(const DenseWeights& w, const float* u, const float* dy, int64_t count, const DenseGradients& d) {
  auto* const run = dense_back_best();
  const int64_t tasks = (count + kTask - 1) / kTask;
  std::vector<DenseSums> sums(static_cast<size_t>(tasks), DenseSums(w));
  parallel(tasks, 1, [&](int64_t first, int64_t last) {
    DenseBlock b{};
    for (int64_t t = first; t < last; ++t) {
      each_block(t * kTask, std::min(count, (t + 1) * kTask), [&](int64_t at, int n) {
        for (int i = 0; i < w.inputs; ++i) load_block(u + i * count + at, n, b.u[i]);
        for (int o = 0; o < w.outputs; ++o) load_block(dy + o * count + at, n, b.y[o]);
        run(w, b, sums[static_cast<size_t>(t)].values.data());
        for (int i = 0; i < w.inputs; ++i) store_block(b.du[i], n, d.u + i * count + at);
      });
    }
  });
  size_t at = 0;
  const auto total = [&](float* to, int n) {
    for (int i = 0; i < n; ++i, at += kLanes) {
      double sum = 0;
      for (const DenseSums& s : sums) sum += static_cast<double>(sum_of(load_wide(s.values.data() + at)));
      to[i] = static_cast<float>(sum);
    }
  };
  total(d.first, w.hidden * w.inputs);
  total(d.bias, w.hidden);
  total(d.last, w.outputs * w.hidden);
  total(d.direct, w.outputs * w.inputs);
  total(d.last_bias, w.outputs);
}

namespace {

constexpr int64_t kRowsOfTask = 16;

// A row with its edges repeated: [margin + width + margin].
void padded_row(const float* row, int64_t width, int64_t margin, float* to) {
  std::fill_n(to, margin, row[0]);
  std::copy_n(row, width, to + margin);
  std::fill_n(to + margin + width, margin, row[width - 1]);
}

// Three rows' gradients with margins: what lies in the margins belongs to the edge.
void fold_margins(float* row, int64_t width, int64_t margin) {
  for (int64_t i = 0; i < margin; ++i) {
    row[margin] += row[i];
    row[margin + width - 1] += row[margin + width + i];
  }
}

TESSERA_INLINE void accumulate_row_loop(const float* __restrict from, float weight, int64_t n, float* __restrict to) {
  for (int64_t i = 0; i < n; ++i) to[i] += weight * from[i];
}
TESSERA_INLINE void dot_rows_loop(const float* a, const float* b, int64_t n, float* out) {
  Wide s = Wide{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) s += load_wide(a + i) * load_wide(b + i);
  float sum = sum_of(s);
  for (; i < n; ++i) sum += a[i] * b[i];
  *out = sum;
}
TESSERA_TARGETS(accumulate_row, (const float* from, float weight, int64_t n, float* to), (from, weight, n, to))
TESSERA_TARGETS(dot_rows, (const float* a, const float* b, int64_t n, float* out), (a, b, n, out))

}  // namespace

void residual_forward(const float* x, int channels, int64_t height, int64_t width, const float* kernel, const float* bias, bool relu, float* y) {
  auto* const accumulate = accumulate_row_best();
  parallel(height, kRowsOfTask, [&](int64_t begin, int64_t end) {
    std::vector<float> pad(static_cast<size_t>(width + 2));
    for (int o = 0; o < channels; ++o) {
      for (int64_t r = begin; r < end; ++r) {
        const float* const same = x + (o * height + r) * width;
        float* const to = y + (o * height + r) * width;
        for (int64_t i = 0; i < width; ++i) to[i] = same[i] + bias[o];
        for (int c = 0; c < channels; ++c) {
          for (int ky = 0; ky < 3; ++ky) {
            padded_row(x + (c * height + std::clamp<int64_t>(r + ky - 1, 0, height - 1)) * width, width, 1, pad.data());
            for (int kx = 0; kx < 3; ++kx) accumulate(pad.data() + kx, kernel[((o * channels + c) * 3 + ky) * 3 + kx], width, to);
          }
        }
        for (int64_t i = 0; relu && i < width; ++i) to[i] = std::max(to[i], 0.0f);
      }
    }
  });
}

void residual_backward(const float* x, const float* y, const float* dy, int channels, int64_t height, int64_t width, const float* kernel, bool relu,
                       float* dx, float* d_kernel, float* d_bias) {
  auto* const accumulate = accumulate_row_best();
  auto* const dot = dot_rows_best();
  const int64_t plane = height * width, tasks = (height + kRowsOfTask - 1) / kRowsOfTask;
  // The gradient before the cut.
  std::vector<float> dz(dy, dy + channels * plane);
  if (relu) {
    for (int64_t i = 0; i < channels * plane; ++i) dz[static_cast<size_t>(i)] = y[i] > 0 ? dz[static_cast<size_t>(i)] : 0;
  }
  const int kernels = channels * channels * 9;
  std::vector<std::vector<float>> sums(static_cast<size_t>(tasks), std::vector<float>(static_cast<size_t>(kernels + channels), 0.0f));
  parallel(tasks, 1, [&](int64_t first, int64_t last) {
    std::vector<float> pad(static_cast<size_t>(width + 2));
    for (int64_t t = first; t < last; ++t) {
      float* const sum = sums[static_cast<size_t>(t)].data();
      for (int64_t r = t * kRowsOfTask; r < std::min(height, (t + 1) * kRowsOfTask); ++r) {
        for (int c = 0; c < channels; ++c) {
          // Row r of dx gathers: every row q of dz whose window reaches row r, several times at the picture's edges.
          std::fill(pad.begin(), pad.end(), 0.0f);
          for (int64_t q = std::max<int64_t>(r - 1, 0); q <= std::min(r + 1, height - 1); ++q) {
            for (int ky = 0; ky < 3; ++ky) {
              if (std::clamp<int64_t>(q + ky - 1, 0, height - 1) != r) continue;
              for (int o = 0; o < channels; ++o) {
                for (int kx = 0; kx < 3; ++kx) {
                  accumulate(dz.data() + (o * height + q) * width, kernel[((o * channels + c) * 3 + ky) * 3 + kx], width, pad.data() + kx);
                }
              }
            }
          }
          fold_margins(pad.data(), width, 1);
          const float* const same = dz.data() + (c * height + r) * width;
          float* const to = dx + (c * height + r) * width;
          for (int64_t i = 0; i < width; ++i) to[i] = same[i] + pad[static_cast<size_t>(i + 1)];
          for (int ky = 0; ky < 3; ++ky) {
            padded_row(x + (c * height + std::clamp<int64_t>(r + ky - 1, 0, height - 1)) * width, width, 1, pad.data());
            for (int o = 0; o < channels; ++o) {
              for (int kx = 0; kx < 3; ++kx) {
                float value;
                dot(dz.data() + (o * height + r) * width, pad.data() + kx, width, &value);
                sum[((o * channels + c) * 3 + ky) * 3 + kx] += value;
              }
            }
          }
          for (int64_t i = 0; i < width; ++i) sum[kernels + c] += same[i];
        }
      }
    }
  });
  for (int i = 0; i < kernels + channels; ++i) {
    double total = 0;
    for (const auto& s : sums) total += static_cast<double>(s[static_cast<size_t>(i)]);
    (i < kernels ? d_kernel[i] : d_bias[i - kernels]) = static_cast<float>(total);
  }
}

namespace {

// Samples 2 i and 2 i + 1 of a doubled line see i - 2 .. i + 1 and i - 1 .. i + 2, the second one mirrored: tap k of sample j.
int64_t source_of(int64_t j, int k) { return j / 2 + (j % 2 == 0 ? k - 2 : 2 - k); }

// One row, [2 + w + 2] with repeated edges, to `width` samples; and the transpose, whose result may be folded.
TESSERA_INLINE void widen_loop(const float* __restrict in, const float* taps, int64_t width, float* __restrict out) {
  const float a = taps[0], b = taps[1], c = taps[2], d = taps[3];
  for (int64_t i = 0; i < width / 2; ++i) {
    out[2 * i] = a * in[i] + b * in[i + 1] + c * in[i + 2] + d * in[i + 3];
    out[2 * i + 1] = d * in[i + 1] + c * in[i + 2] + b * in[i + 3] + a * in[i + 4];
  }
  if (width % 2 == 1) out[width - 1] = a * in[width / 2] + b * in[width / 2 + 1] + c * in[width / 2 + 2] + d * in[width / 2 + 3];
}
TESSERA_INLINE void narrow_loop(const float* __restrict d_out, const float* __restrict in, const float* taps, int64_t width, float* __restrict even, float* __restrict odd,
                                float* __restrict d_in, float* __restrict d_taps) {
  const int64_t evens = (width + 1) / 2, odds = width / 2;
  for (int64_t i = 0; i < odds; ++i) even[i] = d_out[2 * i], odd[i] = d_out[2 * i + 1];
  if (evens > odds) even[odds] = d_out[width - 1];
  for (int k = 0; k < 4; ++k) {
    const float w = taps[k];
    for (int64_t i = 0; i < evens; ++i) d_in[i + k] += w * even[i];
    for (int64_t i = 0; i < odds; ++i) d_in[i + 4 - k] += w * odd[i];
    float x, y;
    dot_rows_loop(even, in + k, evens, &x);
    dot_rows_loop(odd, in + 4 - k, odds, &y);
    d_taps[k] += x + y;
  }
}
TESSERA_TARGETS(widen, (const float* in, const float* taps, int64_t width, float* out), (in, taps, width, out))
TESSERA_TARGETS(narrow, (const float* d_out, const float* in, const float* taps, int64_t width, float* even, float* odd, float* d_in, float* d_taps),
                (d_out, in, taps, width, even, odd, d_in, d_taps))

// Row j of the map that is doubled along columns only.
void tall_row(const float* x, int64_t h, int64_t w, const float* taps, int64_t j, float* to) {
  auto* const accumulate = accumulate_row_best();
  std::fill_n(to, w, 0.0f);
  for (int k = 0; k < 4; ++k) accumulate(x + std::clamp<int64_t>(source_of(j, k), 0, h - 1) * w, taps[k], w, to);
}

}  // namespace

void upsample_forward(const float* x, int64_t channels, int64_t h, int64_t w, const float* taps, int64_t height, int64_t width, float* y) {
  auto* const run = widen_best();
  parallel(channels * height, kRowsOfTask, [&](int64_t begin, int64_t end) {
    std::vector<float> row(static_cast<size_t>(w)), pad(static_cast<size_t>(w + 4));
    for (int64_t i = begin; i < end; ++i) {
      tall_row(x + i / height * h * w, h, w, taps, i % height, row.data());
      padded_row(row.data(), w, 2, pad.data());
      run(pad.data(), taps, width, y + i * width);
    }
  });
}

void upsample_backward(const float* x, const float* dy, int64_t channels, int64_t h, int64_t w, const float* taps, int64_t height, int64_t width, float* dx,
                       float* d_taps) {
  auto* const run = narrow_best();
  auto* const accumulate = accumulate_row_best();
  auto* const dot = dot_rows_best();
  std::vector<float> sums(static_cast<size_t>(channels * height) * 4, 0.0f), tall(static_cast<size_t>(channels * height * w));
  // First along rows: the gradient of the tall map.
  parallel(channels * height, kRowsOfTask, [&](int64_t begin, int64_t end) {
    std::vector<float> row(static_cast<size_t>(w)), pad(static_cast<size_t>(w + 4)), d_pad(static_cast<size_t>(w + 4)), even(static_cast<size_t>(w)), odd(static_cast<size_t>(w));
    for (int64_t i = begin; i < end; ++i) {
      const float* const from = x + i / height * h * w;
      tall_row(from, h, w, taps, i % height, row.data());
      padded_row(row.data(), w, 2, pad.data());
      std::fill(d_pad.begin(), d_pad.end(), 0.0f);
      float* const sum = sums.data() + 4 * i;
      run(dy + i * width, pad.data(), taps, width, even.data(), odd.data(), d_pad.data(), sum);
      fold_margins(d_pad.data(), w, 2);
      float* const to = tall.data() + i * w;
      std::copy_n(d_pad.data() + 2, w, to);
      for (int k = 0; k < 4; ++k) {
        float value;
        dot(to, from + std::clamp<int64_t>(source_of(i % height, k), 0, h - 1) * w, w, &value);
        sum[k] += value;
      }
    }
  });
  // Then along columns: row r gathers from the rows that saw it.
  parallel(channels * h, kRowsOfTask, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t r = i % h;
      float* const to = dx + i * w;
      std::fill_n(to, w, 0.0f);
      const bool top = r == 0, bottom = r == h - 1;
      for (int64_t j = top ? 0 : std::max<int64_t>(2 * r - 4, 0); j < (bottom ? height : std::min(2 * r + 6, height)); ++j) {
        if (top && j > 5 && !bottom) break;
        for (int k = 0; k < 4; ++k) {
          if (std::clamp<int64_t>(source_of(j, k), 0, h - 1) == r) accumulate(tall.data() + (i / h * height + j) * w, taps[k], w, to);
        }
      }
    }
  });
  for (size_t k = 0; k < 4; ++k) {
    double total = 0;
    for (size_t i = k; i < sums.size(); i += 4) total += static_cast<double>(sums[i]);
    d_taps[k] = static_cast<float>(total);
  }
}

}  // namespace tessera::models::inr
