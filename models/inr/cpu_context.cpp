#include "models/inr/cpu_context.h"

#include <algorithm>
#include <cmath>

#include "models/inr/context_network.h"
#include "models/inr/laplace_table.h"
#include "models/inr/wide.h"
#include "models/parallel.h"

namespace tessera::models::inr {
namespace {

constexpr int kMaxContext = kMaxSpatial + kMaxCoarse;
constexpr int64_t kMargin = 3, kTaskRows = 16;

// A grid as the context sees it, and the gradient that flows back: zeros all around, room for a block beyond the last column.
struct Padded {
  explicit Padded(GridShape s) : shape(s), stride(s.width + 2 * kMargin + kBlock), values(static_cast<size_t>(stride * (s.height + kMargin + 1)), 0.0f) {}
  int64_t at(int64_t y, int64_t x) const { return (y + kMargin) * stride + x + kMargin; }
  GridShape shape;
  int64_t stride;
  std::vector<float> values;
};

struct Shape {
  int spatial, coarse, context, width;
};

struct Block {
  Wide x[kMaxContext][2], dx[kMaxContext][2];
  Wide first[kMaxWidth][2], second[kMaxWidth][2], d_first[kMaxWidth][2], d_second[kMaxWidth][2];
  Wide q[2], mask[2];  // mask: 1 inside of the grid, 0 beyond its last column
  Wide bits[2], d_q[2];
};

// Sums of one task: kLanes partial sums for each parameter.
struct Sums {
  explicit Sums(const Shape& s)
      : first(static_cast<size_t>(s.context * s.width) * kLanes, 0.0f),
        second(static_cast<size_t>(s.width * s.width) * kLanes, 0.0f),
        last(static_cast<size_t>(2 * (s.width + s.context)) * kLanes, 0.0f),
        bias(static_cast<size_t>(2 * s.width + 2) * kLanes, 0.0f) {}
  std::vector<float> first, second, last, bias;
  double bits = 0;
};

// y[o] = max(b[o] + sum_i w[i][o] x[i], 0), four outputs at a time in registers.
TESSERA_INLINE void layer(const float* w, const float* b, int inputs, int outputs, const Wide (*x)[2], Wide (*y)[2]) {
  for (int o = 0; o < outputs; o += 4) {
    Wide a0 = wide(b[o]), a1 = a0, b0 = wide(b[o + 1]), b1 = b0, c0 = wide(b[o + 2]), c1 = c0, d0 = wide(b[o + 3]), d1 = d0;
    for (int i = 0; i < inputs; ++i) {
      const float* const v = w + i * outputs + o;
      const Wide x0 = x[i][0], x1 = x[i][1];
      a0 += x0 * v[0], a1 += x1 * v[0], b0 += x0 * v[1], b1 += x1 * v[1];
      c0 += x0 * v[2], c1 += x1 * v[2], d0 += x0 * v[3], d1 += x1 * v[3];
    }
    y[o][0] = wide_max(a0, Wide{}), y[o][1] = wide_max(a1, Wide{}), y[o + 1][0] = wide_max(b0, Wide{}), y[o + 1][1] = wide_max(b1, Wide{});
    y[o + 2][0] = wide_max(c0, Wide{}), y[o + 2][1] = wide_max(c1, Wide{}), y[o + 3][0] = wide_max(d0, Wide{}), y[o + 3][1] = wide_max(d1, Wide{});
  }
}

// dx[i] += sum_o w[i][o] dy[o]; dw[i][o] += x[i] dy[o].
TESSERA_INLINE void layer_back(const float* w, int inputs, int outputs, const Wide (*x)[2], const Wide (*dy)[2], Wide (*dx)[2], float* dw) {
  for (int i = 0; i < inputs; ++i) {
    const Wide x0 = x[i][0], x1 = x[i][1];
    Wide s0 = dx[i][0], s1 = dx[i][1];
    const float* const v = w + i * outputs;
    float* const d = dw + i * outputs * kLanes;
    for (int o = 0; o < outputs; ++o) {
      s0 += dy[o][0] * v[o];
      s1 += dy[o][1] * v[o];
      add_wide(d + o * kLanes, x0 * dy[o][0] + x1 * dy[o][1]);
    }
    dx[i][0] = s0;
    dx[i][1] = s1;
  }
}

// Bits of 16 latents and their derivatives by the latent and by the scale's row (fit.cpp: laplace_bits).
TESSERA_INLINE void laplace(const Wide& q, const Wide& mean, const Wide& row, Wide& bits, Wide& d_q, Wide& d_row) {
  constexpr float kLogRatio = -0.11145541f, kPerLog2 = 1.4426950408889634f;
  const Wide inside = wide_min(wide_max(row, Wide{}), wide(kScales - 1));
  const Wide bounded = wide_min(wide_max(row, wide(-50)), wide(100));
  const Wide r = inside + (bounded - inside) * 0.02f;
  const Wide slope = select(row == inside, wide(1), select(row == bounded, wide(0.02f), Wide{}));
  const Wide d_share = wide_exp(r * kLogRatio) * static_cast<float>(kFirst);
  const Wide u = 1.0f - d_share;
  const Wide inverse = wide_log(u) * -16.0f;
  Wide u16 = u * u;
  u16 *= u16;
  u16 *= u16;
  u16 *= u16;
  const Wide signed_d = q - mean, d = wide_max(signed_d, -signed_d);
  const Wide near = wide_min(d, wide(0.5f));
  const Wide e1 = wide_exp((near - 0.5f) * inverse), e2 = wide_exp((near + 0.5f) * -inverse);
  const Wide p = wide_max(1.0f - (e1 + e2) * 0.5f, wide(1e-9f));
  const WideInt is_near = d < 0.5f;
  const Wide log_p = wide_log(select(is_near, p, (1.0f - u16) * 0.5f)) + select(is_near, Wide{}, (0.5f - d) * inverse);
  const Wide by_d = select(is_near, (e1 - e2) * inverse * -0.5f / p, -inverse);
  const Wide by_inverse = select(is_near, ((near - 0.5f) * e1 - (near + 0.5f) * e2) * -0.5f / p, (0.5f - d) + u16 / (1.0f - u16));
  bits = log_p * -kPerLog2;
  d_q = select(signed_d >= Wide{}, by_d, -by_d) * -kPerLog2;
  d_row = by_inverse * (16.0f * kLogRatio) * d_share / u * slope * -kPerLog2;
}

TESSERA_INLINE void block_loop(const Shape& s, const ContextWeights& w, float grid_bias, Block& b, Sums& sums) {
  const int h = s.width;
  layer(w.first, w.bias, s.context, h, b.x, b.first);
  layer(w.second, w.bias + h, h, h, b.first, b.second);
  Wide out[2][2];
  for (int j = 0; j < 2; ++j) {
    const float bias = w.bias[2 * h + j] + (j == 1 ? grid_bias : 0);
    Wide s0 = wide(bias), s1 = s0;
    for (int i = 0; i < h; ++i) s0 += b.second[i][0] * w.last[2 * i + j], s1 += b.second[i][1] * w.last[2 * i + j];
    for (int i = 0; i < s.context; ++i) s0 += b.x[i][0] * w.last[2 * (h + i) + j], s1 += b.x[i][1] * w.last[2 * (h + i) + j];
    out[j][0] = s0;
    out[j][1] = s1;
  }
  Wide d_out[2][2];
  for (int v = 0; v < 2; ++v) {
    Wide d_row;
    laplace(b.q[v], out[0][v], out[1][v] * 4.0f, b.bits[v], b.d_q[v], d_row);
    const WideInt used = b.mask[v] > 0.5f;  // a mask of bits, so that nothing beyond the edge can spoil a sum
    b.bits[v] = select(used, b.bits[v], Wide{});
    b.d_q[v] = select(used, b.d_q[v], Wide{});
    d_out[0][v] = -b.d_q[v];
    d_out[1][v] = select(used, d_row * 4.0f, Wide{});
  }
  for (int j = 0; j < 2; ++j) add_wide(sums.bias.data() + (2 * h + j) * kLanes, d_out[j][0] + d_out[j][1]);
  for (int i = 0; i < h; ++i) {
    const float m = w.last[2 * i], r = w.last[2 * i + 1];
    for (int v = 0; v < 2; ++v) b.d_second[i][v] = select(b.second[i][v] > Wide{}, d_out[0][v] * m + d_out[1][v] * r, Wide{});
    for (int j = 0; j < 2; ++j) add_wide(sums.last.data() + (2 * i + j) * kLanes, b.second[i][0] * d_out[j][0] + b.second[i][1] * d_out[j][1]);
    add_wide(sums.bias.data() + (h + i) * kLanes, b.d_second[i][0] + b.d_second[i][1]);
    b.d_first[i][0] = b.d_first[i][1] = Wide{};
  }
  for (int i = 0; i < s.context; ++i) {
    const float m = w.last[2 * (h + i)], r = w.last[2 * (h + i) + 1];
    for (int v = 0; v < 2; ++v) b.dx[i][v] = d_out[0][v] * m + d_out[1][v] * r;
    for (int j = 0; j < 2; ++j) add_wide(sums.last.data() + (2 * (h + i) + j) * kLanes, b.x[i][0] * d_out[j][0] + b.x[i][1] * d_out[j][1]);
  }
  layer_back(w.second, h, h, b.first, b.d_second, b.d_first, sums.second.data());
  for (int i = 0; i < h; ++i) {
    for (int v = 0; v < 2; ++v) b.d_first[i][v] = select(b.first[i][v] > Wide{}, b.d_first[i][v], Wide{});
    add_wide(sums.bias.data() + (i) * kLanes, b.d_first[i][0] + b.d_first[i][1]);
  }
  layer_back(w.first, s.context, h, b.x, b.d_first, b.dx, sums.first.data());
}

TESSERA_TARGETS(block, (const Shape& s, const ContextWeights& w, float grid_bias, Block& b, Sums& sums), (s, w, grid_bias, b, sums))

// What one task leaves: its sums, and gradients of the rows that it saw.
struct Piece {
  explicit Piece(const Shape& s) : sums(s) {}
  Sums sums;
  int64_t row = 0, parent_row = 0;       // of the padded planes, where the gradients begin
  std::vector<float> own, parent;
};

class Pass {
 public:
  Pass(const Config& config, const std::vector<GridShape>& shapes, const float* latents, const ContextWeights& weights)
      : config_(config), weights_(weights), shape_{config.spatial, config.coarse, config.context(), config.width} {
    for (const GridShape& s : shapes) {
      Padded& p = planes_.emplace_back(s);
      for (int64_t y = 0; y < s.height; ++y) {
        for (int64_t x = 0; x < s.width; ++x) {
          p.values[static_cast<size_t>(p.at(y, x))] = std::clamp(latents[y * s.width + x], -float{kContextMax}, float{kContextMax});
        }
      }
      gradients_.emplace_back(p.values.size(), 0.0f);
      latents += s.count();
    }
  }

