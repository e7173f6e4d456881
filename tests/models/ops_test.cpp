// The project's own operators against libtorch's.
#include "models/ops.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/models/tensors.h"

namespace tessera::models {
namespace {

using test::close;
using test::random_normal;
using test::same;
using test::Threads;

// Batch, height, width, channels: odd sides, sides of one, channel counts that fill no vector.
const std::vector<std::array<int64_t, 4>> kShapes = {
    {1, 1, 1, 1}, {1, 1, 6, 3}, {1, 6, 1, 8}, {2, 2, 2, 17}, {3, 5, 7, 16}, {1, 33, 31, 40}, {2, 16, 16, 64}};

at::Tensor stock_depthwise(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b, double slope) {
  const int64_t c = x.size(3);
  const at::Tensor a = slope == 1.0 ? x : at::leaky_relu(x, slope);
  return at::conv2d(a.permute({0, 3, 1, 2}), w.t().reshape({c, 1, 3, 3}), b, 1, 1, 1, c)
      .permute({0, 2, 3, 1});
}

TEST(Depthwise3x3, EqualsConv2d) {
  for (const auto& s : kShapes) {
    for (const double slope : {1.0, 0.01, 0.0, 0.125}) {
      const at::Tensor x = random_normal(s, 1), w = random_normal({9, s[3]}, 2), b = random_normal({s[3]}, 3);
      EXPECT_TRUE(close(depthwise3x3(x, w, b, slope), stock_depthwise(x, w, b, slope), 2e-6))
          << x.sizes() << ", slope " << slope;
    }
  }
}

TEST(Depthwise3x3, TakesViewsAndOtherTypes) {
  const at::Tensor x = random_normal({2, 12, 7, 5}, 4).permute({0, 2, 3, 1});
  const at::Tensor w = random_normal({9, 12}, 5), b = random_normal({12}, 6);
  ASSERT_FALSE(x.is_contiguous());
  EXPECT_TRUE(close(depthwise3x3(x, w, b, 0.01), stock_depthwise(x, w, b, 0.01), 2e-6));
  const at::Tensor twice = depthwise3x3(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble), 0.01);
  EXPECT_EQ(twice.scalar_type(), at::kDouble);
  EXPECT_TRUE(close(twice, stock_depthwise(x, w, b, 0.01), 2e-6));
}

// Rows are shared out among threads, and each thread keeps the activated rows around its own.
TEST(Depthwise3x3, DoesNotDependOnThreads) {
  const at::Tensor x = random_normal({2, 37, 11, 24}, 7), w = random_normal({9, 24}, 8),
                   b = random_normal({24}, 9);
  at::Tensor one;
  {
    const Threads threads(1);
    one = depthwise3x3(x, w, b, 0.01);
  }
  for (const int n : {2, 3, 8}) {
    const Threads threads(n);
    EXPECT_TRUE(same(one, depthwise3x3(x, w, b, 0.01))) << n;
  }
}

TEST(Depthwise3x3, GradientsEqualTheStockOperators) {
  for (const auto& s : kShapes) {
    for (const double slope : {1.0, 0.01}) {
      std::array<std::array<at::Tensor, 3>, 2> grads;
      const at::Tensor g = random_normal(s, 20);
      for (size_t own = 0; own < 2; ++own) {
        at::Tensor x = random_normal(s, 21).requires_grad_(),
                   w = random_normal({9, s[3]}, 22).requires_grad_();
        at::Tensor b = random_normal({s[3]}, 23).requires_grad_();
        const at::Tensor y = own == 1 ? depthwise3x3(x, w, b, slope) : stock_depthwise(x, w, b, slope);
        (y * g).sum().backward();
        grads[own] = {x.grad(), w.grad(), b.grad()};
      }
      for (size_t i = 0; i < 3; ++i)
        EXPECT_TRUE(close(grads[1][i], grads[0][i], 2e-5))
            << "shape " << at::IntArrayRef(s) << ", gradient " << i;
    }
  }
}

at::Tensor stock_gate(const at::Tensor& x) {
  const auto halves = x.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
}

TEST(GatedSilu, EqualsSiluTimesValue) {
  for (const auto& s : kShapes) {
    const at::Tensor x = random_normal({s[0], s[1], s[2], 2 * s[3]}, 30) * 5;
    EXPECT_TRUE(close(gated_silu(x), stock_gate(x), 1e-6)) << x.sizes();
    EXPECT_EQ(gated_silu(x).size(3), s[3]);
  }
}

// Its exponential is a polynomial of our own: over the whole range of float32 gates, relative to the exact
// value.
TEST(GatedSilu, IsAccurateForEveryGate) {
  const at::Tensor g = at::cat({at::linspace(-110, 110, 200001, at::kFloat),
                                at::tensor(std::vector<float>{-1e8f, -1e4f, -0.f, 1e4f, 1e30f})});
  const at::Tensor x = at::stack({g, at::ones_like(g)}, -1).reshape({1, 1, -1, 2});
  const at::Tensor y = gated_silu(x).reshape({-1}), exact = at::silu(g.to(at::kDouble));
  EXPECT_TRUE(at::isfinite(y).all().item<bool>());
  const at::Tensor error = (y - exact).abs(), magnitude = exact.abs();
  EXPECT_LT((error / magnitude.clamp_min(1e-3)).max().item<double>(), 1e-6);
  // The argument of the exponential is rounded to float32, which tells in far tails; below -80 nothing is as
  // good as a denormal.
  EXPECT_LT((error / magnitude.clamp_min(1e-20)).max().item<double>(), 1e-5);
}

TEST(GatedSilu, GradientEqualsTheStockOperators) {
  at::Tensor a = (random_normal({2, 3, 5, 34}, 31) * 4).requires_grad_(),
             b = a.detach().clone().requires_grad_();
  const at::Tensor g = random_normal({2, 3, 5, 17}, 32);
  (gated_silu(a) * g).sum().backward();
  (stock_gate(b) * g).sum().backward();
  EXPECT_TRUE(close(a.grad(), b.grad(), 1e-5));
}

// In double precision, where finite differences are sharp.
TEST(GatedSilu, GradientEqualsFiniteDifferences) {
  at::Tensor x = random_normal({1, 1, 4, 6}, 33).to(at::kDouble).requires_grad_();
  const at::Tensor g = random_normal({1, 1, 4, 3}, 34).to(at::kDouble);
  (gated_silu(x) * g).sum().backward();
  const double step = 1e-5;
  for (int64_t i = 0; i < x.numel(); ++i) {
    at::Tensor moved = at::zeros({x.numel()}, at::kDouble);
    moved[i] = step;
    moved = moved.reshape(x.sizes());
    const double up = (gated_silu(x.detach() + moved) * g).sum().item<double>();
    const double down = (gated_silu(x.detach() - moved) * g).sum().item<double>();
    EXPECT_NEAR(x.grad().reshape({-1})[i].item<double>(), (up - down) / (2 * step), 1e-8) << i;
  }
}

TEST(GatedSilu, LimitClampsTheValueAndStopsTheGradient) {
  at::Tensor x = (random_normal({2, 3, 5, 34}, 38) * 4).requires_grad_(), y = x.detach().clone().requires_grad_();
  const at::Tensor g = random_normal({2, 3, 5, 17}, 39);
  const at::Tensor bounded = gated_silu(x, 2), clamped = stock_gate(y).clamp(-2, 2);
  EXPECT_GT((clamped.abs() == 2).sum().item<int64_t>(), 10);
  EXPECT_LT((clamped.abs() == 2).sum().item<int64_t>(), clamped.numel() - 10);
  EXPECT_TRUE(close(bounded, clamped, 1e-6));
  (bounded * g).sum().backward();
  (clamped * g).sum().backward();
  EXPECT_TRUE(close(x.grad(), y.grad(), 1e-5));
  EXPECT_TRUE(at::isnan(gated_silu(at::full({1, 1, 1, 2}, NAN), 2)).all().item<bool>());  // nothing is hidden
}

TEST(Linear, EqualsTheProductWithBias) {
  const at::Tensor x = random_normal({2, 3, 5, 7}, 35), w = random_normal({4, 7}, 36),
                   b = random_normal({4}, 37);
  EXPECT_TRUE(close(models::linear(x, w, b), at::matmul(x, w.t()) + b, 1e-6));
  EXPECT_TRUE(close(models::linear(x, w, at::Tensor()), at::matmul(x, w.t()), 1e-6));
}

TEST(SpaceToDepth, IsTheInverseOfDepthToSpace) {
  for (const int64_t s : {1, 2, 3, 8}) {
    const at::Tensor x = random_normal({2, 3 * s, 5 * s, 7}, 40);
    const at::Tensor folded = space_to_depth(x, s);
    EXPECT_EQ(folded.sizes(), at::IntArrayRef({2, 3, 5, 7 * s * s}));
    EXPECT_TRUE(same(depth_to_space(folded, s), x)) << s;
    const at::Tensor y = random_normal({2, 3, 5, 2 * s * s}, 41);
    EXPECT_TRUE(same(space_to_depth(depth_to_space(y, s), s), y)) << s;
  }
}

// The order is part of every trained model.
TEST(SpaceToDepth, OrdersChannelsByChannelRowColumn) {
  const int64_t s = 2, h = 3, w = 4, c = 5;
  const at::Tensor x = at::arange(h * s * w * s * c, at::kFloat).reshape({1, h * s, w * s, c});
  const at::Tensor y = space_to_depth(x, s);
  for (int64_t r = 0; r < h; ++r) {
    for (int64_t col = 0; col < w; ++col) {
      for (int64_t k = 0; k < c; ++k) {
        for (int64_t dy = 0; dy < s; ++dy) {
          for (int64_t dx = 0; dx < s; ++dx) {
            ASSERT_EQ(y[0][r][col][k * s * s + dy * s + dx].item<float>(),
                      x[0][r * s + dy][col * s + dx][k].item<float>());
          }
        }
      }
    }
  }
}

TEST(RoundSte, RoundsHalvesUpAndPassesTheGradient) {
  at::Tensor x = at::tensor(std::vector<float>{-1.5f, -0.5f, -0.4f, 0.5f, 1.49f, 2.5f}).requires_grad_();
  const at::Tensor y = round_ste(x);
  EXPECT_TRUE(same(y.detach(), at::tensor(std::vector<float>{-1, 0, 0, 1, 1, 3})));
  const at::Tensor g = random_normal({6}, 42);
  (y * g).sum().backward();
  EXPECT_TRUE(same(x.grad(), g));
}

// A gradient that would push further outside is cut; one that leads back passes.
TEST(ClampSte, PassesTheGradientThatLeadsBack) {
  at::Tensor x = at::tensor(std::vector<float>{-2, -2, 0, 0, 2, 2, -1, 1}).requires_grad_();
  const at::Tensor y = clamp_ste(x, -1, 1);
  EXPECT_TRUE(same(y.detach(), at::tensor(std::vector<float>{-1, -1, 0, 0, 1, 1, -1, 1})));
  (y * at::tensor(std::vector<float>{1, -1, 1, -1, 1, -1, 1, -1})).sum().backward();
  EXPECT_TRUE(same(x.grad(), at::tensor(std::vector<float>{0, -1, 1, -1, 1, 0, 1, -1})));
}

}  // namespace
}  // namespace tessera::models
