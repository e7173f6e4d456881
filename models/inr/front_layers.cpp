#include "models/inr/front_layers.h"

#include <ATen/CPUGeneratorImpl.h>

#include "models/inr/front.h"

namespace tessera::models::inr {
namespace {

// [size, cells]: how much each cell's value counts for each sample.
at::Tensor interpolation(int64_t size, int64_t cells, int order) {
  at::Tensor out = at::zeros({size, cells});
  float* const to = out.data_ptr<float>();
  for (int64_t i = 0; i < size; ++i) {
    const Between b = between(i, size, cells, order);
    to[i * cells + std::clamp<int64_t>(b.cell, 0, cells - 1)] += 1 - b.share;
    to[i * cells + std::clamp<int64_t>(b.cell + 1, 0, cells - 1)] += b.share;
  }
  return out;
}

at::Tensor places_of(int64_t size, int64_t cells) { return (at::arange(size, at::kFloat) + 0.5) * static_cast<double>(cells) / static_cast<double>(size); }

}  // namespace

FrontLayers::FrontLayers(const Config& config, int64_t height, int64_t width, const at::Device& device) : config_(config), height_(height), width_(width) {
  const int64_t rows = config.rows, columns = config.columns;
  if (config.front == Front::metric) {
    for (const int order : {2, 3}) {
      rows_.push_back(interpolation(height, rows, order).to(device));
      columns_.push_back(interpolation(width, columns, order).t().contiguous().to(device));
    }
  }
  if (config.front != Front::rbf) return;
  const at::Tensor y = places_of(height, rows).view({-1, 1}).expand({height, width}).reshape({-1}), x = places_of(width, columns).view({1, -1}).expand({height, width}).reshape({-1});
  const at::Tensor own_y = y.floor(), own_x = x.floor();
  std::vector<at::Tensor> cells, xs, ys;
  for (int dy = -1; dy <= 1; ++dy) {
    for (int dx = -1; dx <= 1; ++dx) {
      const at::Tensor i = own_y + dy, j = own_x + dx;
      const at::Tensor inside = (i >= 0).logical_and(i < rows).logical_and(j >= 0).logical_and(j < columns);
      cells.push_back(at::where(inside, i * columns + j, at::full({}, static_cast<float>(rows * columns))).to(at::kLong));
      xs.push_back(x - j - 0.5);
      ys.push_back(y - i - 0.5);
    }
  }
  cells_ = at::cat(cells).to(device);
  x_ = at::stack(xs).to(device);
  y_ = at::stack(ys).to(device);
}

at::Tensor FrontLayers::forward(const at::Tensor& u, const at::Tensor& places, const at::Tensor& shapes, const at::Tensor& values) const {
  return config_.front == Front::rbf ? rbf(places, shapes, values) : metric(u, places, values);
}

at::Tensor FrontLayers::rbf(const at::Tensor& places, const at::Tensor& shapes, const at::Tensor& values) const {
  const int64_t count = int64_t{config_.rows} * config_.columns, pixels = height_ * width_;
  const at::Tensor moved = places.view({count, 2}).clamp(-0.5, 0.5), shape = shapes.view({count, 3});
  const at::Tensor a = shape.select(1, 0).clamp_min(0), b = at::minimum(at::maximum(shape.select(1, 1), -a), a), c = shape.select(1, 2).clamp_min(0);
  const at::Tensor all = at::cat({moved, at::stack({a, b, c}, 1), values.view({config_.features, count}).t()}, 1);
  // Outside of the lattice there are functions of no value.
  const at::Tensor seen = at::index_select(at::constant_pad_nd(all, {0, 0, 0, 1}), 0, cells_).t().view({5 + config_.features, 9, pixels});
  const at::Tensor x = x_ - seen[0], y = y_ - seen[1];
  const at::Tensor w = (seen[2] + 1) * x + seen[3] * y, v = (seen[4] + 1) * y;
  const at::Tensor left = (1 - w * w - v * v).clamp_min(0);
  return (seen.narrow(0, 5, config_.features) * (left * left)).sum(1);
}

at::Tensor FrontLayers::metric(const at::Tensor& u, const at::Tensor& directions, const at::Tensor& values) const {
  const at::Tensor linear = at::matmul(directions.view({config_.features, -1}), u), grids = values.view({config_.features, config_.rows, config_.columns});
  std::vector<at::Tensor> out;
  for (int f = 0; f < config_.features; ++f) {
    const int order = metric_order(f);
    const auto which = static_cast<size_t>(order - 2);
    const at::Tensor grid = at::matmul(at::matmul(rows_[which], grids[f]), columns_[which]).view({-1}), l = linear[f];
    out.push_back((grid + 1) * (order == 2 ? l * l : l * l * l));
  }
  return at::stack(out);
}

at::Tensor FrontLayers::first_places(const at::Tensor& picture, uint64_t seed) const {
  if (config_.front == Front::metric) {
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed + 1);
    return (at::randn({config_.features * static_cast<int64_t>(config_.grids.size())}, generator) * 0.3).to(picture.device());
  }
  // The centroid of the gradient's energy in each cell.
  const at::Tensor mean = picture.mean(0, true).unsqueeze(0), padded = at::replication_pad2d(mean, {1, 1, 1, 1});
  const at::Tensor across = (padded.narrow(3, 2, width_) - padded.narrow(3, 0, width_)).narrow(2, 1, height_), down = (padded.narrow(2, 2, height_) - padded.narrow(2, 0, height_)).narrow(3, 1, width_);
  const at::Tensor energy = (across * across + down * down + 1e-6).view({-1});
  const int64_t count = int64_t{config_.rows} * config_.columns, pixels = height_ * width_;
  const at::Tensor own = cells_.narrow(0, 4 * pixels, pixels);  // the middle one of the nine
  const at::Tensor sums = at::zeros({3, count}, energy.options());
  const at::Tensor terms[3] = {energy, energy * x_[4], energy * y_[4]};
  for (int64_t i = 0; i < 3; ++i) sums[i].index_add_(0, own, terms[i]);
  return at::stack({sums[1], sums[2]}, 1).div(sums[0].clamp_min(1e-9).unsqueeze(1)).clamp(-0.4, 0.4).reshape({-1});
}

at::Tensor FrontLayers::first_shapes() const {
  if (config_.front != Front::rbf) return at::zeros({0});
  return at::full({3}, 0.25).mul(at::tensor({1.0f, 0.0f, 1.0f})).repeat({int64_t{config_.rows} * config_.columns});
}

}  // namespace tessera::models::inr
