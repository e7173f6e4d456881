#include "models/video/phase_warp.h"

#include <vector>

namespace tessera::models {
namespace {

// One axis of all positions: for each tap its index within the plane, edges repeated, and its weight. [B,H,W] or broadcast to it.
struct Axis {
  std::vector<at::Tensor> index, weight;
};

// A value for each block as one for each of its side x side samples.
at::Tensor spread(const at::Tensor& blocks, int64_t side) {
  const int64_t b = blocks.size(0), h = blocks.size(1), w = blocks.size(2);
  return blocks.reshape({b, h, 1, w, 1}).expand({b, h, side, w, side}).reshape({b, h * side, w * side});
}

// [taps, phases] on the device.
at::Tensor table_on(at::Device device, Interpolation kind) {
  const int taps = tap_count(kind);
  const at::Tensor table = at::empty({taps, kWarpPhases}, at::TensorOptions(at::kFloat));
  for (int i = 0; i < taps; ++i) {
    for (int p = 0; p < kWarpPhases; ++p) table.data_ptr<float>()[i * kWarpPhases + p] = taps_of(kind, static_cast<size_t>(p))[i];
  }
  return table.to(device);
}

Axis axis_of(const at::Tensor& vectors, const at::Tensor& position, const at::Tensor& table, int64_t side, int64_t size, double eighths) {
  const at::Tensor moved = vectors * eighths;
  const at::Tensor whole = at::floor(moved * (1.0 / kWarpPhases));
  const at::Tensor phase = (moved - whole * kWarpPhases).to(at::kLong);
  const at::Tensor first = spread(whole.to(at::kLong), side) + position;
  const int64_t taps = table.size(0), before = taps / 2 - 1;
  Axis axis;
  for (int64_t i = 0; i < taps; ++i) {
    axis.index.push_back((first + (i - before)).clamp(0, size - 1));
    axis.weight.push_back(spread(table.select(0, i).index_select(0, phase.reshape({-1})).reshape(phase.sizes()), side).unsqueeze(1));
  }
  return axis;
}

}  // namespace

at::Tensor warp_planes_by_phases(const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind) {
  const int64_t b = planes.size(0), c = planes.size(1), height = planes.size(2), width = planes.size(3);
  const at::TensorOptions whole = dense.options().dtype(at::kLong);
  const at::Tensor table = table_on(dense.device(), kind);
  const double eighths = static_cast<double>(kWarpPhases / steps);
  const Axis x = axis_of(dense.select(3, 0), at::arange(width, whole).reshape({1, 1, width}), table, side, width, eighths);
  const Axis y = axis_of(dense.select(3, 1), at::arange(height, whole).reshape({1, height, 1}), table, side, height, eighths);
  const at::Tensor flat = planes.reshape({b, c, height * width});
  at::Tensor out;
  for (size_t j = 0; j < y.index.size(); ++j) {  // in the order of cpu_planes.cpp: along the rows first
    at::Tensor row;
    for (size_t i = 0; i < x.index.size(); ++i) {
      const at::Tensor index = (y.index[j] * width + x.index[i]).reshape({b, 1, height * width}).expand({b, c, height * width});
      const at::Tensor part = flat.gather(2, index).reshape(planes.sizes()) * x.weight[i];
      row = i == 0 ? part : row + part;
    }
    const at::Tensor part = row * y.weight[j];
    out = j == 0 ? part : out + part;
  }
  return out;
}

}  // namespace tessera::models
