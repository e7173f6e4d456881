// The `still` network with a tiny configuration: the coding order, determinism, the losses.
#include "models/still.h"

#include <gtest/gtest.h>

#include "models/still_model.h"
#include "tests/models/tensors.h"
#include "tests/models/tiny_still.h"

namespace tessera::models {
namespace {

using exact::Mode;
using test::close;
using test::random_integers;
using test::random_normal;
using test::same;
using test::Threads;

class TinyStill : public testing::Test {
 protected:
  TinyStill() : network(test::tiny_config()) { test::randomise(network, 100); }
  static at::Tensor quality(int64_t batch, double q) { return at::full({batch, 1, 1, 1}, q, at::kFloat); }
  at::Tensor feature(int64_t b, int64_t h, int64_t w) const {
    return random_integers({b, h, w, network.config().hyper_channels}, 300, 1);
  }
  Still network;
};

TEST_F(TinyStill, MasksPartitionTheLatents) {
  const int64_t m = network.config().latents;
  for (const auto& [h, w] : std::vector<std::pair<int64_t, int64_t>>{{2, 2}, {4, 8}, {12, 4}}) {
    const at::Tensor ones = at::ones({2, h, w, m});
    at::Tensor sum = at::zeros_like(ones);
    for (int step = 0; step < 4; ++step) {
      const at::Tensor part = network.masked(step, ones);
      EXPECT_TRUE(part.eq(0).logical_or(part.eq(1)).all().item<bool>());
      // One position of each 2x2 square a channel, and a quarter of the channels at each position.
      const at::Tensor squares = part.reshape({2, h / 2, 2, w / 2, 2, m}).sum({2, 4});
      EXPECT_TRUE(same(squares, at::ones_like(squares))) << step;
      const at::Tensor channels = part.sum({3});
      EXPECT_TRUE(same(channels, at::full_like(channels, static_cast<double>(m) / 4))) << step;
      sum += part;
    }
    EXPECT_TRUE(same(sum, ones));
  }
}

TEST_F(TinyStill, ContextCoversEveryLatentOnce) {
  const at::NoGradGuard no_grad;
  const at::Tensor y = random_normal({2, 4, 6, network.config().latents}, 2);
  int steps = 0;
  const at::Tensor decoded =
      network.run_context(feature(2, 4, 6), quality(2, 0.4), [&](int step, const at::Tensor& mean) {
        EXPECT_EQ(step, steps++);
        EXPECT_EQ(mean.sizes(), y.sizes());
        return y;
      });
  EXPECT_EQ(steps, 4);
  EXPECT_TRUE(same(decoded, y));
}

// A decoder has not yet got the latents of later steps: a mean may depend on earlier ones only.
TEST_F(TinyStill, MeansDependOnEarlierStepsOnly) {
  const at::NoGradGuard no_grad;
  const at::Tensor y = random_normal({1, 4, 4, network.config().latents}, 3) * 5;
  const auto means = [&](int changed) {
    std::vector<at::Tensor> out;
    network.run_context(feature(1, 4, 4), quality(1, 0.5), [&](int step, const at::Tensor& mean) {
      out.push_back(mean);
      return step >= changed ? y + 3 : y;
    });
    return out;
  };
  const auto reference = means(4);
  for (int changed = 0; changed < 4; ++changed) {
    const auto other = means(changed);
    for (int step = 0; step < 4; ++step) {
      EXPECT_EQ(at::equal(reference[static_cast<size_t>(step)], other[static_cast<size_t>(step)]),
                step <= changed)
          << changed << ", " << step;
    }
  }
}

// Encoder and decoder run the same context model; the decoder knows the symbols only.
TEST_F(TinyStill, DecoderRebuildsTheEncodersLatents) {
  const at::NoGradGuard no_grad;
  const at::Tensor y = random_normal({1, 6, 4, network.config().latents}, 4) * 4, q = quality(1, 0.7),
                   f = feature(1, 6, 4);
  std::vector<at::Tensor> symbols;
  const at::Tensor encoded = network.run_context(f, q, [&](int, const at::Tensor& mean) {
    symbols.push_back(at::floor(y - mean + 0.5));
    return symbols.back() + mean;
  });
  const at::Tensor decoded = network.run_context(
      f, q, [&](int step, const at::Tensor& mean) { return symbols[static_cast<size_t>(step)] + mean; });
  EXPECT_TRUE(same(decoded, encoded));
  EXPECT_LE((encoded - y).abs().max().item<float>(), 0.5001f);
}

TEST_F(TinyStill, ShapesOfTheStages) {
  const at::NoGradGuard no_grad;
  const StillConfig& c = network.config();
  const at::Tensor x = at::sigmoid(random_normal({2, 128, 64, 3}, 5)), q = quality(2, 0.3);
  const auto [y, z] = network.analysis(x, q);
  EXPECT_EQ(y.sizes(), at::IntArrayRef({2, 8, 4, c.latents}));
  EXPECT_EQ(z.sizes(), at::IntArrayRef({2, 2, 1, c.hyperlatents}));
  EXPECT_LE(z.abs().max().item<float>(), Still::kHyperMax);
  const auto hyper = network.hyper_synthesis(at::floor(z + 0.5), q, Mode::quantised);
  EXPECT_EQ(hyper.feature.sizes(), at::IntArrayRef({2, 8, 4, c.hyper_channels}));
  EXPECT_EQ(hyper.index.sizes(), y.sizes());
  EXPECT_EQ(network.synthesis(y, q).sizes(), x.sizes());
}

TEST_F(TinyStill, HyperSynthesisGivesIntegersWithinTheirRanges) {
  const at::NoGradGuard no_grad;
  const at::Tensor z = random_integers({3, 2, 3, network.config().hyperlatents}, Still::kHyperMax, 6);
  for (const double q : {0.0, 0.31, 1.0}) {
    const auto hyper = network.hyper_synthesis(z, quality(3, q), Mode::quantised);
    for (const at::Tensor& t : {hyper.feature, hyper.index}) EXPECT_TRUE(same(t, at::floor(t)));
    EXPECT_LE(hyper.feature.abs().max().item<float>(), exact::kActivationMax);
    EXPECT_GE(hyper.index.min().item<float>(), 0.f);
    EXPECT_LE(hyper.index.max().item<float>(), static_cast<float>(network.config().scale_rows - 1));
  }
}

// In the mode for evaluation everything is determined, whatever the threads.
TEST_F(TinyStill, EvaluationRepeats) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::sigmoid(random_normal({2, 64, 128, 3}, 7)), q = quality(2, 0.6);
  const auto first = network.forward(x, q, false, Mode::quantised);
  const auto second = network.forward(x, q, false, Mode::quantised);
  EXPECT_TRUE(same(first.bits_y, second.bits_y));
  EXPECT_TRUE(same(first.mse, second.mse));
  EXPECT_GT(first.bits_y.min().item<float>(), 0.f);
  EXPECT_GT(first.bits_z.min().item<float>(), 0.f);
  EXPECT_LE(first.mse.max().item<float>(), 1.f);
}

TEST_F(TinyStill, ABatchEqualsItsPictures) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::sigmoid(random_normal({2, 64, 64, 3}, 8));
  const at::Tensor q = at::tensor(std::vector<float>{0.2f, 0.9f}).reshape({2, 1, 1, 1});
  const auto both = network.forward(x, q, false, Mode::quantised);
  for (int64_t i = 0; i < 2; ++i) {
    const auto one = network.forward(x.narrow(0, i, 1), q.narrow(0, i, 1), false, Mode::quantised);
    // The float path may differ in last bits, which can move single symbols.
    EXPECT_TRUE(close(both.bits_y.narrow(0, i, 1), one.bits_y, 1e-2)) << i;
    EXPECT_TRUE(close(both.mse.narrow(0, i, 1), one.mse, 1e-3)) << i;
  }
}

