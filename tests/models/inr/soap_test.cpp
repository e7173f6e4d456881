// The optimiser of the overfitted networks' weights against Adam, and what a bad gradient does to it. What it gains: docs/results/overfit.md.
#include "models/inr/soap.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <limits>

namespace tessera::test {
namespace {

using namespace models::inr;

constexpr int64_t kRows = 6, kColumns = 5, kTotal = 3 + kRows * kColumns + 2;  // three numbers, a matrix, two numbers

struct Problem {
  at::Tensor values = at::zeros({kTotal}), moments = at::zeros({2, kTotal}), steps = at::zeros({});
  Soap soap{{{3, kRows, kColumns}}, kTotal, at::TensorOptions().dtype(at::kFloat)};

  void step(const at::Tensor& gradient, bool by_soap) {
    values.mutable_grad() = gradient;
    const AdamStep adam(steps, at::isfinite(gradient.sum()));
    if (by_soap) {
      soap.update(adam, values, moments, at::full({}, 0.01));
    } else {
      adam.update(values, moments, at::full({}, 0.01));
    }
  }
};

at::Tensor random(at::IntArrayRef sizes, uint64_t seed) { return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed)); }

TEST(Soap, IsAdamBeforeItsBasesTurn) {
  Problem a, b;
  for (uint64_t i = 0; i < 20; ++i) {
    const at::Tensor g = random({kTotal}, i);
    a.step(g, true);
    b.step(g, false);
  }
  EXPECT_TRUE(at::allclose(a.values, b.values, 1e-4, 1e-6));
}

TEST(Soap, BasesStayOrthogonal) {
  Problem p;
  for (uint64_t i = 0; i < 50; ++i) {
    at::Tensor g = random({kTotal}, i);
    g.narrow(0, 3, 2 * kColumns).zero_();  // rows without a gradient
    p.step(g, true);
    if (i % 10 == 9) p.soap.refresh(p.moments);
  }
  const at::Tensor bases = p.soap.state()[1], left = bases.narrow(0, 0, kRows * kRows).view({kRows, kRows});
  EXPECT_FALSE(at::allclose(left, at::eye(kRows), 0, 1e-3));
  EXPECT_TRUE(at::allclose(at::matmul(left.t(), left), at::eye(kRows), 0, 1e-5));
  EXPECT_TRUE(at::isfinite(p.values).all().item<bool>());
}

TEST(Soap, AGradientThatIsNotFiniteChangesNothing) {
  Problem p;
  for (uint64_t i = 0; i < 5; ++i) p.step(random({kTotal}, i), true);
  const at::Tensor before = p.values.clone(), averages = p.soap.state()[0].clone();
  at::Tensor g = random({kTotal}, 9);
  g[4] = std::numeric_limits<float>::quiet_NaN();
  p.step(g, true);
  EXPECT_TRUE(at::equal(p.values, before));
  EXPECT_TRUE(at::equal(p.soap.state()[0], averages));
}

}  // namespace
}  // namespace tessera::test
