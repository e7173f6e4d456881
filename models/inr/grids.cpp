#include "models/inr/grids.h"

#include <algorithm>

#include "models/inr/symbol_coder.h"
#include "models/time_limit.h"

namespace tessera::models::inr {
namespace {

constexpr int64_t kMargin = 3;  // of zeros on each side: no context reaches farther

// What the context sees of a grid.
class ContextPlane {
 public:
  explicit ContextPlane(GridShape shape)
      : stride_(shape.width + 2 * kMargin), values_(static_cast<size_t>(stride_ * (shape.height + kMargin + 1)), 0) {}

  int64_t stride() const { return stride_; }
  int16_t* at(int64_t y, int64_t x) { return values_.data() + (y + kMargin) * stride_ + x + kMargin; }
  static int16_t seen(int32_t q) { return static_cast<int16_t>(std::clamp(q, -kContextMax, kContextMax) * (1 << kActivationBits)); }

 private:
  int64_t stride_;
  std::vector<int16_t> values_;
};

class Walk {
 public:
  Walk(const Config& config, const ContextNetwork& network, const std::vector<Plane>& planes) : config_(config), network_(network) {
    for (const Plane& p : planes) seen_.emplace_back(p.shape);
  }

  // next(value, distribution) codes one latent and returns it, or nothing when it cannot. False then.
  template <class Next>
  bool grid(size_t index, GridShape shape, Next next) {
    const Grid& g = config_.grids[index];
    ContextPlane& plane = seen_[index];
    ContextPlane* const parent = g.parent > 0 ? &seen_[index - static_cast<size_t>(g.parent)] : nullptr;
    const int down = parent != nullptr ? config_.grids[index - static_cast<size_t>(g.parent)].level - g.level : 0;
    int64_t near[kMaxSpatial], far[4][kMaxCoarse] = {};
    for (int i = 0; i < config_.spatial; ++i) near[i] = spatial_offset(i).dy * plane.stride() + spatial_offset(i).dx;
    for (int side = 0; side < 4 && parent != nullptr; ++side) {
      for (int i = 0; i < config_.coarse; ++i) {
        const Offset o = coarse_offset(i);
        far[side][i] = (down == 0 || side / 2 == 1 ? o.dy : -o.dy) * parent->stride() + (down == 0 || side % 2 == 1 ? o.dx : -o.dx);
      }
    }
    alignas(32) int16_t x[kInputRoom] = {};
    for (int64_t row = 0; row < shape.height; ++row) {
      check_time();
      int16_t* here = plane.at(row, 0);
      for (int64_t column = 0; column < shape.width; ++column, ++here) {
        for (int i = 0; i < config_.spatial; ++i) x[i] = here[near[i]];
        if (parent != nullptr) {
          const int16_t* const there = parent->at(row >> down, column >> down);
          const int64_t* const offsets = far[down == 0 ? 0 : (row & 1) * 2 + (column & 1)];
          for (int i = 0; i < config_.coarse; ++i) x[config_.spatial + i] = there[offsets[i]];
        }
        const std::optional<int32_t> q = next(row * shape.width + column, network_.predict(x, index));
        if (!q) return false;
        *here = ContextPlane::seen(*q);
      }
    }
    return true;
  }

 private:
  const Config& config_;
  const ContextNetwork& network_;
  std::vector<ContextPlane> seen_;
};

bool is_zero(const Plane& p) {
  return std::all_of(p.values.begin(), p.values.end(), [](int16_t v) { return v == 0; });
}

template <class Coder>
void put_all(const Config& config, const ContextNetwork& network, const std::vector<Plane>& planes, Coder& coder) {
  Walk walk(config, network, planes);
  for (size_t g = 0; g < planes.size(); ++g) {
    if (is_zero(planes[g])) continue;
    const int16_t* const values = planes[g].values.data();
    walk.grid(g, planes[g].shape, [&](int64_t i, ContextNetwork::Distribution d) -> std::optional<int32_t> {
      coder.put(values[i], d.scale, d.mean);
      return values[i];
    });
  }
}

}  // namespace

std::vector<Plane> make_planes(const Config& config, int64_t height, int64_t width) {
  std::vector<Plane> out;
  for (const Grid& g : config.grids) {
    const GridShape shape = grid_shape(g, height, width);
    out.push_back({shape, std::vector<int16_t>(static_cast<size_t>(shape.count()), 0)});
  }
  return out;
}

CodedGrids encode_grids(const Config& config, const ContextNetwork& network, const std::vector<Plane>& planes) {
  CodedGrids out;
  for (size_t g = 0; g < planes.size(); ++g) out.empty |= uint32_t{is_zero(planes[g])} << g;
  SymbolEncoder coder;
  put_all(config, network, planes, coder);
  out.bytes = coder.finish();
  return out;
}

double grid_bits(const Config& config, const ContextNetwork& network, const std::vector<Plane>& planes) {
  SymbolCounter counter;
  put_all(config, network, planes, counter);
  return counter.bits();
}

Status decode_grids(const Config& config, const ContextNetwork& network, uint32_t empty, std::span<const std::byte> bytes, std::vector<Plane>& planes) {
  if (empty >> planes.size() != 0) return {ErrorCode::corrupt, "the list of empty grids is damaged"};
  SymbolDecoder coder(bytes);
  Walk walk(config, network, planes);
  for (size_t g = 0; g < planes.size(); ++g) {
    if (empty >> g & 1) continue;
    int16_t* const values = planes[g].values.data();
    const bool good = walk.grid(g, planes[g].shape, [&](int64_t i, ContextNetwork::Distribution d) {
      const std::optional<int32_t> q = coder.get(d.scale, d.mean);
      if (q) values[i] = static_cast<int16_t>(*q);
      return q;
    });
    if (!good) return {ErrorCode::corrupt, "a latent is out of range"};
    if (is_zero(planes[g])) return {ErrorCode::corrupt, "a grid of zeros is coded"};
  }
  if (!coder.at_end()) return {ErrorCode::corrupt, "the latents are damaged"};
  return {};
}

}  // namespace tessera::models::inr
