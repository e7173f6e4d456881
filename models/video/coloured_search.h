// Block motion search for hundreds of threads: the stages and the criterion of cpu_search.h, but all blocks of one of four colours (even and odd columns and
// rows) choose at the same time, each knowing what its eight neighbours have chosen so far. No block waits for the one before it, as in raster order; more rounds
// make up for that. Whole numbers only, so that a GPU (models/cuda/search.cu) finds the vectors of the CPU (search_vectors_coloured()).
//
// Here is what one block does, for both. `Sad` sums absolute differences: sad(x, y, v) of the block at (x, y) luma samples and the reference at the vector v.
#pragma once

#include <cstdint>

#include "models/video/interpolation.h"

#ifdef __CUDACC__
#define TESSERA_BOTH __host__ __device__
#else
#define TESSERA_BOTH
#endif

namespace tessera::models::coloured {

constexpr int kBlock = 16;
constexpr int kMargin = 48;    // samples around the reference planes; vectors that point further out are clamped to it
constexpr int kTapsBefore = 2, kTapsBehind = 3;  // samples that the longer interpolation needs around a position (tap())
constexpr int kScale = 1024;   // costs are sums of absolute differences of 8-bit samples in this unit
constexpr int kPenaltyUnit = 64, kBitsUnit = kScale / kPenaltyUnit;  // of a penalty, and of bits
constexpr int kPenaltyMax = 32767;
constexpr int kVectorLimit = 4095, kDeltaLimit = 127;  // kVectorMax and kDeltaMax of vectors.h
constexpr int kNever = 0x7fffffff;

struct Vector {
  int x, y;  // quarter samples
};

TESSERA_BOTH inline int least(int a, int b) { return a < b ? a : b; }
TESSERA_BOTH inline int most(int a, int b) { return a > b ? a : b; }
TESSERA_BOTH inline int within(int v, int lo, int hi) { return least(most(v, lo), hi); }
TESSERA_BOTH inline int size_of(int v) { return v < 0 ? -v : v; }
TESSERA_BOTH inline int median(int a, int b, int c) { return most(least(a, b), least(most(a, b), c)); }

// Bits of a vector's component in 1/kBitsUnit: 2 log2(1 + |d|) + 1/2, about what an exponential Golomb code takes; the logarithm is linear between powers of two.
TESSERA_BOTH inline int component_bits(int d) {
  const auto n = static_cast<unsigned>(size_of(d)) + 1;
#ifdef __CUDA_ARCH__
  const int e = 31 - __clz(static_cast<int>(n));
#else
  const int e = 31 - __builtin_clz(n);
#endif
  return 2 * (kBitsUnit * e + static_cast<int>((n * kBitsUnit) >> e) - kBitsUnit) + kBitsUnit / 2;
}

// What a bit is worth.
struct Price {
  int penalty;  // in 1/kPenaltyUnit of a difference of one
  TESSERA_BOTH int of(Vector v, Vector predicted) const { return penalty * (component_bits(v.x - predicted.x) + component_bits(v.y - predicted.y)); }
  // Of the difference of a quarter's vector to its block's: a zero costs next to nothing, anything else more than a vector would.
  TESSERA_BOTH int of_delta(Vector d) const {
    int sum = kBitsUnit / 5;
    if (d.x != 0) sum += component_bits(d.x) + 2 * kBitsUnit;
    if (d.y != 0) sum += component_bits(d.y) + 2 * kBitsUnit;
    return penalty * sum;
  }
};

// The vectors of a picture's w x h blocks.
struct Field {
  Vector* vectors;
  int w, h;
  TESSERA_BOTH Vector at(int x, int y) const { return vectors[y * w + x]; }
  TESSERA_BOTH bool has(int x, int y) const { return x >= 0 && x < w && y >= 0 && y < h; }
  // The predictor of the coded vector (vectors.h).
  TESSERA_BOTH Vector predicted(int x, int y) const {
    if (y == 0) return x > 0 ? at(x - 1, 0) : Vector{0, 0};
    const Vector top = at(x, y - 1), left = x > 0 ? at(x - 1, y) : top;
    const Vector corner = x + 1 < w ? at(x + 1, y - 1) : x > 0 ? at(x - 1, y - 1) : top;
    return {median(left.x, top.x, corner.x), median(left.y, top.y, corner.y)};
  }
};

// The best of what has been offered.
struct Best {
  Vector vector;
  int cost;
};

// Where a vector leads: the plane of its quarter position and the place in it, edges repeated for ever.
struct Place {
  int plane, x, y;
};
// The clamp changes nothing: along this axis, so far out, the taps reach nothing but the repeated edge.
TESSERA_BOTH inline int place_along(int position, int side, int size) { return within(position, kTapsBefore + 1 - kMargin, size + kMargin - side - kTapsBehind - 1); }
TESSERA_BOTH inline Place place_of(int x, int y, int side, Vector v, int width, int height) {
  return {4 * (v.y & 3) + (v.x & 3), place_along(x + (v.x >> 2), side, width), place_along(y + (v.y >> 2), side, height)};
}

// Cost of the shift number k of steps x steps in the exhaustive stage, whose sums are of a 4 x 4 block at a quarter of the resolution: its own and those of the
// `neighbours` blocks around it, itself included, since blocks alone are ambiguous in flat areas.
TESSERA_BOTH inline Vector exhaustive_vector(int k, int steps, int reach) { return {(k % steps - reach) * 16, (k / steps - reach) * 16}; }
TESSERA_BOTH inline int exhaustive_cost(int own, int around, int neighbours, Vector v, const Price& price) {
  return 8 * kScale * own + 8 * kScale * around / neighbours + price.of(v, {0, 0});
}

// The next choice of block (x, y). `wide`: from two samples on, as in the first round; otherwise half a sample and a quarter.
template <class Sad>
TESSERA_BOTH Vector refined(const Field& field, int x, int y, bool wide, const Price& price, const Sad& sad) {
  const Vector guess = field.predicted(x, y);
  Best best{field.at(x, y), kNever};
  const auto offer = [&](Vector v) {
    v = {within(v.x, -kVectorLimit, kVectorLimit), within(v.y, -kVectorLimit, kVectorLimit)};
    const int bits = price.of(v, guess);
    if (bits >= best.cost) return;
    const int cost = kScale * sad(x * kBlock, y * kBlock, v) + bits;
    if (cost < best.cost) best = {v, cost};
  };
  offer(field.at(x, y));
  offer({0, 0});
  offer(guess);
  for (int dy = -1; dy <= 1; ++dy) {
    for (int dx = -1; dx <= 1; ++dx) {
      if ((dx != 0 || dy != 0) && field.has(x + dx, y + dy)) offer(field.at(x + dx, y + dy));
    }
  }
  for (int step = wide ? 8 : 2; step > 0; step /= 2) {
    const Vector centre = best.vector;
    for (int dy = -1; dy <= 1; ++dy) {
      for (int dx = -1; dx <= 1; ++dx) {
        if (dx != 0 || dy != 0) offer({centre.x + dx * step, centre.y + dy * step});
      }
    }
  }
  return best.vector;
}

// The delta of the 8 x 8 quarter k of block (x, y). `sad` as above, of that quarter. Every offer is summed, whatever it costs: quarters of one block, which a
// GPU searches together, then stay in step.
template <class Sad>
TESSERA_BOTH Vector quarter(const Field& field, int x, int y, int k, bool diagonals, const Price& price, const Sad& sad) {
  const Vector base = field.at(x, y);
  Best best{{0, 0}, kNever};
  const auto offer = [&](Vector d) {
    d = {within(d.x, -kDeltaLimit, kDeltaLimit), within(d.y, -kDeltaLimit, kDeltaLimit)};
    const int cost = kScale * sad(x * kBlock + 8 * (k % 2), y * kBlock + 8 * (k / 2), {base.x + d.x, base.y + d.y}) + price.of_delta(d);
    if (cost < best.cost) best = {d, cost};
  };
  const auto offer_side = [&](int dx, int dy) {
    if (!field.has(x + dx, y + dy)) return;
    const Vector v = field.at(x + dx, y + dy);
    offer({v.x - base.x, v.y - base.y});
  };
  offer({0, 0});
  offer_side(-1, 0);
  offer_side(1, 0);
  offer_side(0, -1);
  offer_side(0, 1);
  for (int step = 4; step > 0; step /= 2) {
    const Vector centre = best.vector;
    for (int dy = -1; dy <= 1; ++dy) {
      for (int dx = -1; dx <= 1; ++dx) {
        const bool side = (dx == 0) != (dy == 0), corner = dx != 0 && dy != 0;
        if (side || (corner && diagonals)) offer({centre.x + dx * step, centre.y + dy * step});
      }
    }
  }
  return best.vector;
}

// The kernel of warp() at each quarter in 1/128, the least squared error among those that sum to 128. The outermost two of Lagrange's eight are below 1/2 and so
// none. With 8-bit samples a sum of taps lies within -7650 and 40290, a quarter of that (search_planes.cpp) fits into 16 bits.
TESSERA_BOTH constexpr int search_taps(Interpolation kind) { return kind == Interpolation::bicubic ? 4 : 6; }
TESSERA_BOTH inline int tap(Interpolation kind, int quarter, int i) {
  constexpr int bicubic[4][4] = {{0, 128, 0, 0}, {-14, 112, 34, -4}, {-12, 76, 76, -12}, {-4, 34, 112, -14}};
  constexpr int lagrange[4][6] = {{0, 0, 128, 0, 0, 0}, {2, -13, 110, 37, -10, 2}, {3, -15, 76, 76, -15, 3}, {2, -10, 37, 110, -13, 2}};
  return kind == Interpolation::bicubic ? bicubic[quarter][i] : lagrange[quarter][i];
}

}  // namespace tessera::models::coloured
