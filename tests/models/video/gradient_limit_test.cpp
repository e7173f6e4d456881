// What keeps single samples from ruling a batch: the loss that falls off, the limit of gradients, and both in the network.
#include "models/video/gradient_limit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/video/motion.h"
#include "tests/models/tensors.h"
#include "tests/models/video/tiny_motion.h"

namespace tessera::models {
namespace {

using test::close;

TEST(Redescend, ValuesAndFactorOfTheGradient) {
  const at::Tensor loss = at::tensor({0.0, 0.3, 3.9, 4.0, 5.0, 40.0, 4e6}, at::kDouble).requires_grad_();
  const at::Tensor out = redescend(loss, 4);
  EXPECT_TRUE(close(out, at::tensor({0.0, 0.3, 3.9, 4.0, 4.8, 7.6, 8.0}, at::kDouble), 1e-5));
  out.sum().backward();
  EXPECT_TRUE(close(loss.grad(), at::tensor({1.0, 1.0, 1.0, 1.0, 0.64, 0.01, 1e-12}, at::kDouble), 1e-12));
  EXPECT_TRUE((out.diff() > 0).all().item<bool>());  // a better picture is always a smaller loss
}

// What arrives at x [B,n] when `gradient` comes back through the limit.
at::Tensor through_limit(const at::Tensor& x, const at::Tensor& gradient, double times) {
  const at::Tensor leaf = x.clone().requires_grad_();
  (limit_gradient(leaf * 1.0, times) * gradient).sum().backward();
  return leaf.grad();
}

TEST(LimitGradient, IsTheIdentityForwards) {
  const at::Tensor x = test::random_normal({4, 3, 2}, 1).requires_grad_();
  EXPECT_TRUE(at::equal(limit_gradient(x * 1.0, 2), x));
}

TEST(LimitGradient, OnlySamplesFarBeyondTheMedianAreScaled) {
  const at::Tensor x = at::ones({5, 4}), g = at::ones({5, 4}) * at::tensor({1.0, 0.5, 3.0, 1.9, 1e6}).reshape({5, 1});
  const at::Tensor got = through_limit(x, g, 2);  // the median is 1.9
  EXPECT_TRUE(close(got.narrow(0, 0, 4), g.narrow(0, 0, 4), 1e-6));
  EXPECT_TRUE(close(got[4], at::full({4}, 3.8), 1e-5));
  // Of two middle ones the lower: a batch of which half fails still has a sound measure.
  EXPECT_TRUE(close(through_limit(at::ones({4, 1}), at::tensor({1.0, 1.0, 50.0, 80.0}).reshape({4, 1}), 2).reshape({4}), at::tensor({1.0, 1.0, 2.0, 2.0}), 1e-6));
}

// The weights' gradient is a product of both.
TEST(LimitGradient, ActivationsCountAsWellAsGradients) {
  const at::Tensor x = at::tensor({1.f, -1.f, 1.f, 200.f}).reshape({4, 1}), g = at::ones({4, 1});
  EXPECT_TRUE(close(through_limit(x, g, 2).reshape({4}), at::tensor({1.0, 1.0, 1.0, 0.01}), 1e-6));
}

TEST(LimitGradient, NothingToCompareNothingLimited) {
  for (const int64_t batch : {1, 2}) {
    const at::Tensor g = at::arange(1, batch + 1).reshape({batch, 1}) * 1000.0;
    EXPECT_TRUE(at::equal(through_limit(at::ones({batch, 1}), g, 2), g));
  }
  const at::Tensor g = at::tensor({1.0, 1.0, 1e9}).reshape({3, 1});
  EXPECT_TRUE(at::equal(through_limit(at::ones({3, 1}), g, 0), g));                                                         // switched off
  EXPECT_TRUE(at::equal(through_limit(at::ones({3, 1}), at::zeros({3, 1}), 2), at::zeros({3, 1})));                         // no gradient at all
  EXPECT_FALSE(limit_gradient(at::tensor({1.0, 2.0, 3.0}).reshape({3, 1}), 2).requires_grad());                             // nothing to train
  EXPECT_FALSE(limit_gradient(at::Tensor(), 2).defined());
}

TEST(LimitGradient, NormsOfHalfPrecisionDoNotOverflow) {
  const at::Tensor g = at::full({3, 64}, 3e4, at::kBFloat16), x = at::full({3, 64}, 3e4, at::kBFloat16);
  EXPECT_TRUE(at::equal(through_limit(x, g, 2), g));
}

// A network that magnifies one of four samples a thousandfold: without the limit its gradient is nearly all there is.
TEST(LimitGradient, OneSampleDoesNotRuleTheNetwork) {
  const MotionConfig config = test::tiny_motion_config();
  Motion network(config);
  test::randomise(network, 50, 0.3);
  for (Param& p : network.params().list()) p.tensor.set_requires_grad(true);
  const Planes sound = test::moving_texture(32, 32, 1, 1, 0, 4);
  // Of each parameter's gradient: how large it is with the loss of the last sample times `weight`, all samples of the same size.
  const auto gradient = [&](double times, double weight) {
    network.set_gradient_limit(times);
    for (Param& p : network.params().list()) p.tensor.mutable_grad() = at::Tensor();
    const Motion::Frame f = network.code(sound, {}, {}, {at::full({4, 1, 1, 1}, 0.5)}, {});
    (f.mse.sum(1) * at::tensor({1.0, 1.0, 1.0, weight})).sum().backward();
    double squares = 0;
    for (const Param& p : network.params().list()) {
      if (p.tensor.grad().defined()) squares += p.tensor.grad().square().sum().item<double>();
    }
    return std::sqrt(squares);
  };
  const double fair = gradient(0, 1);
  EXPECT_GT(gradient(0, 1000), 100 * fair);
  EXPECT_LT(gradient(2, 1000), 3 * fair);
  EXPECT_GT(gradient(2, 1000), 0.3 * fair);
}

// The loss of a frame on which the network fails is bounded, however far off it is.
TEST(LimitGradient, AFailedFrameCostsAtMostTwiceTheKnee) {
  const MotionConfig config = test::tiny_motion_config();
  Motion network(config);
  test::randomise(network, 50, 0.3);
  const at::NoGradGuard no_grad;
  for (const double shift : {1e3, 1e6}) {
    std::vector<Planes> frames = {test::moving_texture(32, 32, 1, 1, 0, 1), test::moving_texture(32, 32, 1, 1, 1, 1)};
    frames[1] = {frames[1].y + shift, frames[1].uv + shift};  // far beyond the range of samples: nothing can code it
    const auto losses = network.forward(frames, {zero_vectors(1, 2, 2, at::TensorOptions().dtype(at::kFloat))}, at::full({1, 2}, 0.5), {}, {.noise = true});
    EXPECT_LT(losses.loss.item<double>(), 2 * Motion::kLossKnee);
    EXPECT_GT(losses.loss.item<double>(), 0.9 * Motion::kLossKnee);
  }
}

// A percent of one loss is worth what a percent of another is, the sum of all stays.
TEST(RelativeWeights, BalanceLossesAndKeepTheirMean) {
  const at::Tensor loss = at::tensor({0.2, 0.4, 0.8, 1.6});
  const at::Tensor none = relative_weights(loss, 0), all = relative_weights(loss, 1);
  EXPECT_TRUE(at::allclose(none, at::ones_like(none)));
  EXPECT_NEAR((all * loss).mean().item<double>(), loss.mean().item<double>(), 1e-6);
  const at::Tensor share = all * loss;
  EXPECT_LT((share.max() / share.min()).item<double>(), 1.4);  // of 8
  // Nothing counts as less than a tenth of the mean: what costs nearly nothing does not rule.
  const at::Tensor tiny = relative_weights(at::tensor({1e-7, 1.0}), 1);
  EXPECT_LT((tiny[0] / tiny[1]).item<double>(), 25);
  EXPECT_TRUE(at::isfinite(relative_weights(at::zeros({3}), 1)).all().item<bool>());
}

TEST(RelativeWeights, TheTrainingLossIsReportedAsItIs) {
  const MotionConfig config = test::tiny_motion_config();
  Motion network(config);
  test::randomise(network, 50, 0.3);
  for (Param& p : network.params().list()) p.tensor.set_requires_grad(true);
  Planes x = test::moving_texture(32, 32, 1, 1, 0, 3);
  x = {x.y * at::tensor({0.05, 1.0, 1.0}).reshape({3, 1, 1, 1}) + at::tensor({0.5, 0.0, 0.0}).reshape({3, 1, 1, 1}), x.uv};
  const auto run = [&](double exponent) {
    network.set_relative_loss(exponent);
    for (Param& p : network.params().list()) p.tensor.mutable_grad() = at::Tensor();
    const auto losses = network.forward({x}, {}, at::full({3, 1}, 0.5), {}, {});
    losses.loss.backward();
    return std::pair(losses.loss.item<double>(), network.params().find("synthesis.unembed.weight")->tensor.grad().clone());
  };
  const auto [plain, gradient] = run(0);
  const auto [relative, other] = run(1);
  EXPECT_NEAR(relative, plain, 1e-5 * plain);
  EXPECT_FALSE(at::allclose(gradient, other));
}

}  // namespace
}  // namespace tessera::models