  double grid(size_t index, const float* latents, float* d_latents, std::vector<Piece>& all) {
    const int64_t tasks = (planes_[index].shape.height + kTaskRows - 1) / kTaskRows;
    std::vector<Piece> pieces(static_cast<size_t>(tasks), Piece(shape_));
    parallel(tasks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) rows(index, t * kTaskRows, latents, d_latents, pieces[static_cast<size_t>(t)]);
    });
    double bits = 0;
    const size_t parent = index - static_cast<size_t>(config_.grids[index].parent);
    for (Piece& p : pieces) {  // in order: the sums are the same for any number of threads
      bits += p.sums.bits;
      add(p.own, p.row * planes_[index].stride, gradients_[index]);
      if (parent != index) add(p.parent, p.parent_row * planes_[parent].stride, gradients_[parent]);
      all.push_back(std::move(p));
    }
    return bits;
  }

  // The gradient that reached grid `index` as a context of others.
  void flow_back(size_t index, const float* latents, float* d_latents) const {
    const Padded& p = planes_[index];
    for (int64_t y = 0; y < p.shape.height; ++y) {
      for (int64_t x = 0; x < p.shape.width; ++x) {
        const int64_t i = y * p.shape.width + x;
        if (std::abs(latents[i]) <= kContextMax) d_latents[i] += gradients_[index][static_cast<size_t>(p.at(y, x))];
      }
    }
  }

