// Vector quantisers against a search by hand, and as they train.
#include "models/quantizer/quantizer.h"

#include <torch/csrc/autograd/autograd.h>

#include <limits>

#include "tests/models/tensors.h"

namespace tessera::models {
namespace {

using test::close;
using test::random_normal;
using test::same;

QuantizerConfig small(int64_t groups, bool linear) {
  QuantizerConfig c;
  c.dim = 12;
  c.groups = groups;
  c.levels = 3;
  c.codes = 32;
  c.linear = linear;
  return c;
}

struct Made {
  ParamSet params;
  Quantizer quantizer;
  explicit Made(const QuantizerConfig& c) : quantizer(params, "q", c) {
    params.initialise();
    quantizer.initialise();
  }
};

class QuantizerKinds : public testing::TestWithParam<std::pair<int, bool>> {};

TEST_P(QuantizerKinds, FindsTheNearestCodes) {
  Made m(small(GetParam().first, GetParam().second));
  const QuantizerConfig& c = m.quantizer.config();
  const at::Tensor z = random_normal({50, c.dim}, 1);
  const at::Tensor books = m.quantizer.codebooks();
  const at::Tensor found = m.quantizer.encode(z, c.levels);
  ASSERT_EQ(found.sizes(), (std::vector<int64_t>{50, c.levels, c.groups}));
  const int64_t d = c.dim / c.groups;
  for (int64_t g = 0; g < c.groups; ++g) {
    at::Tensor residual = z.narrow(1, g * d, d).clone();
    for (int64_t l = 0; l < c.levels; ++l) {
      for (int64_t n = 0; n < z.size(0); ++n) {
        int64_t best = -1;
        double least = std::numeric_limits<double>::infinity();
        for (int64_t k = 0; k < c.codes; ++k) {
          const double error = (residual[n] - books[l][g][k]).square().sum().item<double>();
          if (error < least) least = error, best = k;
        }
        ASSERT_EQ(found[n][l][g].item<int64_t>(), best) << "vector " << n << " level " << l << " group " << g;
        residual[n].sub_(books[l][g][best]);
      }
    }
  }
}

TEST_P(QuantizerKinds, ForwardAgreesWithEncodeAndDecode) {
  Made m(small(GetParam().first, GetParam().second));
  const at::Tensor z = random_normal({40, 12}, 2);
  const Quantizer::Output out = m.quantizer.forward(z, {}, false);
  EXPECT_TRUE(same(out.indices, m.quantizer.encode(z, 3)));
  EXPECT_TRUE(close(out.value, m.quantizer.decode(out.indices), 1e-5));
  // The first levels of a finer encoding are a coarser one; inactive levels add nothing.
  EXPECT_TRUE(same(m.quantizer.encode(z, 2), out.indices.narrow(1, 0, 2)));
  const at::Tensor active = at::arange(40, at::kFloat).remainder(4);
  const Quantizer::Output part = m.quantizer.forward(z, active, false);
  for (int64_t n = 0; n < 40; ++n) {
    const int64_t levels = n % 4;
    const at::Tensor expected = levels == 0 ? at::zeros({1, 12}) : m.quantizer.decode(out.indices.narrow(0, n, 1).narrow(1, 0, levels));
    EXPECT_TRUE(close(part.value.narrow(0, n, 1), expected, 1e-5));
  }
  const at::Tensor before = m.quantizer.decode(out.indices);
  m.quantizer.freeze();
  EXPECT_TRUE(same(m.quantizer.decode(out.indices), before));
}

TEST_P(QuantizerKinds, MoreLevelsAreCloser) {
  Made m(small(GetParam().first, GetParam().second));
  const at::Tensor z = random_normal({500, 12}, 3);
  double last = z.square().mean().item<double>();
  for (int64_t l = 1; l <= 3; ++l) {
    const double error = (m.quantizer.decode(m.quantizer.encode(z, l)) - z).square().mean().item<double>();
    EXPECT_LT(error, last);
    last = error;
  }
}

TEST_P(QuantizerKinds, CountsOnlyActiveLevelsInTraining) {
  Made m(small(GetParam().first, GetParam().second));
  const auto groups = static_cast<float>(GetParam().first);
  const at::Tensor z = random_normal({60, 12}, 4);
  m.quantizer.forward(z, {}, false);
  EXPECT_EQ(m.quantizer.counts().sum().item<double>(), 0);
  m.quantizer.forward(z, at::full({60}, 2.f), true);
  EXPECT_TRUE(same(m.quantizer.counts().sum(-1).sum(-1), at::tensor(std::vector<float>{60.f * groups, 60.f * groups, 0.f})));
  const at::Tensor perplexity = m.quantizer.perplexity(), usage = m.quantizer.usage();
  EXPECT_GT(perplexity[0].item<double>(), 8);
  EXPECT_LE(perplexity[0].item<double>(), 32);
  EXPECT_GT(usage[0].item<double>(), 0.3);
  EXPECT_EQ(usage[2].item<double>(), 0);
  m.quantizer.clear_counts();
  EXPECT_EQ(m.quantizer.counts().sum().item<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, QuantizerKinds,
                         testing::Values(std::pair{1, true}, std::pair{2, true}, std::pair{1, false}, std::pair{3, false}));

TEST(Quantizer, GradientsPassStraightAndPullBothSides) {
  Made m(small(2, true));
  for (Param& p : m.params.list()) p.tensor.set_requires_grad(true);
  const at::Tensor z = random_normal({30, 12}, 5).requires_grad_();
  const at::Tensor g = random_normal({30, 12}, 6);
  Quantizer::Output out = m.quantizer.forward(z, {}, false);
  torch::autograd::backward({(out.value * g).sum()}, {});
  EXPECT_TRUE(close(z.grad(), g, 1e-6));
  z.mutable_grad().zero_();
  out = m.quantizer.forward(z, {}, false);
  torch::autograd::backward({out.loss}, {});
  EXPECT_GT(z.grad().abs().sum().item<double>(), 0);
  EXPECT_GT(m.params.find("q.map")->tensor.grad().abs().sum().item<double>(), 0);
  // One step down the gradient lowers the loss.
  const double before = out.loss.item<double>();
  {
    const at::NoGradGuard no_grad;
    for (Param& p : m.params.list()) p.tensor.sub_(p.tensor.grad() * 0.02);
  }
  EXPECT_LT(m.quantizer.forward(z, {}, false).loss.item<double>(), before);
}

TEST(Quantizer, RandomLevelsCoverTheRange) {
  Made m(small(1, true));
  at::manual_seed(7);
  const at::Tensor levels = m.quantizer.random_levels(3000, 0.25);
  const at::Tensor share = at::stack({levels.eq(1), levels.eq(2), levels.eq(3)}).to(at::kFloat).mean(1);
  EXPECT_NEAR(share[0].item<double>(), 0.25, 0.04);
  EXPECT_NEAR(share[1].item<double>(), 0.25, 0.04);
  EXPECT_NEAR(share[2].item<double>(), 0.50, 0.04);
}

TEST(Quantizer, MovingCodesFindClusters) {
  QuantizerConfig c = small(1, false);
  c.dim = 4;
  c.levels = 1;
  c.codes = 8;
  c.decay = 0.9;
  Made m(c);
  at::manual_seed(8);
  const at::Tensor centres = random_normal({8, 4}, 9) * 3 + 10;  // far from every initial code
  double error = 0;
  for (int step = 0; step < 300; ++step) {
    const at::Tensor pick = at::randint(0, 8, {64}, at::kLong);
    const at::Tensor z = centres.index_select(0, pick) + at::randn({64, 4}) * 0.05;
    error = (m.quantizer.forward(z, {}, true).value - z).square().mean().item<double>();
  }
  EXPECT_LT(error, 2);  // codes that never move are at about 100, all codes in one place at 9
}

TEST(Quantizer, RefusesImpossibleShapes) {
  QuantizerConfig c;
  c.groups = 3;
  EXPECT_THROW(c.check(), std::runtime_error);
  QuantizerConfig huge;  // every number within its range, and 68 GB of codes
  huge.dim = 4096;
  huge.levels = 64;
  huge.codes = 65536;
  EXPECT_THROW(huge.check(), std::runtime_error);
  Made m(small(1, true));
  EXPECT_THROW(m.quantizer.encode(at::zeros({1, 12}), 4), std::invalid_argument);
  EXPECT_THROW(m.quantizer.decode(at::zeros({1, 4, 1}, at::kLong)), std::invalid_argument);
}

}  // namespace
}  // namespace tessera::models
