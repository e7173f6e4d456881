#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "models/parallel.h"
#include "models/video/motion_search.h"
#include "models/video/search_planes.h"

namespace tessera::models {
namespace {

using namespace coloured;

static_assert(kVectorLimit == kVectorMax && kDeltaLimit == kDeltaMax && kVectorUnit == 4);

// One picture's search, block by block what models/cuda/search.cu does.
class ColouredSearch {
 public:
  ColouredSearch(Padded current, Padded reference, float penalty, const SearchOptions& options)
      : current_(std::move(current)),
        far_(quarter_size(reference)),
        references_(quarter_positions(std::move(reference), options.interpolation)),
        price_{std::clamp(static_cast<int>(std::lrint(std::clamp(penalty, 0.f, 1e6f) * kPenaltyUnit)), 1, kPenaltyMax)},
        options_(options),
        vectors_(static_cast<size_t>(current_.width / kBlock) * static_cast<size_t>(current_.height / kBlock)),
        field_{vectors_.data(), current_.width / kBlock, current_.height / kBlock} {}

  void run(float* coarse, float* delta) {
    exhaustive();
    for (int round = 0; round < coloured_rounds(options_); ++round) {
      for (int colour = 0; colour < 4; ++colour) {
        const int x0 = colour & 1, y0 = colour >> 1;
        each_row((field_.h - y0 + 1) / 2, [&](int row) {
          const int y = 2 * row + y0;
          for (int x = x0; x < field_.w; x += 2) {
            field_.vectors[y * field_.w + x] = refined(field_, x, y, round == 0, price_, [&](int px, int py, Vector v) { return difference(px, py, 16, v); });
          }
        });
      }
    }
    for (size_t i = 0; i < vectors_.size(); ++i) {
      coarse[2 * i] = static_cast<float>(vectors_[i].x);
      coarse[2 * i + 1] = static_cast<float>(vectors_[i].y);
    }
    if (!options_.quarters) return;
    each_row(field_.h, [&](int y) {
      for (int i = 0; i < 4 * field_.w; ++i) {
        const Vector d = quarter(field_, i / 4, y, i % 4, options_.diagonals, price_, [&](int px, int py, Vector v) { return difference(px, py, 8, v); });
        float* to = delta + (int64_t{y} * field_.w * 4 + i) * 2;
        to[0] = static_cast<float>(d.x);
        to[1] = static_cast<float>(d.y);
      }
    });
  }

 private:
  template <class Work>
  static void each_row(int rows, Work work) {
    parallel(rows, 1, [&](int64_t begin, int64_t end) {
      for (int64_t y = begin; y < end; ++y) work(static_cast<int>(y));
    });
  }

  int difference(int x, int y, int side, Vector v) const {
    const Place p = place_of(x, y, side, v, current_.width, current_.height);
    const Padded& from = references_[static_cast<size_t>(p.plane)];
    return (side == 8 ? difference_8 : difference_16)(current_.at(x, y), current_.stride, from.at(p.x, p.y), from.stride);
  }

  // Whole multiples of 4 samples, at a quarter of the resolution.
  void exhaustive() {
    const Padded small = quarter_size(current_);
    const int reach = static_cast<int>(std::min<int64_t>(options_.reach / 4, kMargin - 4)), steps = 2 * reach + 1, n = steps * steps;
    std::vector<int> sums(vectors_.size() * static_cast<size_t>(n));
    const auto sums_of = [&](int x, int y) { return sums.data() + (int64_t{y} * field_.w + x) * n; };
    each_row(field_.h, [&](int y) {
      for (int x = 0; x < field_.w; ++x) {
        for (int k = 0; k < n; ++k) {
          sums_of(x, y)[k] = difference_4(small.at(4 * x, 4 * y), small.stride, far_.at(4 * x + k % steps - reach, 4 * y + k / steps - reach), far_.stride);
        }
      }
    });
    each_row(field_.h, [&](int y) {
      std::vector<int> around(static_cast<size_t>(n));
      for (int x = 0; x < field_.w; ++x) {
        int neighbours = 0;
        std::fill(around.begin(), around.end(), 0);
        for (int j = most(0, y - 1); j <= least(field_.h - 1, y + 1); ++j) {
          for (int i = most(0, x - 1); i <= least(field_.w - 1, x + 1); ++i, ++neighbours) {
            for (int k = 0; k < n; ++k) around[static_cast<size_t>(k)] += sums_of(i, j)[k];
          }
        }
        Best best{{0, 0}, kNever};
        for (int k = 0; k < n; ++k) {
          const Vector v = exhaustive_vector(k, steps, reach);
          const int cost = exhaustive_cost(sums_of(x, y)[k], around[static_cast<size_t>(k)], neighbours, v, price_);
          if (cost < best.cost) best = {v, cost};
        }
        field_.vectors[y * field_.w + x] = best.vector;
      }
    });
  }

  const Padded current_, far_;                // far_: the reference at a quarter of the resolution
  const std::array<Padded, 16>& references_;  // at quarter positions
  const Price price_;
  const SearchOptions options_;
  std::vector<Vector> vectors_;
  const Field field_;
};

}  // namespace

VectorField search_vectors_coloured(const at::Tensor& current, const at::Tensor& reference, const at::Tensor& penalty, const SearchOptions& options) {
  const at::Tensor c = current.detach().contiguous(), r = reference.detach().contiguous(), p = penalty.detach().contiguous();
  const int64_t b = c.size(0), height = c.size(2), width = c.size(3), blocks = height / kBlock * (width / kBlock);
  VectorField field = zero_vectors(b, height / kBlock, width / kBlock, c.options());
  for (int64_t i = 0; i < b; ++i) {
    const auto plane = [&](const at::Tensor& t) {
      return padded(t.const_data_ptr<float>() + i * height * width, static_cast<int>(width), static_cast<int>(height));
    };
    ColouredSearch(plane(c), plane(r), p.const_data_ptr<float>()[i], options).run(field.coarse.data_ptr<float>() + i * blocks * 2, field.delta.data_ptr<float>() + i * blocks * 8);
  }
  return field;
}

}  // namespace tessera::models
