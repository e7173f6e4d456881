#include "models/video/cpu_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "models/parallel.h"
#include "models/video/search_planes.h"

namespace tessera::models {
namespace {

constexpr int kBlock = 16;
constexpr float kNever = std::numeric_limits<float>::max();

struct Vector {
  int x = 0, y = 0;  // quarter samples
  bool operator==(const Vector&) const = default;
};

// Bits of a residual component, as search_vectors() counts them: 2 log2(1 + |d|) + 1/2.
float component_bits(int d) {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> t{};
    for (size_t i = 0; i < t.size(); ++i) t[i] = 2 * std::log2(static_cast<float>(i) + 1) + 0.5f;
    return t;
  }();
  const auto a = static_cast<size_t>(std::abs(d));
  return a < table.size() ? table[a] : 2 * std::log2(static_cast<float>(a) + 1) + 0.5f;
}

float rough_bits(Vector v, Vector predicted) { return component_bits(v.x - predicted.x) + component_bits(v.y - predicted.y); }

// One picture's search. Blocks are visited row by row, twice or more: the second visit knows all its neighbours.
class Search {
 public:
  Search(Padded current, Padded reference, float penalty, const SearchOptions& options)
      : current_(std::move(current)), far_(quarter_size(reference)), references_(quarter_positions(std::move(reference), options.interpolation)), penalty_(penalty), options_(options) {
    w_ = current_.width / kBlock;
    h_ = current_.height / kBlock;
    field_.resize(static_cast<size_t>(w_ * h_));
  }

