// Motion vectors: prediction and its inverse, compensation, search.
#include "models/video/vectors.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/parallel.h"
#include "models/video/cpu_search.h"
#include "models/video/motion_search.h"
#include "models/video/phase_warp.h"
#include "models/video/search_planes.h"
#include "tests/models/tensors.h"
#include "tests/models/video/tiny_motion.h"

namespace tessera::models {
namespace {

using test::close;
using test::moving_texture;
using test::random_integers;
using test::random_normal;
using test::same;

TEST(Vectors, RebuildInvertsThePrediction) {
  uint64_t seed = 1;
  for (const auto& [h, w] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {1, 7}, {6, 1}, {2, 2}, {9, 13}}) {
    const at::Tensor v = random_integers({2, h, w, 2}, 300, seed++);
    EXPECT_TRUE(same(rebuild_vectors(v - predict_vectors(v)), v)) << h << " x " << w;
  }
}

TEST(Vectors, MedianOfTheNeighbours) {
  at::Tensor v = at::zeros({1, 2, 3, 2});
  v[0][0][1][0] = 5;   // top
  v[0][0][2][0] = 9;   // top right
  v[0][1][0][0] = 7;   // left
  EXPECT_EQ(predict_vectors(v)[0][1][1][0].item<float>(), 7.f);
  EXPECT_EQ(predict_vectors(v)[0][0][2][0].item<float>(), 5.f);  // first row: the left one
  EXPECT_EQ(predict_vectors(v)[0][1][0][0].item<float>(), 0.f);  // first column: median of top, top, top right
}

// A pan costs one vector.
TEST(Vectors, AUniformFieldLeavesOneResidual) {
  const at::Tensor v = at::full({1, 4, 5, 2}, -12.f);
  const at::Tensor residual = v - predict_vectors(v);
  EXPECT_EQ(residual.ne(0).sum().item<int64_t>(), 2);
}

TEST(Vectors, DamagedResidualsStayInRange) {
  const at::Tensor v = rebuild_vectors(at::full({1, 8, 8, 2}, 3000.f));
  EXPECT_LE(v.abs().max().item<float>(), static_cast<float>(kVectorMax));
}

TEST(Vectors, DenseOrder) {
  VectorField f = zero_vectors(1, 1, 2, at::TensorOptions().dtype(at::kFloat));
  f.coarse[0][0][1][0] = 10;
  f.delta[0][0][1][2 * 2 + 1] = 3;  // bottom left, y
  const at::Tensor d = dense_vectors(f);
  EXPECT_EQ(d.sizes(), at::IntArrayRef({1, 2, 4, 2}));
  EXPECT_EQ(d[0][1][2][0].item<float>(), 10.f);
  EXPECT_EQ(d[0][1][2][1].item<float>(), 3.f);
  EXPECT_EQ(d[0][0][2][1].item<float>(), 0.f);
  EXPECT_EQ(d[0][1][1][0].item<float>(), 0.f);
}

TEST(Vectors, WholeSampleWarpIsAShift) {
  const Planes p = {random_normal({1, 1, 32, 32}, 5), random_normal({1, 2, 16, 16}, 6)};
  VectorField f = zero_vectors(1, 2, 2, p.y.options());
  f.coarse.select(3, 0).fill_(4 * 2);
  f.coarse.select(3, 1).fill_(-4 * 4);
  const Planes moved = warp(p, dense_vectors(f));
  EXPECT_TRUE(close(moved.y.narrow(2, 8, 16).narrow(3, 8, 16), p.y.narrow(2, 4, 16).narrow(3, 10, 16), 1e-4));
  EXPECT_TRUE(close(moved.uv.narrow(2, 4, 8).narrow(3, 4, 8), p.uv.narrow(2, 2, 8).narrow(3, 5, 8), 1e-4));
}

TEST(Vectors, GatherCopiesExactlyAndClampsAtTheEdges) {
  const at::Tensor x = random_normal({2, 3, 4, 5}, 7);
  at::Tensor shift = at::zeros({2, 3, 4, 2});
  EXPECT_TRUE(same(gather_blocks(x, shift), x));
  shift[1][0][0][0] = 2;
  shift[1][0][0][1] = 1;
  shift[0][2][3][0] = 100;
  shift[0][2][3][1] = -100;
  const at::Tensor y = gather_blocks(x, shift);
  EXPECT_TRUE(same(y[1][0][0], x[1][1][2]));
  EXPECT_TRUE(same(y[0][2][3], x[0][0][3]));
}

TEST(Vectors, WholeShiftRounds) {
  const at::Tensor v = at::tensor(std::vector<float>{-33, -32, -31, 0, 31, 32, 95, 96});
  EXPECT_TRUE(same(whole_shift(v, 64), at::tensor(std::vector<float>{-1, 0, 0, 0, 0, 1, 1, 2})));
}

using Finder = VectorField (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&, const SearchOptions&);
constexpr Finder kFinders[] = {search_vectors_by_tensors, search_vectors_cpu, search_vectors_coloured};
constexpr Interpolation kKinds[] = {Interpolation::bicubic, Interpolation::lagrange};

class Search : public testing::TestWithParam<std::pair<double, double>> {};

TEST_P(Search, FindsAPan) {
  const auto [dx, dy] = GetParam();
  const Planes before = moving_texture(96, 128, dx, dy, 0), now = moving_texture(96, 128, dx, dy, 1);
  for (const Finder find : kFinders) {
    const VectorField f = find(now.y, before.y, at::full({1, 1, 1}, 4.0), {});
    // Away from the edges, where the match lies outside of the picture.
    const at::Tensor inner = f.coarse.narrow(1, 2, 2).narrow(2, 2, 4);
    const at::Tensor expected = at::tensor(std::vector<float>{static_cast<float>(-4 * dx), static_cast<float>(-4 * dy)});
    EXPECT_LE((inner - expected).abs().max().item<float>(), 1.f) << inner;
    const Planes moved = warp(before, dense_vectors(f));
    const double error = (moved.y - now.y).narrow(2, 32, 32).narrow(3, 32, 64).square().mean().item<double>();
    EXPECT_LT(error, 2e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Speeds, Search, testing::Values(std::pair{0.0, 0.0}, std::pair{3.0, -2.0}, std::pair{-21.0, 13.0}, std::pair{0.25, 0.5}, std::pair{-5.75, 1.5}));

TEST(Search, StillPicturesHaveNoVectors) {
  const Planes p = moving_texture(64, 64, 0, 0, 0, 2);
  for (const Finder find : kFinders) {
    const VectorField f = find(p.y, p.y, at::full({2, 1, 1}, 8.0), {});
    EXPECT_EQ(f.coarse.abs().max().item<float>(), 0.f);
    EXPECT_EQ(f.delta.abs().max().item<float>(), 0.f);
  }
}

TEST(Search, QuartersFollowASmallObject) {
  const Planes still = moving_texture(64, 64, 0, 0, 0);
  at::Tensor before = still.y.clone(), now = still.y.clone();
  const at::Tensor object = at::rand({8, 8});
  before[0][0].narrow(0, 24, 8).narrow(1, 24, 8).copy_(object);
  now[0][0].narrow(0, 24, 8).narrow(1, 26, 8).copy_(object);
  now[0][0].narrow(0, 24, 8).narrow(1, 24, 2).copy_(still.y[0][0].narrow(0, 24, 8).narrow(1, 24, 2));
  const auto error = [&](Finder find, bool quarters) {
    const VectorField f = find(now, before, at::full({1, 1, 1}, 2.0), {.reach = 16, .quarters = quarters});
    return (warp_luma(before, dense_vectors(f)) - now).square().sum().item<double>();
  };
  for (const Finder find : kFinders) EXPECT_LT(error(find, true), 0.7 * error(find, false));
}

// Whatever the threads, and for vectors that point far out of the picture.
TEST(Search, LoopsRepeatAndStayInRange) {
  const Planes before = moving_texture(176, 48, 0, 0, 0, 2), now = moving_texture(176, 48, 40, -60, 1, 2);
  const at::Tensor penalty = at::full({2, 1, 1}, 3.0);
  for (const Finder find : {search_vectors_cpu, search_vectors_coloured}) {
    const VectorField one = find(now.y, before.y, penalty, {.reach = 256});
    set_threads(3);
    const VectorField three = find(now.y, before.y, penalty, {.reach = 256});
    set_threads(1);
    EXPECT_TRUE(same(three.coarse, one.coarse));
    EXPECT_TRUE(same(three.delta, one.delta));
    EXPECT_LE(one.coarse.abs().max().item<float>(), static_cast<float>(kVectorMax));
    EXPECT_LE(one.delta.abs().max().item<float>(), static_cast<float>(kDeltaMax));
  }
}

// The loops find predictions as good as those of the tensor operators.
TEST(Search, AllWaysAreEquallyGood) {
  const Planes before = moving_texture(96, 96, 2.25, -3.5, 4), now = moving_texture(96, 96, 2.25, -3.5, 5);
  const auto error = [&](Finder find) {
    return (warp_luma(before.y, dense_vectors(find(now.y, before.y, at::full({1, 1, 1}, 4.0), {}))) - now.y).abs().mean().item<double>();
  };
  EXPECT_NEAR(error(search_vectors_cpu), error(search_vectors_by_tensors), 1e-3);
  EXPECT_NEAR(error(search_vectors_cpu), error(search_vectors_coloured), 1e-3);
}

// Each search compares what its interpolation predicts: a picture that one of them moved is found again without error by the same one, not by the other.
TEST(Search, KnowsTheInterpolation) {
  // A texture that leads the search, and noise: much between the samples for kernels to differ in.
  at::manual_seed(11);
  const at::Tensor before = moving_texture(96, 96, 0, 0, 0).y * 0.7 + at::rand({1, 1, 96, 96}) * 0.3;
  VectorField truth = zero_vectors(1, 6, 6, before.options());
  truth.coarse.select(3, 0).fill_(6);
  truth.coarse.select(3, 1).fill_(-9);
  for (const Interpolation kind : kKinds) {
    const at::Tensor now = warp_luma(before, dense_vectors(truth), kind).clamp(0, 1);
    for (const Finder find : kFinders) {
      const VectorField f = find(now, before, at::full({1, 1, 1}, 4.0), {.reach = 16, .interpolation = kind});
      EXPECT_TRUE(same(f.coarse.narrow(1, 1, 4).narrow(2, 1, 4), truth.coarse.narrow(1, 1, 4).narrow(2, 1, 4))) << name_of(kind);
    }
  }
}

// Planes at quarter positions, and places that vectors far out of the picture are brought back to: as warp() has it, to the rounding of 8 bits and of the taps.
TEST(Search, QuarterPositionsAreThoseOfTheWarp) {
  at::manual_seed(12);
  const at::Tensor picture = (at::rand({1, 1, 32, 48}) * 255).round() / 255;
  for (const Interpolation kind : kKinds) {
    const auto& planes = quarter_positions(padded(picture.const_data_ptr<float>(), 48, 32), kind);
    for (const auto& [vx, vy] : {std::pair{1, 0}, {0, 2}, {3, 3}, {-5, 6}, {-170, 171}, {175, -181}, {4095, 2}, {-4095, -4094}}) {
      const at::Tensor moved = warp_planes_by_phases(picture, at::tensor({static_cast<float>(vx), static_cast<float>(vy)}).expand({1, 4, 6, 2}), 8, 4, kind)[0][0];
      for (int side : {8, 16}) {
        for (int y = 0; y < 32; y += side) {
          for (int x = 0; x < 48; x += side) {
            const coloured::Place p = coloured::place_of(x, y, side, {vx, vy}, 48, 32);
            for (int k = 0; k < side * side; ++k) {
              const double expected = std::clamp(moved[y + k / side][x + k % side].item<double>() * 255, 0.0, 255.0);
              ASSERT_NEAR(*planes[static_cast<size_t>(p.plane)].at(p.x + k % side, p.y + k / side), expected, 6.5) << name_of(kind) << ' ' << vx << ' ' << vy;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace tessera::models