 private:
  static void add(const std::vector<float>& from, int64_t at, std::vector<float>& to) {
    for (size_t i = 0; i < from.size(); ++i) to[static_cast<size_t>(at) + i] += from[i];
  }

  void rows(size_t index, int64_t first, const float* latents, float* d_latents, Piece& piece) {
    auto* const run = block_best();
    const Padded& plane = planes_[index];
    const Grid& g = config_.grids[index];
    const int64_t last = std::min(first + kTaskRows, plane.shape.height), width = plane.shape.width;
    const bool has_parent = g.parent > 0;
    const Padded& parent = planes_[index - static_cast<size_t>(g.parent)];
    const int down = has_parent ? config_.grids[index - static_cast<size_t>(g.parent)].level - g.level : 0;
    piece.row = first;
    piece.own.assign(static_cast<size_t>((last - first + kMargin) * plane.stride), 0.0f);
    piece.parent_row = (first >> down) + kMargin - 1;
    if (has_parent) piece.parent.assign(static_cast<size_t>((((last - 1) >> down) - (first >> down) + 3) * parent.stride), 0.0f);
    Block b{};
    alignas(64) float lanes[kBlock];
    for (int64_t y = first; y < last; ++y) {
      for (int64_t x = 0; x < width; x += kBlock) {
        const int count = static_cast<int>(std::min<int64_t>(kBlock, width - x));
        const float* const here = plane.values.data() + plane.at(y, x);
        for (int i = 0; i < config_.spatial; ++i) {
          const float* const from = here + spatial_offset(i).dy * plane.stride + spatial_offset(i).dx;
          for (int v = 0; v < 2; ++v) b.x[i][v] = load_wide(from + v * kLanes);
        }
        for (int i = 0; i < config_.coarse && has_parent; ++i) {
          for (int p = 0; p < kBlock; ++p) lanes[p] = parent.values[static_cast<size_t>(coarse_place(parent, down, y, x + std::min(p, count - 1), i))];
          for (int v = 0; v < 2; ++v) b.x[config_.spatial + i][v] = load_wide(lanes + v * kLanes);
        }
        for (int p = 0; p < kBlock; ++p) lanes[p] = p < count ? 1.0f : 0.0f;
        for (int v = 0; v < 2; ++v) b.mask[v] = load_wide(lanes + v * kLanes);
        std::fill(std::copy_n(latents + y * width + x, count, lanes), lanes + kBlock, 0.0f);
        for (int v = 0; v < 2; ++v) b.q[v] = load_wide(lanes + v * kLanes);
        run(shape_, weights_, weights_.bias[2 * shape_.width + 2 + static_cast<int>(index)], b, piece.sums);
        piece.sums.bits += static_cast<double>(sum_of(b.bits[0]) + sum_of(b.bits[1]));
        for (int v = 0; v < 2; ++v) store_wide(lanes + v * kLanes, b.d_q[v]);
        std::copy_n(lanes, count, d_latents + y * width + x);
        for (int i = 0; i < config_.spatial; ++i) {
          float* const to = piece.own.data() + plane.at(y, x) - piece.row * plane.stride + spatial_offset(i).dy * plane.stride + spatial_offset(i).dx;
          for (int v = 0; v < 2; ++v) store_wide(to + v * kLanes, load_wide(to + v * kLanes) + b.dx[i][v]);
        }
        for (int i = 0; i < config_.coarse && has_parent; ++i) {
          for (int v = 0; v < 2; ++v) store_wide(lanes + v * kLanes, b.dx[config_.spatial + i][v]);
          for (int p = 0; p < count; ++p) piece.parent[static_cast<size_t>(coarse_place(parent, down, y, x + p, i) - piece.parent_row * parent.stride)] += lanes[p];
        }
      }
    }
  }

