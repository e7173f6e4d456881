#include "models/inr/front.h"

#include <algorithm>
#include <cmath>

namespace tessera::models::inr {

Between between(int64_t sample, int64_t size, int64_t cells, int order) {
  const double place = (static_cast<double>(sample) + 0.5) * static_cast<double>(cells) / static_cast<double>(size) - 0.5;
  const double cell = std::floor(place), t = place - cell;
  const double behind = std::pow(t, order), before = std::pow(1 - t, order);
  return {static_cast<int64_t>(cell), static_cast<float>(behind / (behind + before))};
}

FrontEnd::FrontEnd(const Network& network, int64_t height, int64_t width)
    : config_(network.config), height_(height), width_(width), places_(network.values_of(kFrontPlaces)), shapes_(network.values_of(kFrontShapes)), values_(network.values_of(kFrontValues)) {
  if (config_.front != Front::metric) return;
  for (const int order : {2, 3}) {
    std::vector<Between>& columns = columns_.emplace_back();
    for (int64_t x = 0; x < width; ++x) columns.push_back(between(x, width, config_.columns, order));
  }
}

void FrontEnd::row(int64_t y, const float* const* u, float* const* out) const {
  if (config_.front == Front::rbf) return rbf_row(y, out);
  if (config_.front == Front::metric) metric_row(y, u, out);
}

void FrontEnd::rbf_row(int64_t y, float* const* out) const {
  const int64_t rows = config_.rows, columns = config_.columns, cells = rows * columns;
  for (int f = 0; f < config_.features; ++f) std::fill_n(out[f], width_, 0.0f);
  const float step = static_cast<float>(columns) / static_cast<float>(width_);  // cells a pixel
  const float place = (static_cast<float>(y) + 0.5f) * static_cast<float>(rows) / static_cast<float>(height_);
  const auto own = static_cast<int64_t>(place);
  for (int64_t i = std::max<int64_t>(0, own - 1); i <= std::min(rows - 1, own + 1); ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const auto k = static_cast<size_t>(i * columns + j);
      const float cx = static_cast<float>(j) + 0.5f + std::clamp(places_[2 * k], -0.5f, 0.5f), cy = static_cast<float>(i) + 0.5f + std::clamp(places_[2 * k + 1], -0.5f, 0.5f);
      const float a = std::max(shapes_[3 * k], 0.0f), b = std::clamp(shapes_[3 * k + 1], -a, a), c = std::max(shapes_[3 * k + 2], 0.0f);
      const float v = place - cy, second = (1 + c) * v * (1 + c) * v;
      if (!(second < 1)) continue;
      // Nothing of the function lies more than a cell from its centre.
      const auto first = std::clamp<int64_t>(static_cast<int64_t>((cx - 1) / step - 0.5f), 0, width_), last = std::clamp<int64_t>(static_cast<int64_t>((cx + 1) / step + 1.5f), 0, width_);
      for (int f = 0; f < config_.features; ++f) {
        const float value = values_[static_cast<size_t>(f * cells) + k];
        float* const to = out[f];
        for (int64_t x = first; x < last; ++x) {
          const float h = (static_cast<float>(x) + 0.5f) * step - cx, w = (1 + a) * h + b * v, left = std::max(0.0f, 1 - (w * w + second));
          to[x] += value * left * left;
        }
      }
    }
  }
}

void FrontEnd::metric_row(int64_t y, const float* const* u, float* const* out) const {
  const int64_t rows = config_.rows, columns = config_.columns;
  const auto grids = static_cast<int64_t>(config_.grids.size());
  std::vector<float> blended(static_cast<size_t>(columns));
  for (int f = 0; f < config_.features; ++f) {
    const int order = metric_order(f);
    const Between at = between(y, height_, rows, order);
    const float* const values = values_.data() + f * rows * columns;
    const float* const before = values + std::clamp<int64_t>(at.cell, 0, rows - 1) * columns;
    const float* const behind = values + std::clamp<int64_t>(at.cell + 1, 0, rows - 1) * columns;
    for (int64_t j = 0; j < columns; ++j) blended[static_cast<size_t>(j)] = before[j] + at.share * (behind[j] - before[j]);
    float* const to = out[f];
    std::fill_n(to, width_, 0.0f);
    for (int64_t g = 0; g < grids; ++g) {
      const float weight = places_[static_cast<size_t>(f * grids + g)];
      for (int64_t x = 0; x < width_; ++x) to[x] += weight * u[g][x];
    }
    const std::vector<Between>& metric = columns_[static_cast<size_t>(order - 2)];
    for (int64_t x = 0; x < width_; ++x) {
      const Between& m = metric[static_cast<size_t>(x)];
      const float left = blended[static_cast<size_t>(std::clamp<int64_t>(m.cell, 0, columns - 1))], right = blended[static_cast<size_t>(std::clamp<int64_t>(m.cell + 1, 0, columns - 1))];
      const float l = to[x], power = order == 2 ? l * l : l * l * l;
      to[x] = (1 + left + m.share * (right - left)) * power;
    }
  }
}

}  // namespace tessera::models::inr
