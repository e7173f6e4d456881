// Latents that pass the trunk by: what they are at first, what they add, and weights that get them later.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "models/video/motion_init.h"
#include "models/video/motion_model.h"
#include "models/video/widen.h"
#include "tests/models/temporary_file.h"
#include "tests/models/tensors.h"
#include "tests/models/video/tiny_motion.h"

namespace tessera::models {
namespace {

using test::close;
using test::random_normal;
using test::same;

MotionConfig with_fine(int64_t fine) {
  MotionConfig c = test::tiny_motion_config();
  c.latents += fine;
  c.fine_latents = fine;
  return c;
}

TEST(FineLatents, CoarseAndFineFeaturesAreAllOfAPatch) {
  for (const int64_t coarse : {64, 192, 256}) {
    MotionConfig c;
    c.latents = 384;
    c.fine_latents = 384 - coarse;
    const LatentFeatures features = latent_features(c);
    std::set<int64_t> all(features.coarse.begin(), features.coarse.end());
    for (const LatentFeatures::Fine& f : features.fine) {
      EXPECT_TRUE(all.insert(f.feature).second) << f.feature;
      const auto plane = [](int64_t feature) { return feature < 64 ? 0 : feature / 16; };
      EXPECT_EQ(plane(features.coarse.at(static_cast<size_t>(f.neighbour))), plane(f.feature));
    }
    EXPECT_EQ(all.size(), 96u);
    EXPECT_EQ(*all.rbegin(), 95);
  }
}

// The corner of the spectrum is the last to be left out.
TEST(FineLatents, FewerThanAllKeepTheHighestFrequencies) {
  MotionConfig c;
  c.latents = 256 + 112;
  c.fine_latents = 112;
  const LatentFeatures features = latent_features(c);
  ASSERT_EQ(features.fine.size(), 28u);
  const auto has = [&](int64_t feature) { return std::any_of(features.fine.begin(), features.fine.end(), [&](const auto& f) { return f.feature == feature; }); };
  EXPECT_TRUE(has(63));
  EXPECT_TRUE(has(79));
  EXPECT_TRUE(has(95));
  EXPECT_FALSE(has(48));
}

TEST(FineLatents, JoinedAndTakenApart) {
  const Motion network(with_fine(32));
  const at::Tensor coarse = random_normal({1, 2, 3, 64}, 1), fine = random_normal({1, 2, 3, 32}, 2);
  const at::Tensor all = network.join_latents(coarse, fine);
  EXPECT_EQ(all.size(-1), 96);
  EXPECT_TRUE(same(network.fine_of(all), fine));
  // Both steps of the means code some of either.
  EXPECT_TRUE(same(all.narrow(-1, 0, 32), coarse.narrow(-1, 0, 32)));
  EXPECT_TRUE(same(all.narrow(-1, 32, 16), fine.narrow(-1, 0, 16)));
  EXPECT_TRUE(same(all.narrow(-1, 48, 32), coarse.narrow(-1, 32, 32)));
}


double decibels(const MotionConfig& config, const Planes& picture) {
  const at::NoGradGuard no_grad;
  const Motion network(config);
  const auto frame = network.code(picture, {}, {}, {at::ones({1, 1, 1, 1})}, {});
  return -10 * std::log10(frame.mse.mean().item<double>());
}

// White noise has no frequency that could be left out. The untrained network is a transform codec of uniform steps, 8.5 for the finest quality: 40 dB.
TEST(FineLatents, NoiseHasNoCeiling) {
  at::manual_seed(8);
  const Planes noise = {at::rand({1, 1, 64, 64}) * 0.5 + 0.25, at::rand({1, 2, 32, 32}) * 0.5 + 0.25};
  const double few = decibels(with_fine(0), noise), some = decibels(with_fine(160), noise), all = decibels(with_fine(320), noise);
  EXPECT_LT(few, 19);
  EXPECT_GT(some, few + 1);
  EXPECT_GT(all, 38);
}

// As a weights file gives them back.
Weights exported(Motion& network) {
  const test::TemporaryFile file;
  export_motion(network, file.path(), "tiny", 1, "{}");
  return load_weights(file.path());
}

TEST(FineLatents, WidenedWeightsCodeTheOthersAsBefore) {
  const at::NoGradGuard no_grad;
  Motion was(test::tiny_motion_config());
  test::randomise(was, 60, 0.3);
  const Weights weights = exported(was);
  Motion same_size(test::tiny_motion_config()), wide(with_fine(96));
  start_from(same_size, weights);
  start_from(wide, weights);
  const auto coarse_of = [&](const at::Tensor& all) { return at::cat({all.narrow(-1, 0, 32), all.narrow(-1, 80, 32)}, -1); };
  const Planes picture = test::moving_texture(64, 48, 0, 0, 0);
  const Level level{at::full({1, 1, 1, 1}, 0.5)};
  const auto before = same_size.code(picture, {}, {}, level, {}), now = wide.code(picture, {}, {}, level, {});
  EXPECT_TRUE(same(now.hyper_symbols, before.hyper_symbols));
  EXPECT_TRUE(same(coarse_of(now.rows), before.rows));
  EXPECT_TRUE(same(coarse_of(now.symbols), before.symbols));
  EXPECT_TRUE(same(now.next.state, before.next.state));
  EXPECT_TRUE(close(coarse_of(now.next.latents), before.next.latents, 1e-4));
  EXPECT_GT(wide.fine_of(now.rows).max().item<double>(), 0);
}

TEST(Widen, NewBlocksChangeNothingAtFirst) {
  const at::NoGradGuard no_grad;
  Motion was(with_fine(32));
  test::randomise(was, 60, 0.3);
  const Weights weights = exported(was);
  MotionConfig c = with_fine(32);
  c.enc_trunk_blocks += 1;
  c.dec_trunk_blocks += 2;
  Motion deep(c), same_size(with_fine(32));
  start_from(deep, weights);
  start_from(same_size, weights);
  EXPECT_GT(deep.params().list().size(), same_size.params().list().size());
  const Planes picture = test::moving_texture(64, 48, 0, 0, 0);
  const Level level{at::full({1, 1, 1, 1}, 0.5)};
  const auto before = same_size.code(picture, {}, {}, level, {}), now = deep.code(picture, {}, {}, level, {});
  EXPECT_TRUE(same(now.symbols, before.symbols));
  EXPECT_TRUE(close(now.next.picture.y, before.next.picture.y, 1e-5));
  // Fewer blocks would be another network.
  EXPECT_THROW(start_from(same_size, exported(deep)), std::runtime_error);
}

// The same lambda, the same network: whatever its place in the range.
TEST(Widen, AnotherRangeOfQualitiesChangesNothingWithinTheOld) {
  const at::NoGradGuard no_grad;
  Motion was(with_fine(32));
  test::randomise(was, 60, 0.3);
  const Weights weights = exported(was);
  MotionConfig c = with_fine(32);
  c.lambda_min /= 2;
  c.lambda_max *= 4;
  Motion wide(c), same_size(with_fine(32));
  start_from(wide, weights);
  start_from(same_size, weights);
  const Planes picture = test::moving_texture(64, 48, 0, 0, 0);
  const double length = std::log(c.lambda_max / c.lambda_min);
  for (const double place : {0.0, 0.4, 1.0}) {
    const Level old{at::full({1, 1, 1, 1}, place)}, now{at::full({1, 1, 1, 1}, (std::log(same_size.lambda(old.q).item<double>()) - std::log(c.lambda_min)) / length)};
    EXPECT_NEAR(wide.lambda(now.q).item<double>() / same_size.lambda(old.q).item<double>(), 1, 1e-5);
    EXPECT_TRUE(close(wide.latent_gain(now) / same_size.latent_gain(old), at::ones({1, 1, 1, 96}), 1e-4)) << place;
    const auto before = same_size.code(picture, {}, {}, old, {}), after = wide.code(picture, {}, {}, now, {});
    EXPECT_LE((after.rows - before.rows).abs().max().item<double>(), 1);
    EXPECT_TRUE(close(after.next.picture.y, before.next.picture.y, 0.02)) << place;
  }
  // Beyond it the lines go on: finer steps at the new end.
  const Level end{at::ones({1, 1, 1, 1})};
  const at::Tensor further = wide.latent_gain(end) / same_size.latent_gain(end), slope = same_size.latent_gain(end) / same_size.latent_gain({at::zeros({1, 1, 1, 1})});
  EXPECT_TRUE(close(further, at::exp(at::log(slope) * (std::log(4.0) / std::log(same_size.config().lambda_max / same_size.config().lambda_min))), 1e-3));
}

TEST(FineLatents, OtherDifferencesAreRefused) {
  Motion was(with_fine(32));
  test::round_to_grids(was);
  const Weights weights = exported(was);
  Motion more(with_fine(96));
  EXPECT_THROW(start_from(more, weights), std::runtime_error);  // fine ones already
  MotionConfig c = with_fine(32);
  c.mean_channels = 32;
  Motion other(c);
  EXPECT_THROW(start_from(other, weights), std::runtime_error);
  Motion again(with_fine(32));
  start_from(again, weights);
  for (size_t i = 0; i < was.params().list().size(); ++i) {
    EXPECT_TRUE(close(again.params().list()[i].tensor, was.params().list()[i].tensor, 2e-3)) << was.params().list()[i].name;
  }
}

TEST(FineLatents, MoreThanThereAreIsRefused) {
  EXPECT_THROW(MotionConfig::from_json(R"({"latents": 64, "fine_latents": 64})"), std::runtime_error);
  EXPECT_THROW(MotionConfig::from_json(R"({"fine_latents": 24})"), std::runtime_error);
  EXPECT_EQ(MotionConfig::from_json(R"({"latents": 368, "fine_latents": 112})").coarse_latents(), 256);
}

}  // namespace
}  // namespace tessera::models
