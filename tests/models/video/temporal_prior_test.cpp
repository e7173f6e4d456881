// The entropy path of video: integers in, integers out, the same on every path.
#include "models/video/temporal_prior.h"

#include <gtest/gtest.h>

#include "models/video/motion_model.h"
#include "tests/models/temporary_file.h"
#include "tests/models/tensors.h"
#include "tests/models/video/tiny_motion.h"

namespace tessera::models {
namespace {

using exact::Mode;
using test::random_integers;
using test::same;
using test::Threads;

// Everything that the coder depends on over a short chain.
std::vector<at::Tensor> chain(const TemporalPrior& prior, const MotionConfig& c, int64_t h, int64_t w, const Level& level, int frames, Mode mode = Mode::quantised) {
  std::vector<at::Tensor> out;
  at::Tensor state = prior.initial_state(2, h, w, at::TensorOptions().dtype(at::kFloat));
  for (int t = 0; t < frames; ++t) {
    const uint64_t seed = 10 * static_cast<uint64_t>(t);
    const at::Tensor z = random_integers({2, (h + 3) / 4, (w + 3) / 4, c.hyperlatents}, 20, seed);
    const auto rows = prior.latent_rows(z, state, level, mode);
    out.insert(out.end(), {prior.vector_rows(state, level, mode), prior.hyper_rows(state, level, mode), rows.feature, rows.index});
    state = prior.next_state(rows.feature, state, random_integers({2, h, w, c.latents}, 9, seed + 1), random_integers({2, h, w, 10}, 40, seed + 2), mode);
    out.push_back(state);
  }
  return out;
}

class Prior : public testing::Test {
 protected:
  Prior() : config(test::tiny_motion_config()), network(config) { test::randomise(network, 5); }
  MotionConfig config;
  Motion network;
  const at::NoGradGuard no_grad;
};

TEST_F(Prior, ShapesOverOddSizes) {
  for (const auto& [h, w] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {3, 5}, {8, 4}, {9, 6}}) {
    const auto maps = chain(network.prior(), config, h, w, {at::full({2, 1, 1, 1}, 0.3)}, 2);
    EXPECT_EQ(maps[0].sizes(), at::IntArrayRef({2, h, w, 4}));
    EXPECT_EQ(maps[1].sizes(), at::IntArrayRef({2, (h + 3) / 4, (w + 3) / 4, config.hyperlatents}));
    EXPECT_EQ(maps[2].sizes(), at::IntArrayRef({2, h, w, config.hyper_channels}));
    EXPECT_EQ(maps[3].sizes(), at::IntArrayRef({2, h, w, config.latents}));
    EXPECT_EQ(maps[4].sizes(), at::IntArrayRef({2, h, w, config.state_channels}));
  }
}

// 60 frames: the state neither leaves its range nor dies.
TEST_F(Prior, IntegersWithinTheirRangesOverALongChain) {
  const auto maps = chain(network.prior(), config, 4, 5, {at::full({2, 1, 1, 1}, 0.7)}, 60);
  for (const at::Tensor& t : maps) {
    EXPECT_TRUE(same(t, at::floor(t)));
    EXPECT_LE(t.abs().max().item<float>(), exact::kActivationMax);
  }
  for (const auto& [rows, count] : {std::pair{maps[0], kVectorRows}, {maps[1], config.scales.rows}, {maps[3], config.scales.rows}}) {
    EXPECT_GE(rows.min().item<float>(), 0.f);
    EXPECT_LE(rows.max().item<float>(), static_cast<float>(count - 1));
  }
  EXPECT_GT(maps.back().abs().max().item<float>(), 0.f);
}

TEST_F(Prior, TheStateRemembers) {
  const Level level{at::full({2, 1, 1, 1}, 0.5)};
  const at::Tensor z = at::zeros({2, 1, 1, config.hyperlatents}), none = at::zeros({2, 4, 4, 10});
  const auto rows_after = [&](double magnitude) {
    at::Tensor state = network.prior().initial_state(2, 4, 4, z.options());
    for (int t = 0; t < 3; ++t) {
      const auto rows = network.prior().latent_rows(z, state, level, Mode::quantised);
      state = network.prior().next_state(rows.feature, state, at::full({2, 4, 4, config.latents}, t == 0 ? magnitude : 0.0), none, Mode::quantised);
    }
    return network.prior().latent_rows(z, state, level, Mode::quantised).index;
  };
  EXPECT_FALSE(at::equal(rows_after(0), rows_after(30)));
}

TEST_F(Prior, ThreadsAndBatchesChangeNothing) {
  const Level level{at::full({2, 1, 1, 1}, 0.4)};
  std::vector<at::Tensor> one, many;
  {
    const Threads threads(1);
    one = chain(network.prior(), config, 7, 6, level, 4);
  }
  {
    const Threads threads(4);
    many = chain(network.prior(), config, 7, 6, level, 4);
  }
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(same(one[i], many[i])) << i;
}

TEST_F(Prior, FrozenEqualsTraining) {
  test::TemporaryFile file;
  export_motion(network, file.path(), "motion-test", 1, "{}");
  const auto model = load_motion(file.path());
  for (const int quality : {0, 17, 63}) {
    const auto trained = chain(network.prior(), config, 5, 7, {at::full({2, 1, 1, 1}, quality / 63.0)}, 5);
    const auto frozen = chain(model->network.prior(), config, 5, 7, Level::of(quality, at::TensorOptions().dtype(at::kFloat)), 5);
    for (size_t i = 0; i < trained.size(); ++i) EXPECT_TRUE(same(frozen[i], trained[i])) << quality << " " << i;
  }
}

// One layer of the frozen path against plain integers; the other layers are the same class (exact_test.cpp).
TEST_F(Prior, StateUpdateAgainstPlainIntegers) {
  for (auto* layer : network.prior().linears()) {
    const exact::Frozen frozen = layer->freeze();
    const at::Tensor x = random_integers({3, layer->in()}, exact::kActivationMax, 77);
    std::vector<int64_t> plain;
    for (int64_t i = 0; i < x.numel(); ++i) plain.push_back(static_cast<int64_t>(x.const_data_ptr<float>()[i]));
    const auto expected = exact::ExactLinear::reference(frozen, plain, layer->in(), layer->out());
    const at::Tensor y = layer->forward(x.reshape({1, 1, 3, layer->in()}), Mode::quantised).contiguous();
    for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(static_cast<int64_t>(y.const_data_ptr<float>()[i]), expected[i]) << layer->name();
  }
}

}  // namespace
}  // namespace tessera::models
