#include "models/video/cpu_search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "models/clones.h"
#include "models/parallel.h"

namespace tessera::models {
namespace {

constexpr int kBlock = 16;
constexpr int kMargin = 48;  // samples around the reference planes; vectors that point further out are clamped to it
constexpr float kNever = std::numeric_limits<float>::max();

struct Vector {
  int x = 0, y = 0;  // quarter samples
  bool operator==(const Vector&) const = default;
};

// A plane of 8-bit samples with repeated edges.
struct Padded {
  int width = 0, height = 0, stride = 0;
  std::vector<uint8_t> samples;
  const uint8_t* at(int x, int y) const { return samples.data() + static_cast<int64_t>(y + kMargin) * stride + x + kMargin; }
};

Padded padded(const float* plane, int width, int height) {
  Padded p{width, height, width + 2 * kMargin, {}};
  p.samples.resize(static_cast<size_t>(p.stride) * static_cast<size_t>(height + 2 * kMargin));
  parallel(height + 2 * kMargin, 32, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = plane + std::clamp<int64_t>(row - kMargin, 0, height - 1) * width;
      uint8_t* to = p.samples.data() + row * p.stride;
      for (int x = 0; x < width; ++x) to[kMargin + x] = static_cast<uint8_t>(std::clamp(from[x], 0.f, 1.f) * 255.f + 0.5f);
      std::fill(to, to + kMargin, to[kMargin]);
      std::fill(to + kMargin + width, to + p.stride, to[kMargin + width - 1]);
    }
  });
  return p;
}

Padded quarter_size(const Padded& p) {
  std::vector<float> small(static_cast<size_t>(p.width / 4) * static_cast<size_t>(p.height / 4));
  for (int y = 0; y < p.height / 4; ++y) {
    for (int x = 0; x < p.width / 4; ++x) {
      int sum = 0;
      for (int i = 0; i < 4; ++i) {
        const uint8_t* row = p.at(4 * x, 4 * y + i);
        sum += row[0] + row[1] + row[2] + row[3];
      }
      small[static_cast<size_t>(y * (p.width / 4) + x)] = static_cast<float>(sum) * (1.0f / (16 * 255));
    }
  }
  return padded(small.data(), p.width / 4, p.height / 4);
}

// The side is known at compile time: the compiler then makes it of instructions for sums of absolute differences.
template <int kSide>
__attribute__((always_inline)) inline int difference_of(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride) {
  int sum = 0;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) sum += std::abs(a[y * a_stride + x] - b[y * b_stride + x]);
  }
  return sum;
}
TESSERA_CLONES() int difference_4(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride) { return difference_of<4>(a, a_stride, b, b_stride); }
TESSERA_CLONES() int difference_8(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride) { return difference_of<8>(a, a_stride, b, b_stride); }
TESSERA_CLONES() int difference_16(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride) { return difference_of<16>(a, a_stride, b, b_stride); }

// Four taps of the bicubic kernel with a = -3/4 at each quarter, in 1/128 (the same kernel as warp()'s).
constexpr int kTaps[4][4] = {{0, 128, 0, 0}, {-14, 112, 34, -4}, {-12, 76, 76, -12}, {-4, 34, 112, -14}};

// n samples between those of a row; `from` begins one before the first. In 1/32 of a sample.
TESSERA_CLONES() void filter_across(const uint8_t* from, const int* h, int16_t* out, int64_t n) {
  for (int64_t x = 0; x < n; ++x) out[x] = static_cast<int16_t>((h[0] * from[x] + h[1] * from[x + 1] + h[2] * from[x + 2] + h[3] * from[x + 3]) >> 2);
}

// n samples between four such rows.
TESSERA_CLONES() void filter_down(const int16_t* r0, const int16_t* r1, const int16_t* r2, const int16_t* r3, const int* v, uint8_t* out, int64_t n) {
  for (int64_t x = 0; x < n; ++x) {
    const int sum = (v[0] * r0[x] + v[1] * r1[x] + v[2] * r2[x] + v[3] * r3[x] + 2048) >> 12;
    out[x] = static_cast<uint8_t>(std::clamp(sum, 0, 255));
  }
}

// What a thread's searches need, kept from frame to frame: making it anew would cost as much as searching (40 MB at 1920 x 1080).
struct Workspace {
  std::array<Padded, 16> planes;  // the reference at quarter positions
  std::vector<int> sums;
};

Workspace& workspace() {
  thread_local Workspace w;
  return w;
}

// The plane at all quarter positions, [4 * fy + fx]: every candidate of the search is then a plain difference of samples. Within one
// sample of the margin's end at the top and left, and two at the bottom and right, nothing is filled in, and nothing read.
const std::array<Padded, 16>& quarter_positions(Padded whole) {
  std::array<Padded, 16>& planes = workspace().planes;
  for (Padded& p : planes) {
    p.width = whole.width;
    p.height = whole.height;
    p.stride = whole.stride;
    if (&p != planes.data()) p.samples.resize(whole.samples.size());
  }
  const int64_t stride = whole.stride, rows = whole.height + 2 * kMargin, n = stride - 3;
  constexpr int64_t band = 16;
  parallel(rows - 3, band, [&](int64_t begin, int64_t end) {
    std::vector<int16_t> across(static_cast<size_t>((end - begin + 3) * stride));
    for (size_t fx = 0; fx < 4; ++fx) {
      for (int64_t y = begin; y < end + 3; ++y) filter_across(whole.samples.data() + y * stride, kTaps[fx], across.data() + (y - begin) * stride, n);
      for (size_t fy = fx == 0 ? 1 : 0; fy < 4; ++fy) {
        uint8_t* to = planes[4 * fy + fx].samples.data();
        for (int64_t y = begin; y < end; ++y) {
          const int16_t* r = across.data() + (y - begin) * stride;
          filter_down(r, r + stride, r + 2 * stride, r + 3 * stride, kTaps[fy], to + (y + 1) * stride + 1, n);
        }
      }
    }
  });
  planes[0] = std::move(whole);
  return planes;
}

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

int median(int a, int b, int c) { return std::max(std::min(a, b), std::min(std::max(a, b), c)); }

// One picture's search. Blocks are visited row by row, twice or more: the second visit knows all its neighbours.
class Search {
 public:
  Search(Padded current, Padded reference, float penalty, const SearchOptions& options)
      : current_(std::move(current)), far_(quarter_size(reference)), references_(quarter_positions(std::move(reference))), penalty_(penalty), options_(options) {
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
    std::vector<int>& sums = workspace().sums;
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
    const int px = std::clamp(x + (v.x >> 2), 2 - kMargin, from.width + kMargin - side - 3), py = std::clamp(y + (v.y >> 2), 2 - kMargin, from.height + kMargin - side - 3);
    const auto sum = side == 8 ? difference_8 : difference_16;
    return static_cast<float>(sum(current_.at(x, y), current_.stride, from.at(px, py), from.stride));
  }

  // The predictor of the coded vector (vectors.h). Neighbours above `first` belong to another piece of work: their former choice.
  Vector predicted(int x, int y, int first, const std::vector<Vector>& before) {
    const auto of = [&](int i, int j) { return j < first ? before[static_cast<size_t>(j * w_ + i)] : best(i, j); };
    if (y == 0) return x > 0 ? of(x - 1, y) : Vector{};
    const Vector top = of(x, y - 1), left = x > 0 ? of(x - 1, y) : top;
    const Vector corner = x + 1 < w_ ? of(x + 1, y - 1) : x > 0 ? of(x - 1, y - 1) : top;
    return {median(left.x, top.x, corner.x), median(left.y, top.y, corner.y)};
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
