// Spectral distances and discriminators, and a network that learns a little.
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "models/audio/discriminator.h"
#include "models/audio/losses.h"
#include "models/audio/loudness.h"
#include "models/audio/speech.h"
#include "tests/models/tensors.h"

namespace tessera::models::audio {
namespace {

using test::random_normal;

// Sine sweeps with a little noise, [B,1,T].
at::Tensor sweeps(int64_t batch, int64_t samples, double rate, uint64_t seed) {
  at::manual_seed(seed);
  const at::Tensor t = at::arange(samples, at::kFloat) / rate;
  const at::Tensor from = at::rand({batch, 1}) * 400 + 100, slope = at::rand({batch, 1}) * 2000;
  const at::Tensor phase = (from * t + slope * t * t / 2) * (2 * M_PI);
  return (at::sin(phase) * 0.3 + at::randn({batch, samples}) * 0.01).unsqueeze(1);
}

TEST(MelFilters, CoverTheSpectrumWithUnitAreas) {
  const at::Tensor f = mel_filters(24000, 1024, 80);
  ASSERT_EQ(f.sizes(), (std::vector<int64_t>{80, 513}));
  EXPECT_GE(f.min().item<double>(), 0);
  const at::Tensor area = f.sum(1) * (24000.0 / 1024);
  EXPECT_NEAR(area.narrow(0, 40, 40).mean().item<double>(), 1.0, 0.01);
  // Each bin between the first and the last band's centre lies in one or two bands.
  EXPECT_LE(f.gt(0).sum(0).max().item<int64_t>(), 2);
  EXPECT_GE(f.gt(0).sum(0).narrow(0, 2, 500).min().item<int64_t>(), 1);
}

TEST(SpectralLoss, OnlyTheComplexDistanceHearsPhase) {
  const SpectralLoss loss(24000, at::kCPU);
  const at::Tensor x = sweeps(2, 9600, 24000, 4);
  EXPECT_LT(loss(x, x).complex.item<double>(), 1e-5);
  const auto turned = loss(x.neg(), x);
  EXPECT_LT(turned.mel.item<double>(), 1e-4);
  EXPECT_NEAR(turned.complex.item<double>(), 4.0, 0.2);  // twice the spectrum's size, for each of two windows
  EXPECT_NEAR(loss(x * 0.01 + x * 1e-4, x * 0.01).complex.item<double>(), loss(x * 1.01, x).complex.item<double>(), 0.02);
}

TEST(SpectralLoss, AShareChoosesWhoseWaveformIsHeard) {
  const SpectralLoss loss(24000, at::kCPU);
  const at::Tensor x = sweeps(2, 4800, 24000, 6), y = at::cat({x.narrow(0, 0, 1).neg(), x.narrow(0, 1, 1)});  // the first is turned over
  const auto heard = [&](float first, float second) { return loss(y, x, at::tensor({first, second})).complex.item<double>(); };
  EXPECT_LT(heard(0, 1), 1e-5);
  EXPECT_NEAR(heard(1, 0), 4.0, 0.2);
  EXPECT_NEAR(heard(1, 1), loss(y, x).complex.item<double>(), 1e-5);
  EXPECT_EQ(heard(0, 0), 0);
  EXPECT_EQ(loss(y, x, at::zeros({2})).mel.item<double>(), loss(y, x).mel.item<double>());
}

TEST(SpectralLoss, AReferenceIsTheSignalItself) {
  const SpectralLoss loss(24000, at::kCPU);
  const at::Tensor x = sweeps(2, 4800, 24000, 5), y = (x + at::randn_like(x) * 0.01).set_requires_grad(true);
  const auto direct = loss(y, x), prepared = loss(y, loss.reference(x));
  for (const auto& [a, b] : {std::pair{direct.mel, prepared.mel}, {direct.stft, prepared.stft}, {direct.complex, prepared.complex}, {direct.multi, prepared.multi}}) {
    EXPECT_EQ(a.item<double>(), b.item<double>());
    EXPECT_GT(b.item<double>(), 0);
  }
  EXPECT_TRUE(at::equal(torch::autograd::grad({direct.mel}, {y})[0], torch::autograd::grad({prepared.mel}, {y})[0]));
}

TEST(BarkBands, ShareOutEachBinOnce) {
  const at::Tensor bands = bark_bands(24000, 768, 49, 8000);
  ASSERT_EQ(bands.sizes(), (std::vector<int64_t>{385, 49}));
  EXPECT_GE(bands.min().item<double>(), 0);
  const at::Tensor sum = bands.sum(1);
  EXPECT_NEAR(sum.narrow(0, 1, 254).sub(1).abs().max().item<double>(), 0, 1e-5);  // up to 8 kHz = bin 256
  EXPECT_EQ(sum.narrow(0, 258, 100).max().item<double>(), 0);
}

TEST(LoudnessLoss, HearsNoiseAsItGrows) {
  const LoudnessLoss loss(24000, at::kCPU);
  const at::Tensor x = sweeps(2, 9600, 24000, 1), noise = at::randn_like(x);
  const auto distance = [&](const at::Tensor& y) { return loss(y, x).item<double>(); };
  const double equal = distance(x), faint = distance(x + noise * 1e-4), some = distance(x + noise * 0.02), much = distance(x + noise * 0.1);
  EXPECT_LT(equal, 0.01);
  EXPECT_LT(faint, some * 0.2);
  EXPECT_LT(some * 1.5, much);
  EXPECT_LT(much, 10);
}

TEST(LoudnessLoss, CountsWhatIsAddedMoreThanWhatIsLeftOut) {
  const LoudnessLoss loss(16000, at::kCPU);
  const at::Tensor x = sweeps(1, 8000, 16000, 2), y = x + at::randn_like(x) * 0.03;
  EXPECT_GT(loss(y, x).item<double>(), 1.2 * loss(x, y).item<double>());
}

TEST(LoudnessLoss, DoesNotDependOnTheLevelAndHasAFiniteGradient) {
  const LoudnessLoss loss(24000, at::kCPU);
  const at::Tensor x = sweeps(1, 9600, 24000, 3), noise = at::randn_like(x) * 0.02;
  const double loud = loss(x + noise, x).item<double>(), quiet = loss((x + noise) * 0.1, x * 0.1).item<double>();
  EXPECT_NEAR(loud, quiet, 0.01 * loud);
  for (const at::Tensor& reference : {x, at::zeros_like(x)}) {  // silence too
    const at::Tensor y = (reference + noise * 0.01).detach().set_requires_grad(true);
    const at::Tensor d = loss(y, reference);
    EXPECT_TRUE(std::isfinite(d.item<double>()));
    torch::autograd::backward({d}, {});
    EXPECT_TRUE(at::isfinite(y.grad()).all().item<bool>());
  }
}

TEST(SpectralLoss, IsZeroForEqualsAndGrowsWithTheDistance) {
  const SpectralLoss loss(24000, at::kCPU);
  const at::Tensor x = sweeps(2, 4800, 24000, 1);
  EXPECT_EQ(loss(x, x).mel.item<double>(), 0);
  EXPECT_EQ(loss(x, x).stft.item<double>(), 0);
  const at::Tensor noise = random_normal(x.sizes(), 2);
  double mel = 0, stft = 0;
  for (const double level : {0.001, 0.01, 0.1}) {
    const SpectralLoss::Terms t = loss(x + noise * level, x);
    EXPECT_GT(t.mel.item<double>(), mel);
    EXPECT_GT(t.stft.item<double>(), stft);
    mel = t.mel.item<double>();
    stft = t.stft.item<double>();
  }
}

TEST(SpectralLoss, ScalingByTenIsOneDecadeAWindow) {
  const SpectralLoss loss(24000, at::kCPU);
  const at::Tensor x = random_normal({1, 1, 9600}, 3) * 0.05;
  EXPECT_NEAR(loss(x * 10, x).mel.item<double>(), 7.0, 0.4);  // empty narrow bands count as equal
}

TEST(SpectralLoss, SilenceHasFiniteGradients) {
  const SpectralLoss loss(24000, at::kCPU);
  const at::Tensor y = at::zeros({1, 1, 4800}).requires_grad_();
  const SpectralLoss::Terms t = loss(y, sweeps(1, 4800, 24000, 4));
  torch::autograd::backward({t.mel + t.stft}, {});
  EXPECT_TRUE(at::isfinite(y.grad()).all().item<bool>());
}

TEST(Discriminator, LearnsToTellNoiseFromSweeps) {
  DiscriminatorConfig config;
  config.periods = {2, 5};
  config.windows = {256};
  config.width = 4;
  const test::Threads one(1);  // many small convolutions: threads would only wait for each other
  Discriminator d(config);
  d.requires_grad(true);
  double first = 0, last = 0;
  for (int step = 0; step < 20; ++step) {
    const auto real = d(sweeps(2, 800, 8000, static_cast<uint64_t>(step))), fake = d(at::randn({2, 1, 800}) * 0.2);
    const at::Tensor loss = Discriminator::discriminator_loss(real, fake);
    torch::autograd::backward({loss}, {});
    const at::NoGradGuard no_grad;
    for (Param& p : d.params().list()) {
      ASSERT_TRUE(p.tensor.grad().defined()) << p.name;
      p.tensor.sub_(p.tensor.grad().sign() * 0.005);
      p.tensor.mutable_grad().zero_();
    }
    (step == 0 ? first : last) = loss.item<double>();
  }
  EXPECT_NEAR(first, 2.0, 0.3);
  EXPECT_LT(last, 0.92 * first);
}

TEST(Discriminator, FrozenItStillPassesTheGeneratorsGradient) {
  DiscriminatorConfig config;
  config.periods = {3};
  config.windows = {256};
  config.width = 4;
  Discriminator d(config);
  d.requires_grad(false);
  const at::Tensor x = sweeps(2, 1600, 8000, 5).repeat({1, 2, 1}), y = (x * 0.5).requires_grad_();
  const auto real = d(x), fake = d(y);
  EXPECT_EQ(Discriminator::feature_loss(real, real).item<double>(), 0);
  torch::autograd::backward({Discriminator::generator_loss(fake) + Discriminator::feature_loss(real, fake)}, {});
  EXPECT_GT(y.grad().abs().sum().item<double>(), 0);
  for (const Param& p : d.params().list()) EXPECT_FALSE(p.tensor.grad().defined());
}

}  // namespace
}  // namespace tessera::models::audio