  void run(float* coarse, float* delta) {
    exhaustive();
    // Bands of rows are pieces of work, whatever the threads; they do not see each other's choices before the second visit. Large pictures have enough
    // rows for more threads.
    const int64_t band = h_ >= 48 ? 4 : 8;
    for (int visit = 0; visit < options_.visits; ++visit) {
      const std::vector<Vector> before = field_;
      parallel(h_, band, [&](int64_t begin, int64_t end) {
        for (int64_t y = begin; y < end; ++y) {
          for (int x = 0; x < w_; ++x) refine(x, static_cast<int>(y), static_cast<int>(y / band * band), before, visit == 0);
        }
      });
    }
    for (size_t i = 0; i < field_.size(); ++i) {
      coarse[2 * i] = static_cast<float>(field_[i].x);
      coarse[2 * i + 1] = static_cast<float>(field_[i].y);
    }
    if (!options_.quarters) return;
    parallel(h_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t y = begin; y < end; ++y) {
        for (int x = 0; x < w_; ++x) {
          for (int k = 0; k < 4; ++k) quarter(x, static_cast<int>(y), k, delta + ((y * w_ + x) * 4 + k) * 2);
        }
      }
    });
  }

 private:
  Vector& best(int x, int y) { return field_[static_cast<size_t>(y * w_ + x)]; }

  // Whole multiples of 4 samples, at a quarter of the resolution.
  void exhaustive() {
    const Padded small = quarter_size(current_);
    const int reach = static_cast<int>(std::min<int64_t>(options_.reach / 4, kMargin - 4)), steps = 2 * reach + 1, n = steps * steps;
    thread_local std::vector<int> kept;  // from frame to frame
    std::vector<int>& sums = kept;
    sums.resize(static_cast<size_t>(w_) * static_cast<size_t>(h_) * static_cast<size_t>(n));
    parallel(h_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t y = begin; y < end; ++y) {
        for (int x = 0; x < w_; ++x) {
          int* out = sums.data() + (y * w_ + x) * n;
          for (int i = 0; i < n; ++i) {
            out[i] = difference_4(small.at(4 * x, static_cast<int>(4 * y)), small.stride, far_.at(4 * x + i % steps - reach, static_cast<int>(4 * y) + i / steps - reach), far_.stride);
          }
        }
      }
    });
    parallel(h_, 1, [&](int64_t begin, int64_t end) {
      std::vector<int> around(static_cast<size_t>(n));
      for (int64_t y = begin; y < end; ++y) {
        for (int x = 0; x < w_; ++x) {
          int neighbours = 0;
          std::fill(around.begin(), around.end(), 0);
          for (int64_t j = std::max<int64_t>(0, y - 1); j <= std::min<int64_t>(h_ - 1, y + 1); ++j) {
            for (int i = std::max(0, x - 1); i <= std::min(w_ - 1, x + 1); ++i) {
              const int* from = sums.data() + (j * w_ + i) * n;
              for (int k = 0; k < n; ++k) around[static_cast<size_t>(k)] += from[k];
              ++neighbours;
            }
          }
          const int* own = sums.data() + (y * w_ + x) * n;
          float lowest = kNever;
          for (int k = 0; k < n; ++k) {
            const Vector v{(k % steps - reach) * 16, (k / steps - reach) * 16};
            const float cost = 8.f * static_cast<float>(own[k]) + 8.f * static_cast<float>(around[static_cast<size_t>(k)]) / static_cast<float>(neighbours) + penalty_ * rough_bits(v, {});
            if (cost < lowest) {
              lowest = cost;
              best(x, static_cast<int>(y)) = v;
            }
          }
        }
      }
    });
  }

  // Sum of absolute differences of the side x side block at (x, y) samples.
  float difference(int x, int y, int side, Vector v) const {
    // Repeated edges go on for ever: beyond the margin nothing changes.
    const Padded& from = references_[static_cast<size_t>(4 * (v.y & 3) + (v.x & 3))];
    const int px = coloured::place_along(x + (v.x >> 2), side, from.width), py = coloured::place_along(y + (v.y >> 2), side, from.height);
    const auto sum = side == 8 ? difference_8 : difference_16;
    return static_cast<float>(sum(current_.at(x, y), current_.stride, from.at(px, py), from.stride));
  }

  // The predictor of the coded vector (vectors.h). Neighbours above `first` belong to another piece of work: their former choice.
  Vector predicted(int x, int y, int first, const std::vector<Vector>& before) {
    const auto of = [&](int i, int j) { return j < first ? before[static_cast<size_t>(j * w_ + i)] : best(i, j); };
    if (y == 0) return x > 0 ? of(x - 1, y) : Vector{};
    const Vector top = of(x, y - 1), left = x > 0 ? of(x - 1, y) : top;
    const Vector corner = x + 1 < w_ ? of(x + 1, y - 1) : x > 0 ? of(x - 1, y - 1) : top;
    return {coloured::median(left.x, top.x, corner.x), coloured::median(left.y, top.y, corner.y)};
  }

  void refine(int x, int y, int first, const std::vector<Vector>& before, bool first_visit) {
    const Vector guess = predicted(x, y, first, before);
    constexpr int limit = static_cast<int>(kVectorMax);
    Vector now = best(x, y);
    float lowest = kNever;
    const auto offer = [&](Vector v) {
      v = {std::clamp(v.x, -limit, limit), std::clamp(v.y, -limit, limit)};
      const float bits = penalty_ * rough_bits(v, guess);
      if (bits >= lowest) return;
      const float cost = difference(x * kBlock, y * kBlock, kBlock, v) + bits;
      if (cost < lowest) {
        lowest = cost;
        now = v;
      }
    };
    offer(now);
    offer({});
    offer(guess);
    for (const auto& [dx, dy] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
      if (x + dx < 0 || x + dx >= w_ || y + dy < 0 || y + dy >= h_) continue;
      offer(dx + dy > 0 || y + dy < first ? before[static_cast<size_t>((y + dy) * w_ + x + dx)] : best(x + dx, y + dy));
    }
    for (const int step : {8, 4, 2, 1}) {
      if (!first_visit && step > 2) continue;
      const Vector centre = now;
      for (int dy = -1; dy <= 1; ++dy) {
        for (int dx = -1; dx <= 1; ++dx) {
          if (dx != 0 || dy != 0) offer({centre.x + dx * step, centre.y + dy * step});
        }
      }
    }
    best(x, y) = now;
  }

  // The 8x8 quarter k of block (x, y): its delta to the block's vector.
  void quarter(int x, int y, int k, float* delta) {
    const Vector base = best(x, y);
    Vector now;
    float lowest = kNever;
    constexpr int limit = static_cast<int>(kDeltaMax);
    const auto offer = [&](Vector d) {
      d = {std::clamp(d.x, -limit, limit), std::clamp(d.y, -limit, limit)};
      float bits = 0.2f;
      for (const int c : {d.x, d.y}) bits += c != 0 ? component_bits(c) + 2.0f : 0.f;
      bits *= penalty_;
      if (bits >= lowest) return;
      const float cost = difference(x * kBlock + 8 * (k % 2), y * kBlock + 8 * (k / 2), 8, {base.x + d.x, base.y + d.y}) + bits;
      if (cost < lowest) {
        lowest = cost;
        now = d;
      }
    };
    offer({});
    for (const auto& [dx, dy] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) {
      if (x + dx < 0 || x + dx >= w_ || y + dy < 0 || y + dy >= h_) continue;
      const Vector v = best(x + dx, y + dy);
      offer({v.x - base.x, v.y - base.y});
    }
    for (const int step : {4, 2, 1}) {
      const Vector centre = now;
      for (const auto& [dx, dy] : {std::pair{-1, 0}, {1, 0}, {0, -1}, {0, 1}}) offer({centre.x + dx * step, centre.y + dy * step});
      if (!options_.diagonals) continue;
      for (const auto& [dx, dy] : {std::pair{-1, -1}, {1, -1}, {-1, 1}, {1, 1}}) offer({centre.x + dx * step, centre.y + dy * step});
    }
    delta[0] = static_cast<float>(now.x);
    delta[1] = static_cast<float>(now.y);
  }

  const Padded current_, far_;                // far_: the reference at a quarter of the resolution
  const std::array<Padded, 16>& references_;  // at quarter positions
  const float penalty_;
  const SearchOptions options_;
  int w_ = 0, h_ = 0;
  std::vector<Vector> field_;
};

}  // namespace

VectorField search_vectors_cpu(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options) {
  const at::Tensor c = current.detach().contiguous(), r = reference.detach().contiguous(), p = penalty.detach().contiguous();
  const int64_t b = c.size(0), height = c.size(2), width = c.size(3), h = height / kBlock, w = width / kBlock;
  VectorField field = zero_vectors(b, h, w, c.options());
  for (int64_t i = 0; i < b; ++i) {
    const auto plane = [&](const at::Tensor& t) {
      return padded(t.const_data_ptr<float>() + i * height * width, static_cast<int>(width), static_cast<int>(height));
    };
    Search(plane(c), plane(r), p.const_data_ptr<float>()[i], options).run(field.coarse.data_ptr<float>() + i * h * w * 2, field.delta.data_ptr<float>() + i * h * w * 8);
  }
  return field;
}

}  // namespace tessera::models
