// Training against the decoder's side: the same picture, the same bits.
#include "models/inr/fit.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>

#include "data/synth.h"
#include "models/inr/pixel_kernels.h"
#include "models/inr/synthesis.h"

namespace tessera::test {
namespace {

using namespace models::inr;

at::Tensor photo(int64_t height, int64_t width, int64_t outputs) {
  const media::Picture p = media::synth_picture(media::SynthKind::photo, static_cast<uint32_t>(width), static_cast<uint32_t>(height), static_cast<uint32_t>(outputs));
  return at::from_blob(const_cast<uint8_t*>(p.samples.data()), {height, width, outputs}, at::kByte).to(at::kFloat).div(255).permute({2, 0, 1}).contiguous();
}

Fit trained(const Config& config, const at::Tensor& picture, int steps, double weight = 1000) {
  Fit fit(config, picture, {.weight = weight});
  for (int i = 0; i < steps; ++i) {
    fit.set({0.01, 0.01, 0.3, 1.5, weight});
    fit.soft_step();
  }
  fit.choose_shifts(false);
  return fit;
}

TEST(Fit, TheDecoderMakesTheSamePicture) {
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>(1, 1), {1, 9}, {19, 2}, {40, 56}, {67, 35}}) {
    for (const int64_t outputs : {1, 3}) {
      const Fit fit = trained(pyramid(height, width, static_cast<int>(outputs)), photo(height, width, outputs), 30);
      const std::vector<float> pixels = synthesise(fit.network(), fit.planes(), height, width);
      const at::Tensor made = at::from_blob(const_cast<float*>(pixels.data()), {outputs, height, width}, at::kFloat);
      EXPECT_LT((made - fit.picture()).abs().max().item<float>(), 1e-4f) << height << "x" << width << "x" << outputs;
    }
  }
}

// Features of every front end as the trainer sees them, at sizes that the lattice does not divide; functions at the edges of their cells, and values of all signs.
TEST(Fit, TheDecoderMakesTheSamePictureBehindEveryFrontEnd) {
  for (const Front front : {Front::rbf, Front::metric}) {
    for (const auto& [height, width] : {std::pair<int64_t, int64_t>(1, 1), {19, 2}, {67, 150}}) {
      const Config config = with_front(pyramid(height, width, 3), front, height, width);
      Fit fit = trained(config, photo(height, width, 3), 30);
      std::vector<at::Tensor> state = fit.snapshot();
      at::Tensor weights = state[1];
      const int64_t added = part_size(config, kFrontPlaces) + part_size(config, kFrontShapes) + part_size(config, kFrontValues);
      weights.narrow(0, weights.size(0) - added, added).copy_(at::randn({added}, at::make_generator<at::CPUGeneratorImpl>(3)) * 0.5);
      fit.restore(state);
      const std::vector<float> pixels = synthesise(fit.network(), fit.planes(), height, width);
      const at::Tensor made = at::from_blob(const_cast<float*>(pixels.data()), {3, height, width}, at::kFloat), seen = fit.picture();
      EXPECT_LT(((made - seen).abs() / (seen.abs() + 1)).max().item<float>(), 2e-4f) << kFrontNames[static_cast<int>(front)] << " " << height << "x" << width;
    }
  }
}

// All parts of a front end that are there are trained, from where they start.
TEST(Fit, FrontEndsAreTrained) {
  const at::Tensor picture = photo(64, 64, 3);
  for (const Front front : {Front::rbf, Front::metric}) {
    const Config config = with_front(pyramid(64, 64, 3), front, 64, 64);
    Fit fit(config, picture, {.weight = 1000});
    for (int i = 0; i < 20; ++i) {
      fit.set({0.01, 0.01, 0.3, 1.5, 1000});
      fit.soft_step();
    }
    const at::Tensor gradient = fit.gradients()[1];
    int64_t end = gradient.size(0);
    for (const PartName p : {kFrontValues, kFrontShapes, kFrontPlaces}) {
      const int64_t size = part_size(config, p);
      end -= size;
      if (size > 0) {
        EXPECT_GT(gradient.narrow(0, end, size).abs().sum().item<float>(), 0) << kFrontNames[static_cast<int>(front)] << " " << static_cast<int>(p);
      }
    }
  }
}

// What exactness costs: the integer network's bits against the float network's, whose activations are not rounded.
TEST(Fit, TheExactNetworkCostsTheSameBits) {
  const Fit fit = trained(pyramid(96, 80, 3), photo(96, 80, 3), 120, 30000);  // no grid stays empty: an empty one is free
  const auto network = ContextNetwork::create(fit.network());
  ASSERT_TRUE(network) << network.status().message();
  const double exact = grid_bits(fit.config(), *network, fit.planes()), real = fit.evaluate().bits;
  EXPECT_NEAR(exact / real, 1, 0.005) << exact << " " << real;
}

TEST(Fit, TrainingLowersTheLoss) {
  const at::Tensor picture = photo(64, 64, 3);
  Fit fit(pyramid(64, 64, 3), picture, {.weight = 1000});
  const auto run = [&](int steps) {
    fit.read();
    for (int i = 0; i < steps; ++i) {
      if (i % 10 == 9) fit.refresh();
      fit.set({0.01, 0.01, 0.3, 2, 1000});
      fit.soft_step();
    }
    const Fit::Numbers n = fit.read();
    EXPECT_EQ(n.steps, steps);
    EXPECT_EQ(n.bad, 0);
    return n.bits / 4096 + 1000 * n.mse;
  };
  const double first = run(5);
  run(100);
  EXPECT_LT(run(5), first * 0.8);
}