  static int64_t coarse_place(const Padded& parent, int down, int64_t y, int64_t x, int i) {
    const Offset o = coarse_offset(i);
    const int64_t dy = down == 0 || (y & 1) == 1 ? o.dy : -o.dy, dx = down == 0 || (x & 1) == 1 ? o.dx : -o.dx;
    return parent.at((y >> down) + dy, (x >> down) + dx);
  }

  const Config& config_;
  const ContextWeights& weights_;
  Shape shape_;
  std::vector<Padded> planes_;
  std::vector<std::vector<float>> gradients_;  // of planes_
};

}  // namespace

double context_bits(const Config& config, const std::vector<GridShape>& shapes, const float* latents, const ContextWeights& weights,
                    const ContextGradients& d) {
  Pass pass(config, shapes, latents, weights);
  const auto h = static_cast<size_t>(config.width), c = static_cast<size_t>(config.context());
  double bits = 0;
  std::vector<Piece> pieces;
  std::vector<size_t> ends;  // of each grid's pieces
  int64_t at = 0;
  for (size_t g = 0; g < shapes.size(); ++g) {
    bits += pass.grid(g, latents + at, d.latents + at, pieces);
    ends.push_back(pieces.size());
    at += shapes[g].count();
  }
  at = 0;
  for (size_t g = 0; g < shapes.size(); ++g) {
    pass.flow_back(g, latents + at, d.latents + at);
    at += shapes[g].count();
  }
  const auto total = [&](size_t begin, size_t end, std::vector<float> Sums::*part, size_t i) {
    double sum = 0;
    for (size_t p = begin; p < end; ++p) sum += static_cast<double>(sum_of(load_wide((pieces[p].sums.*part).data() + i * kLanes)));
    return static_cast<float>(sum);
  };
  for (size_t i = 0; i < c * h; ++i) d.first[i] = total(0, pieces.size(), &Sums::first, i);
  for (size_t i = 0; i < h * h; ++i) d.second[i] = total(0, pieces.size(), &Sums::second, i);
  for (size_t i = 0; i < 2 * (h + c); ++i) d.last[i] = total(0, pieces.size(), &Sums::last, i);
  for (size_t i = 0; i < 2 * h + 2; ++i) d.bias[i] = total(0, pieces.size(), &Sums::bias, i);
  for (size_t g = 0; g < shapes.size(); ++g) d.bias[2 * h + 2 + g] = total(g == 0 ? 0 : ends[g - 1], ends[g], &Sums::bias, 2 * h + 1);
  return bits;
}

}  // namespace tessera::models::inr
