#include "models/video/phase_warp.h"

namespace tessera::models {
namespace {

// One axis of all positions: for each tap its index within the plane, edges repeated, and its weight. [B,H,W] or broadcast to it.
struct Axis {
  std::array<at::Tensor, 4> index, weight;
};

// A value for each block as one for each of its side x side samples.
at::Tensor spread(const at::Tensor& blocks, int64_t side) {
  const int64_t b = blocks.size(0), h = blocks.size(1), w = blocks.size(2);
  return blocks.reshape({b, h, 1, w, 1}).expand({b, h, side, w, side}).reshape({b, h * side, w * side});
}

// [4, phases] on the device.
at::Tensor table_on(at::Device device) {
  const at::Tensor table = at::empty({4, kWarpPhases}, at::TensorOptions(at::kFloat));
  for (size_t i = 0; i < 4; ++i) {
    for (size_t p = 0; p < kWarpPhases; ++p) table.data_ptr<float>()[i * kWarpPhases + p] = warp_taps()[p][i];
  }
  return table.to(device);
}

Axis axis_of(const at::Tensor& vectors, const at::Tensor& position, const at::Tensor& table, int64_t side, int64_t size, double eighths) {
  const at::Tensor moved = vectors * eighths;
  const at::Tensor whole = at::floor(moved * (1.0 / kWarpPhases));
  const at::Tensor phase = (moved - whole * kWarpPhases).to(at::kLong);
  const at::Tensor first = spread(whole.to(at::kLong), side) + position;
  Axis axis;
  for (int64_t i = 0; i < 4; ++i) {
    axis.index[static_cast<size_t>(i)] = (first + (i - 1)).clamp(0, size - 1);
    axis.weight[static_cast<size_t>(i)] = spread(table.select(0, i).index_select(0, phase.reshape({-1})).reshape(phase.sizes()), side).unsqueeze(1);
  }
  return axis;
}

}  // namespace

const std::array<WarpTaps, kWarpPhases>& warp_taps() {
  static const std::array<WarpTaps, kWarpPhases> table = [] {
    constexpr double a = -0.75;
    const auto near = [](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
    const auto far = [](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
    std::array<WarpTaps, kWarpPhases> out;
    for (int i = 0; i < kWarpPhases; ++i) {
      const double t = static_cast<double>(i) / kWarpPhases;
      out[static_cast<size_t>(i)] = {static_cast<float>(far(1 + t)), static_cast<float>(near(t)), static_cast<float>(near(1 - t)), static_cast<float>(far(2 - t))};
    }
    return out;
  }();
  return table;
}

at::Tensor warp_planes_by_phases(const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps) {
  const int64_t b = planes.size(0), c = planes.size(1), height = planes.size(2), width = planes.size(3);
  const at::TensorOptions whole = dense.options().dtype(at::kLong);
  const at::Tensor table = table_on(dense.device());
  const double eighths = static_cast<double>(kWarpPhases / steps);
  const Axis x = axis_of(dense.select(3, 0), at::arange(width, whole).reshape({1, 1, width}), table, side, width, eighths);
  const Axis y = axis_of(dense.select(3, 1), at::arange(height, whole).reshape({1, height, 1}), table, side, height, eighths);
  const at::Tensor flat = planes.reshape({b, c, height * width});
  at::Tensor out;
  for (size_t j = 0; j < 4; ++j) {  // in the order of cpu_planes.cpp: along the rows first
    at::Tensor row;
    for (size_t i = 0; i < 4; ++i) {
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