TEST(Fit, TheSecondPhaseKeepsTheBestState) {
  Fit fit = trained(pyramid(48, 48, 3), photo(48, 48, 3), 60);
  const auto loss = [&] {
    const Fit::Numbers n = fit.evaluate();
    return n.bits / (48 * 48) + 1000 * n.mse;
  };
  const double before = loss();
  fit.forget_moments();
  fit.start_best();
  for (int i = 0; i < 20; ++i) {
    fit.set({1e-3, 1e-4, 0.1, 1, 1000});
    fit.hard_step();
  }
  for (int i = 0; i < 5; ++i) {  // far too large steps spoil the present state only
    fit.set({3, 3, 0.1, 1, 1000});
    fit.hard_step();
  }
  EXPECT_GT(loss(), before);
  fit.restore_best();
  EXPECT_LE(loss(), before * 1.0001);
}

// A step that is not finite changes nothing, is counted, and training goes on from a snapshot.
TEST(Fit, StepsThatAreNotFiniteChangeNothing) {
  Fit fit = trained(pyramid(32, 32, 3), photo(32, 32, 3), 20);
  const auto saved = fit.snapshot();
  const std::vector<Plane> before = fit.planes();
  fit.read();
  for (int i = 0; i < 3; ++i) {
    fit.set({0.01, 0.01, 0.3, 2, std::nan("")});
    fit.soft_step();
  }
  EXPECT_EQ(fit.read().bad, 3);
  fit.set({0.01, 0.01, 0.3, 2, 1000});
  fit.soft_step();
  EXPECT_EQ(fit.read().bad, 0);
  fit.restore(saved);
  const std::vector<Plane> after = fit.planes();
  for (size_t g = 0; g < before.size(); ++g) EXPECT_EQ(after[g].values, before[g].values);
}

// The loops of the CPU and libtorch's operators, which a GPU uses: the same numbers, the same gradients.
TEST(Fit, OwnLoopsAgreeWithStockOperators) {
  Config rich = pyramid(37, 50, 3, 3);
  rich.grids = {{2, 0, 0}, {2, 1, 0}, {1, 2, 0}, {1, 1, 0}, {0, 1, 0}, {0, 0, 0}};
  rich.spatial = 11;
  rich.coarse = 5;
  rich.width = 24;
  rich.residuals = 3;
  for (const auto& [config, height, width] : {std::tuple<Config, int64_t, int64_t>(pyramid(70, 45, 3), 70, 45), {rich, 37, 50}, {pyramid(1, 1, 1), 1, 1}, {pyramid(3, 90, 1), 3, 90}}) {
    ASSERT_FALSE(problem(config)) << *problem(config);
    const at::Tensor picture = photo(height, width, config.outputs);
    Fit own(config, picture, {.weight = 800}), stock(config, picture, {.weight = 800, .stock = true});
    for (Fit* fit : {&own, &stock}) fit->choose_shifts(false);
    EXPECT_NEAR(own.evaluate().bits / stock.evaluate().bits, 1, 1e-4);
    EXPECT_NEAR(own.evaluate().mse / stock.evaluate().mse, 1, 1e-4);
    const auto a = own.gradients(), b = stock.gradients();
    for (size_t i = 0; i < 2; ++i) {
      ASSERT_EQ(a[i].numel(), b[i].numel());
      EXPECT_LT((a[i] - b[i]).abs().max().item<float>(), 1e-4f * b[i].abs().max().item<float>()) << height << "x" << width << (i == 0 ? " latents" : " weights");
    }
  }
}

// Every set of kernels gives the same numbers but for the last bits.
TEST(PixelKernels, AgreeWithThePlainOnes) {
  constexpr int kIn = 7, kHidden = 12, kOut = 3, kCount = 150;
  at::manual_seed(1);
  const at::Tensor u = at::randn({kIn, kCount + 4}), first = at::randn({kHidden, kIn}), bias = at::randn({kHidden}), last = at::randn({kOut, kHidden}),
                   direct = at::randn({kOut, kIn}), last_bias = at::randn({kOut}), taps = at::randn({4}), kernel = at::randn({9});
  const auto results = [&](const PixelKernels& k) {
    std::vector<float> all;
    const float* rows[kIn];
    for (int i = 0; i < kIn; ++i) rows[i] = u.const_data_ptr<float>() + i * (kCount + 4) + 2;
    std::vector<float> out(kOut * kCount, 0), wide(2 * kCount), mixed(kCount), sums(kCount, 0.5f);
    float* outs[kOut] = {out.data(), out.data() + kCount, out.data() + 2 * kCount};
    k.dense(rows, kIn, kCount, first.const_data_ptr<float>(), bias.const_data_ptr<float>(), kHidden, last.const_data_ptr<float>(), direct.const_data_ptr<float>(),
            last_bias.const_data_ptr<float>(), kOut, outs);
    k.upsample_row(rows[0], kCount, taps.const_data_ptr<float>(), wide.data());
    k.blend_rows(rows, taps.const_data_ptr<float>(), kCount, mixed.data());
    k.convolve_row(rows, kernel.const_data_ptr<float>(), kCount, sums.data());
    for (const auto* part : {&out, &wide, &mixed, &sums}) all.insert(all.end(), part->begin(), part->end());
    return all;
  };
  const std::vector<float> plain = results(kPlainPixelKernels), best = results(best_pixel_kernels());
  ASSERT_EQ(plain.size(), best.size());
  for (size_t i = 0; i < plain.size(); ++i) ASSERT_NEAR(plain[i], best[i], 1e-4f * (1 + std::abs(plain[i]))) << i;
}

}  // namespace
}  // namespace tessera::test
