#include "models/inr/config.h"

#include <algorithm>

namespace tessera::models::inr {
namespace {

constexpr Offset kSpatial[kMaxSpatial] = {{0, -1}, {-1, 0}, {-1, -1}, {-1, 1}, {0, -2}, {-2, 0}, {-1, -2}, {-1, 2}, {-2, -1}, {-2, 1},
                                          {0, -3}, {-2, -2}, {-2, 2}, {-1, 3}, {-1, -3}, {-3, 0}, {-2, -3}, {-2, 3}, {-3, -1}, {-3, 1}};
constexpr Offset kCoarse[kMaxCoarse] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, -1}, {-1, 0}, {1, -1}, {-1, 1}};

}  // namespace

bool is_pyramid(const std::vector<Grid>& grids) {
  for (size_t i = 0; i < grids.size(); ++i) {
    if (grids[i].level != static_cast<int>(grids.size() - 1 - i) || grids[i].parent != (i == 0 ? 0 : 1)) return false;
  }
  return true;
}

Offset spatial_offset(int i) { return kSpatial[i]; }
Offset coarse_offset(int i) { return kCoarse[i]; }

GridShape grid_shape(const Grid& grid, int64_t height, int64_t width) {
  const int64_t round = (int64_t{1} << grid.level) - 1;
  return {(height + round) >> grid.level, (width + round) >> grid.level};
}

double Config::macs() const {
  double latents = 0;
  for (const Grid& g : grids) latents += 1.0 / static_cast<double>(int64_t{1} << (2 * g.level));
  const double network = context() * width + width * width + 2 * (width + context());
  // From level l to l - 1, with all grids of level l and coarser: 4 taps along columns for half of the pixels' columns, 4 along rows.
  double upsampling = 0;
  for (int level = steps(); level > 0; --level) {
    const auto channels = std::count_if(grids.begin(), grids.end(), [&](const Grid& g) { return g.level >= level; });
    upsampling += static_cast<double>(channels) * 6 / static_cast<double>(int64_t{1} << (2 * (level - 1)));
  }
  const auto inputs = static_cast<double>(this->inputs());
  // Nine functions a pixel, ten for each and one for each feature; the linear term, its power and the interpolation between four values.
  const double front_end = front == Front::rbf ? 9.0 * (10 + features) : front == Front::metric ? features * (static_cast<double>(grids.size()) + 6) : 0;
  const double synthesis = hidden * (inputs + outputs) + outputs * inputs + residuals * 9.0 * outputs * outputs;
  return latents * network + upsampling + front_end + synthesis;
}

std::optional<std::string> problem(const Config& c) {
  const auto count = static_cast<int>(c.grids.size());
  if (count < 1 || count > kMaxGrids) return "the network has " + std::to_string(count) + " grids; 1 to " + std::to_string(kMaxGrids) + " are possible";
  for (int i = 0; i < count; ++i) {
    const Grid& g = c.grids[static_cast<size_t>(i)];
    if (g.level < 0 || g.level > kMaxLevel) return "a grid is coarser than the format allows";
    if (i > 0 && g.level > c.grids[static_cast<size_t>(i - 1)].level) return "the grids are not in order";
    if (i > 0 && c.grids[static_cast<size_t>(i - 1)].level > g.level + 1) return "a level between the grids is missing";
    if (g.parent < 0 || g.parent > i || g.parent > 15) return "a grid's parent does not exist";
    if (g.parent > 0 && c.grids[static_cast<size_t>(i - g.parent)].level > g.level + 1) return "a grid's parent is too coarse";
    if (g.gain < -128 || g.gain > 127) return "a grid's gain is out of range";
  }
  if (c.grids.back().level != 0) return "the grid of full resolution is missing";
  if (c.spatial < 1 || c.spatial > kMaxSpatial || c.coarse < 0 || c.coarse > kMaxCoarse || c.context() % 2 != 0) {
    return "the context network has " + std::to_string(c.spatial) + " + " + std::to_string(c.coarse) + " inputs, which is not possible";
  }
  if (c.width < 8 || c.width > kMaxWidth || c.width % 8 != 0) return "the context network is " + std::to_string(c.width) + " wide, which is not possible";
  if (c.hidden < 4 || c.hidden > kMaxHidden || c.hidden % 4 != 0) return "the synthesis is " + std::to_string(c.hidden) + " wide, which is not possible";
  if (c.residuals < 0 || c.residuals > kMaxResiduals) return "the synthesis has " + std::to_string(c.residuals) + " residual layers, which is not possible";
  if (c.front == Front::plain ? c.features != 0 || c.rows != 0 || c.columns != 0 : c.features < 1 || c.inputs() > kMaxInputs) {
    return "a front end of " + std::to_string(c.features) + " features, which is not possible";
  }
  if (c.front != Front::plain && (c.rows < 1 || c.rows > kMaxCells || c.columns < 1 || c.columns > kMaxCells)) {
    return "a front end of " + std::to_string(c.rows) + " x " + std::to_string(c.columns) + " cells, which is not possible";
  }
  if (c.outputs != 1 && c.outputs != 3) return "a network has 1 or 3 outputs";
  if (c.macs() > kMaxMacs) return "the network needs more work a pixel than the format allows";
  return {};
}

Config pyramid(int64_t height, int64_t width, int outputs, int levels) {
  Config c;
  c.outputs = outputs;
  int used = 1;
  while (used < levels && int64_t{1} << used < std::max(height, width)) ++used;
  for (int i = 0; i < used; ++i) c.grids.push_back({used - 1 - i, i == 0 ? 0 : 1, 0});
  return c;
}

Config colour_pyramid(int64_t height, int64_t width) {
  Config c = pyramid(height, width, 3);
  const auto coarse = std::find_if(c.grids.begin(), c.grids.end(), [](const Grid& g) { return g.level == kColourLevel; });
  if (coarse == c.grids.end()) return c;
  const auto next = c.grids.insert(coarse + 1, 2, {kColourLevel, 1, 0}) + 2;
  next->parent = 3;  // past the colours
  return c;
}

Config with_front(Config config, Front front, int64_t height, int64_t width) {
  const auto cells = [](int64_t side) { return static_cast<int>(std::clamp<int64_t>((side + 16) / 32, 1, kMaxCells)); };
  config.front = front;
  const bool none = front == Front::plain;
  config.features = none ? 0 : 2;
  config.rows = none ? 0 : cells(height);
  config.columns = none ? 0 : cells(width);
  return config;
}

}  // namespace tessera::models::inr
