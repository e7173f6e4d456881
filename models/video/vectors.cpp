#include "models/video/vectors.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "models/cpu_block.h"
#include "models/video/cpu_planes.h"
#include "models/video/kernel_warp.h"
#include "models/video/phase_warp.h"

namespace tessera::models {
namespace {

// The plane moved by one vector for each side x side samples. Positions in grid units are made by one addition: this is the
// innermost loop of the motion search.
at::Tensor sample_plane(const at::Tensor& plane, const at::Tensor& dense, int64_t side, double samples_per_step) {
  const int64_t b = dense.size(0), h = dense.size(1), w = dense.size(2);
  const double x_unit = 2.0 / static_cast<double>(w * side - 1), y_unit = 2.0 / static_cast<double>(h * side - 1);
  const auto options = dense.options();
  const at::Tensor x = (at::arange(w * side, options) * x_unit - 1).reshape({1, 1, 1, w, side}).expand({1, h, side, w, side});
  const at::Tensor y = (at::arange(h * side, options) * y_unit - 1).reshape({1, h, side, 1, 1}).expand({1, h, side, w, side});
  const at::Tensor steps = at::stack({dense.select(3, 0) * (x_unit * samples_per_step), dense.select(3, 1) * (y_unit * samples_per_step)}, -1);
  const at::Tensor grid = (at::stack({x, y}, -1) + steps.reshape({b, h, 1, w, 1, 2})).reshape({b, h * side, w * side, 2});
  constexpr int64_t bicubic = 2, border = 1;
  return at::grid_sampler_2d(plane, grid, bicubic, border, true);
}

// By exact phases.
at::Tensor moved_plane(const at::Tensor& plane, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind) {
  const auto by = use_cpu_inference(plane) ? warp_planes_cpu : has_warp_kernel(plane) ? warp_planes_by_kernel : warp_planes_by_phases;
  return by(plane, dense, side, steps, kind);
}

float median(float a, float b, float c) { return std::max(std::min(a, b), std::min(std::max(a, b), c)); }

}  // namespace

VectorField zero_vectors(int64_t batch, int64_t h, int64_t w, const at::TensorOptions& options) {
  return {at::zeros({batch, h, w, 2}, options), at::zeros({batch, h, w, 8}, options)};
}

at::Tensor dense_vectors(const VectorField& field) {
  const int64_t b = field.coarse.size(0), h = field.coarse.size(1), w = field.coarse.size(2);
  const at::Tensor v = field.coarse.reshape({b, h, w, 1, 2}) + field.delta.reshape({b, h, w, 4, 2});
  return v.reshape({b, h, w, 2, 2, 2}).permute({0, 1, 3, 2, 4, 5}).reshape({b, 2 * h, 2 * w, 2});
}

at::Tensor predict_vectors(const at::Tensor& coarse) {
  const int64_t h = coarse.size(1), w = coarse.size(2);
  const at::Tensor none = at::zeros_like(coarse);
  const auto shifted = [&](int64_t dy, int64_t dx) {  // the neighbour at (y - dy, x - dx), zero outside
    at::Tensor out = none.clone();
    const int64_t x_to = std::max<int64_t>(dx, 0), x_from = std::max<int64_t>(-dx, 0), n = w - std::abs(dx);
    if (h > dy && n > 0) out.narrow(1, dy, h - dy).narrow(2, x_to, n).copy_(coarse.narrow(1, 0, h - dy).narrow(2, x_from, n));
    return out;
  };
  at::Tensor left = shifted(0, 1), right = shifted(1, -1);
  const at::Tensor top = shifted(1, 0), corner = shifted(1, 1);
  left.select(2, 0).copy_(top.select(2, 0));
  right.select(2, w - 1).copy_(w > 1 ? corner.select(2, w - 1) : top.select(2, w - 1));
  const at::Tensor low = at::minimum(left, top), high = at::maximum(left, top);
  at::Tensor out = at::maximum(low, at::minimum(high, right));
  out.select(1, 0).copy_(left.select(1, 0));
  return out;
}

at::Tensor rebuild_vectors(const at::Tensor& residual) {
  const at::Tensor out = residual.to(at::kCPU).to(at::kFloat).contiguous().clone();
  const int64_t h = out.size(1), w = out.size(2);
  for (int64_t b = 0; b < out.size(0); ++b) {
    float* v = out.data_ptr<float>() + b * h * w * 2;
    for (int64_t y = 0; y < h; ++y) {
      for (int64_t x = 0; x < w; ++x) {
        for (int64_t k = 0; k < 2; ++k) {
          float* at = v + (y * w + x) * 2 + k;
          const float top = y > 0 ? at[-2 * w] : 0.f;
          const float left = x > 0 ? at[-2] : top;
          float predicted = left;
          if (y > 0) predicted = median(left, top, x + 1 < w ? at[-2 * w + 2] : (x > 0 ? at[-2 * w - 2] : top));
          *at = std::clamp(*at + predicted, -static_cast<float>(kVectorMax), static_cast<float>(kVectorMax));
        }
      }
    }
  }
  return out.to(residual.device());
}

at::Tensor warp_luma(const at::Tensor& y, const at::Tensor& dense, Interpolation kind) {
  return kind == Interpolation::bicubic ? sample_plane(y, dense, 8, 1.0 / kVectorUnit) : moved_plane(y, dense, 8, kVectorUnit, kind);
}

Planes warp(const Planes& reference, const at::Tensor& dense, Interpolation kind, bool rough) {
  const at::Tensor& y = reference.y;
  const bool exact = use_cpu_inference(y) || has_warp_kernel(y) || (c10::InferenceMode::is_enabled() && !rough);
  if (kind == Interpolation::bicubic && !exact) return {warp_luma(y, dense), sample_plane(reference.uv, dense, 4, 0.5 / kVectorUnit)};
  return {moved_plane(y, dense, 8, kVectorUnit, kind), moved_plane(reference.uv, dense, 4, 2 * kVectorUnit, kind)};
}

at::Tensor gather_blocks(const at::Tensor& x, const at::Tensor& shift) {
  const int64_t b = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3);
  const auto options = shift.options();
  const at::Tensor column = (at::arange(w, options).reshape({1, 1, w}) + shift.select(3, 0)).clamp(0, static_cast<double>(w - 1));
  const at::Tensor row = (at::arange(h, options).reshape({1, h, 1}) + shift.select(3, 1)).clamp(0, static_cast<double>(h - 1));
  const at::Tensor base = at::arange(b, options.dtype(at::kLong)).reshape({b, 1, 1}) * (h * w);
  const at::Tensor index = base + row.to(at::kLong) * w + column.to(at::kLong);
  return x.reshape({b * h * w, c}).index_select(0, index.reshape({-1})).reshape({b, h, w, c});
}

at::Tensor whole_shift(const at::Tensor& vectors, int64_t unit) {
  return at::floor((vectors + static_cast<double>(unit / 2)) / static_cast<double>(unit));
}

}  // namespace tessera::models
