#include "models/video/motion_search.h"

#include <algorithm>
#include <array>
#include <vector>

#include "models/ops.h"
#include "models/video/coloured_search.h"
#include "models/video/cpu_search.h"

namespace tessera::models {
namespace {

constexpr double kSamples8 = 255.0;

// Sums over side x side blocks of [N,1,H,W] -> [N,H/side,W/side].
at::Tensor block_sums(const at::Tensor& x, int64_t side) {
  const int64_t n = x.size(0), h = x.size(2) / side, w = x.size(3) / side;
  return x.reshape({n, h, side, w, side}).sum({2, 4});
}

// Approximate bits of a residual of coded vectors [...,2], as of an exponential Golomb code: small ones near one bit a component.
at::Tensor rough_bits(const at::Tensor& residual) { return (at::log2(residual.abs() + 1) * 2 + 0.5).sum(-1); }

at::Tensor widen(const at::Tensor& coarse) {  // one vector per 16x16 to one per 8x8
  const int64_t b = coarse.size(0), h = coarse.size(1), w = coarse.size(2);
  return coarse.reshape({b, h, 1, w, 1, 2}).expand({b, h, 2, w, 2, 2}).reshape({b, 2 * h, 2 * w, 2});
}

at::Tensor differences(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& dense, int64_t side, Interpolation kind) {
  return block_sums((warp_luma(reference, dense, kind) - current).abs(), side) * kSamples8;
}

// The vectors of the neighbours at (dy, dx), edges repeated.
at::Tensor neighbour(const at::Tensor& v, int64_t dy, int64_t dx) {
  const at::Tensor shift = at::stack({at::full({1}, static_cast<double>(dx), v.options()), at::full({1}, static_cast<double>(dy), v.options())}, -1);
  return gather_blocks(v, shift.reshape({1, 1, 1, 2}).expand_as(v));
}

constexpr std::array<std::array<int64_t, 2>, 4> kSides = {{{0, -1}, {0, 1}, {-1, 0}, {1, 0}}};
constexpr std::array<std::array<int64_t, 2>, 8> kAround = {{{-1, -1}, {-1, 0}, {-1, 1}, {0, -1}, {0, 1}, {1, -1}, {1, 0}, {1, 1}}};

// Best vectors so far and their cost.
struct Best {
  at::Tensor vectors, cost;
  void offer(const at::Tensor& candidate, const at::Tensor& price) {
    const at::Tensor better = price < cost;
    cost = at::where(better, price, cost);
    vectors = at::where(better.unsqueeze(-1), candidate, vectors);
  }
};

at::Tensor moved(const at::Tensor& v, const std::array<int64_t, 2>& direction, int64_t step) {
  return at::stack({v.select(-1, 0) + static_cast<double>(direction[1] * step), v.select(-1, 1) + static_cast<double>(direction[0] * step)}, -1);
}

// Exhaustive at 1/4: whole multiples of 4 samples.
at::Tensor coarse_stage(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, int64_t reach) {
  const at::Tensor c = at::avg_pool2d(current, 4), r = at::avg_pool2d(reference, 4);
  const int64_t n = c.size(0), h = c.size(2), w = c.size(3), steps = 2 * reach + 1;
  const at::Tensor wide = at::replication_pad2d(r, {reach, reach, reach, reach}).squeeze(1);  // [N,h+2r,w+2r]
  std::vector<at::Tensor> rows;
  for (int64_t dy = 0; dy < steps; ++dy) {
    // All horizontal shifts at once: [N,h,steps,w] is a window sliding along each row.
    const at::Tensor windows = wide.narrow(1, dy, h).unfold(2, w, 1);
    const at::Tensor difference = (windows - c.squeeze(1).unsqueeze(2)).abs();
    rows.push_back(difference.reshape({n, h / 4, 4, steps, w / 4, 4}).sum({2, 5}));  // [N,h/4,steps,w/4]
  }
  const at::Tensor sums = at::stack(rows, 1).permute({0, 1, 3, 2, 4}).reshape({n, steps * steps, h / 4, w / 4}) * (kSamples8 * 16);
  // Blocks alone are ambiguous in flat areas: each looks at its surroundings as well.
  const at::Tensor around = at::avg_pool2d(sums, 3, 1, 1, false, false);
  const at::TensorOptions real = c.options();
  const at::Tensor axis = (at::arange(steps, real) - static_cast<double>(reach)) * 4 * kVectorUnit;
  const at::Tensor y = axis.reshape({-1, 1}).expand({steps, steps}).reshape({-1}), x = axis.repeat({steps});
  const at::Tensor bits = rough_bits(at::stack({x, y}, -1)).reshape({1, -1, 1, 1});
  const at::Tensor best = (sums * 0.5 + around * 0.5 + bits * penalty.unsqueeze(1)).argmin(1).reshape({-1});
  return at::stack({x.index_select(0, best), y.index_select(0, best)}, -1).reshape({n, h / 4, w / 4, 2});
}

at::Tensor refine(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const at::Tensor& start, Interpolation kind) {
  at::Tensor predicted;
  const auto price = [&](const at::Tensor& v) {
    return differences(current, reference, widen(v), 16, kind) + rough_bits(v - predicted) * penalty;
  };
  Best best{start, {}};
  const auto restart = [&] {  // the neighbours' choices have moved the predictors
    predicted = predict_vectors(best.vectors);
    best.cost = price(best.vectors);
  };
  const auto exchange = [&] {
    restart();
    const at::Tensor now = best.vectors, prediction = predicted;
    for (const auto& side : kSides) {
      const at::Tensor v = neighbour(now, side[0], side[1]);
      best.offer(v, price(v));
    }
    best.offer(prediction, price(prediction));
  };
  const auto around = [&](int64_t step) {
    restart();
    const at::Tensor now = best.vectors;
    for (const auto& direction : kAround) {
      const at::Tensor v = moved(now, direction, step).clamp(-static_cast<double>(kVectorMax), static_cast<double>(kVectorMax));
      best.offer(v, price(v));
    }
  };
  restart();
  const at::Tensor still = at::zeros_like(start);
  best.offer(still, price(still));
  exchange();
  around(2 * kVectorUnit);
  around(kVectorUnit);
  exchange();
  around(kVectorUnit / 2);
  around(1);
  exchange();
  return best.vectors;
}

// Deltas of the 8x8 quarters: [B,2h,2w,2].
at::Tensor quarter_stage(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const at::Tensor& coarse, Interpolation kind) {
  const at::Tensor base = widen(coarse);
  const auto price = [&](const at::Tensor& delta) {
    // Deltas are mostly zero, so a zero costs next to nothing and anything else more than a vector would.
    const at::Tensor bits = (at::log2(delta.abs() + 1) * 2 + (delta != 0) * 2.5 + 0.1).sum(-1);
    return differences(current, reference, base + delta, 8, kind) + bits * penalty;
  };
  const at::Tensor none = at::zeros_like(base);
  Best best{none, price(none)};
  const double limit = static_cast<double>(kDeltaMax);
  for (const auto& side : kSides) {
    const at::Tensor delta = (widen(neighbour(coarse, side[0], side[1])) - base).clamp(-limit, limit);
    best.offer(delta, price(delta));
  }
  for (const int64_t step : {kVectorUnit, kVectorUnit / 2, int64_t{1}}) {
    const at::Tensor now = best.vectors;
    for (const auto& side : kSides) {
      const at::Tensor delta = moved(now, side, step).clamp(-limit, limit);
      best.offer(delta, price(delta));
    }
  }
  return best.vectors;
}

}  // namespace

bool gpu_search_is_good() { return cuda_kernels().search_vectors != nullptr; }

VectorField search_vectors(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options) {
  if (current.is_cpu()) return search_vectors_cpu(current, reference, penalty, options);
  if (!gpu_search_is_good()) return search_vectors_by_tensors(current, reference, penalty, options);
  const int64_t reach = std::min<int64_t>(options.reach / 4, coloured::kMargin - 4);
  auto [coarse, delta] = cuda_kernels().search_vectors(current, reference, penalty, reach, coloured_rounds(options), options.quarters, options.diagonals,
                                                           options.interpolation);
  return {coarse, delta};
}

VectorField search_vectors_by_tensors(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options) {
  const at::NoGradGuard no_grad;
  const int64_t b = current.size(0), h = current.size(2) / 16, w = current.size(3) / 16;
  const at::Tensor coarse = refine(current, reference, penalty, coarse_stage(current, reference, penalty, options.reach / 4), options.interpolation);
  if (!options.quarters) return {coarse, at::zeros({b, h, w, 8}, coarse.options())};
  const at::Tensor quarters = quarter_stage(current, reference, penalty, coarse, options.interpolation);
  return {coarse, quarters.reshape({b, h, 2, w, 2, 2}).permute({0, 1, 3, 2, 4, 5}).reshape({b, h, w, 8})};
}

}  // namespace tessera::models