TEST_F(TinyStill, EveryParameterGetsAFiniteGradient) {
  for (Param& p : network.params().list()) p.tensor.requires_grad_();
  at::manual_seed(9);
  const auto losses = network.forward(at::rand({2, 64, 64, 3}), quality(2, 0.5), true, Mode::quantised);
  losses.loss.backward();
  for (const Param& p : network.params().list()) {
    ASSERT_TRUE(p.tensor.grad().defined()) << p.name;
    EXPECT_TRUE(at::isfinite(p.tensor.grad()).all().item<bool>()) << p.name;
    EXPECT_GT(p.tensor.grad().abs().max().item<float>(), 0.f) << p.name;
  }
}

TEST(Still, LambdaIsLogarithmic) {
  const Still network(test::tiny_config());
  const StillConfig& c = network.config();
  EXPECT_NEAR(network.lambda(0), c.lambda_min, 1e-12);
  EXPECT_NEAR(network.lambda(1), c.lambda_max, 1e-12);
  EXPECT_NEAR(network.lambda(0.5), std::sqrt(c.lambda_min * c.lambda_max), 1e-12);
}

// Initial values come from each parameter's name: two networks of one configuration are equal.
TEST(Still, InitialisationRepeats) {
  const Still a(test::tiny_config()), b(test::tiny_config());
  ASSERT_EQ(a.params().list().size(), b.params().list().size());
  for (size_t i = 0; i < a.params().list().size(); ++i)
    EXPECT_TRUE(same(a.params().list()[i].tensor, b.params().list()[i].tensor));
}

// The tables that the coder uses cost what the training's loss says.
TEST(ResidualBits, AgreeWithTheIntegerTables) {
  const StillConfig config;
  for (const auto& [logit, laplace] : {std::pair{-3.f, -5.f}, {0.f, 0.f}, {2.f, -1.f}, {-8.f, 3.f}}) {
    const auto sigmoid = [](float x) { return 1 / (1 + std::exp(-static_cast<double>(x))); };
    const double gaussian = sigmoid(logit);
    const auto rows = make_rows(config, {gaussian, (1 - gaussian) * sigmoid(laplace)});
    ASSERT_EQ(static_cast<int64_t>(rows.size()), config.scale_rows);
    const at::Tensor mix = at::tensor({logit, laplace});
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto& row = rows[i];
      uint32_t total = 0;
      for (const uint32_t f : row.freq) total += f;
      ASSERT_EQ(total, 1u << kTablePrecision) << i;
      // The last entry is the escape, which the loss does not know.
      const auto n = static_cast<int64_t>(row.freq.size()) - 1;
      const at::Tensor v = at::arange(n, at::kFloat) + row.min_symbol;
      const at::Tensor by_loss =
          residual_bits(v, at::full({n}, static_cast<double>(i), at::kFloat), mix, config).to(at::kDouble);
      at::Tensor by_table = at::empty({n}, at::kDouble);
      for (int64_t k = 0; k < n; ++k)
        by_table.data_ptr<double>()[k] = kTablePrecision - std::log2(row.freq[static_cast<size_t>(k)]);
      const at::Tensor p = at::exp2(-by_loss);
      const double excess = (p * (by_table - by_loss)).sum().item<double>();
      EXPECT_LT(std::abs(excess), 0.02 + 0.01 * (p * by_loss).sum().item<double>()) << "row " << i;
    }
  }
}

}  // namespace
}  // namespace tessera::models
