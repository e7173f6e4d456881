// Front ends of the synthesis: features of a pixel beside the upsampled grids, on a lattice of cells that covers the picture. No libtorch here; the
// trainer's side is front_layers.h. The pixel path: floats.
//
// rbf (NeuRBF, Chen et al., ICCV 2023, arXiv 2309.15426): in every cell a radial basis function whose place and anisotropic shape are trained,
//   feature f = sum over functions of value_f (1 - r^2)^2 where r < 1, r^2 = ((1 + a) x + b y)^2 + ((1 + c) y)^2,
// x and y in cells from its centre, which is the cell's centre moved by the parameters, at most half a cell. |b| <= a and 0 <= c keep it inside the nine cells around, so that a pixel
// sees nine of them and not the nearest of all (the paper's kernels reach further).
//
// metric (MetricGrids, CVPR 2025): feature f is a term of higher order, of L = a_f . u, u the upsampled grids:
//   feature f = (1 + M_f) L^k, k = 2, 3, 2, 3, ...
// M_f an elementary grid with a value for every cell, interpolated in the metric t -> t^k / (t^k + (1 - t)^k) between centres instead of linearly; values repeat at the edges.
#pragma once

#include <cstdint>
#include <vector>

#include "models/inr/network.h"

namespace tessera::models::inr {

// Where a cell's centre or the next one's value counts. `size` samples, `cells` along a side.
struct Between {
  int64_t cell;  // of the centre before; it and the one behind are clamped to 0..cells - 1
  float share;   // of the centre behind, after the metric of order `order`
};
Between between(int64_t sample, int64_t size, int64_t cells, int order);
inline int metric_order(int feature) { return feature % 2 == 0 ? 2 : 3; }

class FrontEnd {
 public:
  // For pictures of height x width. The network outlives it.
  FrontEnd(const Network& network, int64_t height, int64_t width);

  // A row of pixels: u: the grids' rows; out: config.features rows of width.
  void row(int64_t y, const float* const* u, float* const* out) const;

 private:
  void rbf_row(int64_t y, float* const* out) const;
  void metric_row(int64_t y, const float* const* u, float* const* out) const;

  const Config& config_;
  int64_t height_, width_;
  std::vector<float> places_, shapes_, values_;
  std::vector<std::vector<Between>> columns_;  // of each order's metric: 2, 3
};

}  // namespace tessera::models::inr
