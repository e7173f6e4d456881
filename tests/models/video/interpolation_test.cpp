// The kernels themselves, and pictures moved by them with tensor operators.
#include "models/video/interpolation.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "models/video/coloured_search.h"
#include "models/video/phase_warp.h"
#include "models/video/vectors.h"
#include "tests/models/tensors.h"

namespace tessera::models {
namespace {

using test::close;
using test::random_integers;
using test::random_normal;

constexpr Interpolation kKinds[] = {Interpolation::bicubic, Interpolation::lagrange};

// What a phase's taps give for a function at the samples -3 .. 4.
template <class Function>
double applied(const WarpTaps& taps, Function f) {
  double sum = 0;
  for (int i = 0; i < kWarpTaps; ++i) sum += static_cast<double>(taps[static_cast<size_t>(i)]) * f(i - 3);
  return sum;
}

double largest_gain(Interpolation kind) {
  double largest = 0;
  for (const WarpTaps& taps : warp_taps(kind)) {
    for (int k = 0; k <= 2000; ++k) {
      std::complex<double> sum = 0;
      for (int i = 0; i < kWarpTaps; ++i) sum += static_cast<double>(taps[static_cast<size_t>(i)]) * std::polar(1.0, std::numbers::pi * k / 2000 * i);
      largest = std::max(largest, std::abs(sum));
    }
  }
  return largest;
}

TEST(Interpolation, TapsSumToOneAndMirror) {
  for (const Interpolation kind : kKinds) {
    const auto& taps = warp_taps(kind);
    for (size_t p = 0; p < kWarpPhases; ++p) {
      EXPECT_NEAR(applied(taps[p], [](int) { return 1.0; }), 1, 2e-7) << name_of(kind) << ' ' << p;
      for (size_t i = 0; p > 0 && i < kWarpTaps; ++i) EXPECT_NEAR(taps[p][i], taps[kWarpPhases - p][kWarpTaps - 1 - i], 1e-7);
    }
    for (size_t i = 0; i < kWarpTaps; ++i) EXPECT_EQ(taps[0][i], i == 3 ? 1.f : 0.f);
  }
}

TEST(Interpolation, BicubicIsWhatItWas) {
  const auto& taps = warp_taps(Interpolation::bicubic);
  EXPECT_EQ(tap_count(Interpolation::bicubic), 4);
  EXPECT_EQ(taps[4], (WarpTaps{0, 0, -0.09375f, 0.59375f, 0.59375f, -0.09375f, 0, 0}));
  EXPECT_EQ(taps[2], (WarpTaps{0, 0, -0.10546875f, 0.87890625f, 0.26171875f, -0.03515625f, 0, 0}));
  EXPECT_EQ(taps_of(Interpolation::bicubic, 2), &taps[2][2]);
  EXPECT_EQ(taps_of(Interpolation::lagrange, 2), &warp_taps(Interpolation::lagrange)[2][0]);
}

TEST(Interpolation, LagrangeIsExactOnPolynomials) {
  const auto& taps = warp_taps(Interpolation::lagrange);
  for (size_t p = 0; p < kWarpPhases; ++p) {
    const double t = static_cast<double>(p) / kWarpPhases;
    for (int degree = 0; degree <= 7; ++degree) {  // of x/4, so that the rounding of the taps to float32 stays small
      EXPECT_NEAR(applied(taps[p], [&](int x) { return std::pow(x / 4.0, degree); }), std::pow(t / 4, degree), 4e-7) << p << ' ' << degree;
    }
    const double beyond = applied(taps[p], [](int x) { return std::pow(x / 4.0, 8); }) - std::pow(t / 4, 8);
    EXPECT_EQ(std::abs(beyond) > 1e-4, p > 0) << p;
  }
}

// Nothing that is moved again and again grows.
TEST(Interpolation, OnlyBicubicAmplifies) {
  EXPECT_LE(largest_gain(Interpolation::lagrange), 1 + 1e-6);
  EXPECT_NEAR(largest_gain(Interpolation::bicubic), 1.03, 0.01);
}

TEST(Interpolation, Names) {
  Interpolation kind = Interpolation::bicubic;
  for (const Interpolation known : kKinds) {
    EXPECT_TRUE(interpolation_of(name_of(known), kind));
    EXPECT_EQ(kind, known);
  }
  EXPECT_FALSE(interpolation_of("Bicubic", kind));
  EXPECT_FALSE(interpolation_of("", kind));
}

// The search's taps: of all that sum to 128 those next to the kernel's.
TEST(Interpolation, TapsOfTheSearch) {
  for (const Interpolation kind : kKinds) {
    const int count = coloured::search_taps(kind), skipped = (kWarpTaps - count) / 2;
    for (int q = 0; q < 4; ++q) {
      const WarpTaps& exact = warp_taps(kind)[static_cast<size_t>(2 * q)];
      int sum = 0, low = 0, high = 0;
      for (int i = 0; i < kWarpTaps; ++i) {
        const bool inside = i >= skipped && i < skipped + count;
        const int tap = inside ? coloured::tap(kind, q, i - skipped) : 0;
        EXPECT_LT(std::abs(static_cast<float>(tap) - 128 * exact[static_cast<size_t>(i)]), 1) << name_of(kind) << ' ' << q << ' ' << i;
        sum += tap;
        (tap < 0 ? low : high) += 255 * tap;
      }
      EXPECT_EQ(sum, 128);
      EXPECT_GE(low >> 2, INT16_MIN);
      EXPECT_LE(high >> 2, INT16_MAX);
    }
  }
}

// A smooth picture, moved there: a polynomial away from the edges.
TEST(PhaseWarp, LagrangeMovesAPolynomial) {
  const auto polynomial = [](const at::Tensor& x) { return ((x * 0.5 - 0.3) * x * x + 0.2) * x * x * x * x - x * 0.7 + 0.1; };
  const auto picture = [&](double dx, double dy) {
    const at::Tensor x = (at::arange(64, at::kDouble) - 32 + dx) / 32, y = (at::arange(48, at::kDouble) - 24 + dy) / 32;
    return (polynomial(x).reshape({1, 1, 1, 64}) * polynomial(y).reshape({1, 1, 48, 1})).to(at::kFloat);
  };
  for (const auto& [vx, vy] : {std::pair{1, 3}, {-5, 2}, {4, -7}}) {
    const at::Tensor dense = at::tensor({static_cast<float>(vx), static_cast<float>(vy)}).expand({1, 6, 8, 2});
    const at::Tensor moved = warp_planes_by_phases(picture(0, 0), dense, 8, 4, Interpolation::lagrange);
    EXPECT_TRUE(close(moved.narrow(2, 8, 32).narrow(3, 8, 48), picture(vx / 4.0, vy / 4.0).narrow(2, 8, 32).narrow(3, 8, 48), 1e-6)) << vx << ' ' << vy;
  }
}

// Warping is linear in the planes: the gradient is that of finite differences, whatever their size, here in both directions of a random plane.
TEST(PhaseWarp, GradientReachesThePlanes) {
  for (const Interpolation kind : kKinds) {
    for (const auto& [side, steps] : {std::pair<int64_t, int64_t>{8, 4}, {4, 8}}) {
      const at::Tensor dense = random_integers({2, 24 / side, 16 / side, 2}, 60, 3);
      at::Tensor planes = random_normal({2, 2, 24, 16}, 4).set_requires_grad(true);
      const at::Tensor weight = random_normal({2, 2, 24, 16}, 5), step = random_normal({2, 2, 24, 16}, 6);
      const at::Tensor value = (warp_planes_by_phases(planes, dense, side, steps, kind) * weight).sum();
      torch::autograd::backward({value}, {});
      const at::NoGradGuard none;
      const at::Tensor up = warp_planes_by_phases(planes + step, dense, side, steps, kind), down = warp_planes_by_phases(planes - step, dense, side, steps, kind);
      const double expected = ((up - down) * weight).to(at::kDouble).sum().item<double>() / 2, found = (planes.grad() * step).to(at::kDouble).sum().item<double>();
      EXPECT_NEAR(found, expected, 1e-3) << name_of(kind) << ' ' << side;
    }
  }
}

// Training on a CPU, through warp() itself.
TEST(PhaseWarp, GradientOfWarp) {
  const at::Tensor dense = random_integers({1, 4, 4, 2}, 30, 8), dy = random_normal({1, 1, 32, 32}, 9), duv = random_normal({1, 2, 16, 16}, 10);
  for (const Interpolation kind : kKinds) {
    Planes p = {random_normal({1, 1, 32, 32}, 1).set_requires_grad(true), random_normal({1, 2, 16, 16}, 2).set_requires_grad(true)};
    at::Tensor y = p.y.detach().clone().set_requires_grad(true), uv = p.uv.detach().clone().set_requires_grad(true);
    const Planes moved = warp(p, dense, kind);
    torch::autograd::backward({moved.y, moved.uv}, {dy, duv});
    torch::autograd::backward({warp_planes_by_phases(y, dense, 8, 4, kind), warp_planes_by_phases(uv, dense, 4, 8, kind)}, {dy, duv});
    EXPECT_TRUE(close(p.y.grad(), y.grad(), kind == Interpolation::bicubic ? 2e-3 : 1e-6));
    EXPECT_TRUE(close(p.uv.grad(), uv.grad(), kind == Interpolation::bicubic ? 2e-3 : 1e-6));
  }
}

}  // namespace
}  // namespace tessera::models
