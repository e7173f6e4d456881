// The video network with a tiny configuration: shapes, the coding order, what reaches what, a working codec from the start.
#include "models/video/motion.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "models/video/motion_model.h"
#include "models/video/motion_search.h"
#include "models/video/phase_warp.h"
#include "tests/models/temporary_file.h"
#include "tests/models/tensors.h"
#include "tests/models/video/tiny_motion.h"

namespace tessera::models {
namespace {

using exact::Mode;
using test::close;
using test::moving_texture;
using test::random_integers;
using test::random_normal;
using test::same;
using test::Threads;

const at::TensorOptions kReal = at::TensorOptions().dtype(at::kFloat);

Level level_of(double q, int64_t batch = 1) { return {at::full({batch, 1, 1, 1}, q)}; }

VectorField vectors_between(const Planes& now, const Planes& before) {
  return search_vectors(now.y, before.y, at::full({now.batch(), 1, 1}, 4.0), {.reach = 16});
}

// Codes a clip of a moving texture; frames[t].
std::vector<Motion::Frame> code_clip(const Motion& network, int64_t h, int64_t w, int frames, double q, const Motion::Options& options, int64_t batch = 1) {
  std::vector<Motion::Frame> out;
  Motion::Reference reference;
  Planes before;
  for (int t = 0; t < frames; ++t) {
    const Planes now = pad_planes(moving_texture(h, w, 1.5, -0.75, t, batch));
    const VectorField v = t > 0 ? vectors_between(now, before) : VectorField{};
    out.push_back(network.code(now, reference, v, level_of(q, batch), options));
    reference = out.back().next;
    before = now;
  }
  return out;
}

enum class Kind { motion, stem, fine };  // fine: with latents that pass the trunk by

MotionConfig config_of(Kind kind) {
  MotionConfig c = test::tiny_motion_config(kind != Kind::stem);
  if (kind == Kind::fine) {
    c.latents += 32;
    c.fine_latents = 32;
  }
  return c;
}

class TinyMotion : public testing::TestWithParam<Kind> {
 protected:
  TinyMotion() : config(config_of(GetParam())), network(config) { test::randomise(network, 50); }
  MotionConfig config;
  Motion network;
};

TEST_P(TinyMotion, ShapesOverOddSizes) {
  const at::NoGradGuard no_grad;
  for (const auto& [h, w] : std::vector<std::pair<int64_t, int64_t>>{{16, 16}, {33, 79}, {65, 31}}) {
    const auto frames = code_clip(network, h, w, 3, 0.5, {});
    const int64_t ph = (h + 15) / 16, pw = (w + 15) / 16;
    for (const Motion::Frame& f : frames) {
      EXPECT_EQ(f.symbols.sizes(), at::IntArrayRef({1, ph, pw, config.latents}));
      EXPECT_EQ(f.rows.sizes(), f.symbols.sizes());
      EXPECT_EQ(f.hyper_symbols.sizes(), at::IntArrayRef({1, (ph + 3) / 4, (pw + 3) / 4, config.hyperlatents}));
      EXPECT_EQ(f.hyper_rows.sizes(), f.hyper_symbols.sizes());
      EXPECT_EQ(f.next.picture.y.sizes(), at::IntArrayRef({1, 1, 16 * ph, 16 * pw}));
      EXPECT_EQ(f.next.picture.uv.sizes(), at::IntArrayRef({1, 2, 8 * ph, 8 * pw}));
      EXPECT_EQ(f.mse.sizes(), at::IntArrayRef({1, 3}));
      EXPECT_TRUE(same(f.symbols, at::floor(f.symbols)));
    }
    EXPECT_FALSE(frames[0].vector_symbols.defined());
    EXPECT_EQ(frames[1].vector_symbols.defined(), config.conditioning);
  }
}

TEST_P(TinyMotion, MasksPartitionTheLatents) {
  for (const auto& [h, w] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {3, 4}, {5, 7}}) {
    const at::Tensor ones = at::ones({2, h, w, config.latents});
    const at::Tensor first = network.masked(0, ones), second = network.masked(1, ones);
    EXPECT_TRUE(same(first + second, ones));
    EXPECT_EQ(first.sum().item<float>(), second.sum().item<float>());
  }
}

// The decoder knows the symbols only, and builds the same latents, rows and state.
TEST_P(TinyMotion, DecoderFollowsTheEncoder) {
  const at::NoGradGuard no_grad;
  const auto frames = code_clip(network, 48, 64, 4, 0.6, {});
  Motion::Reference reference;
  const Level level = level_of(0.6);
  for (const Motion::Frame& f : frames) {
    VectorField v = zero_vectors(1, 3, 4, kReal);
    if (f.vector_symbols.defined()) v = {rebuild_vectors(f.vector_symbols.narrow(-1, 0, 2)), f.vector_symbols.narrow(-1, 2, 8)};
    const Motion::Context c = reference.defined() ? network.context(reference, v, level) : network.key_context(1, 48, 64, level);
    EXPECT_TRUE(same(network.prior().hyper_rows(c.input_state, level, Mode::quantised), f.hyper_rows));
    const auto rows = network.prior().latent_rows(f.hyper_symbols, c.state, level, Mode::quantised);
    EXPECT_TRUE(same(rows.index, f.rows));
    const at::Tensor y = network.run_means(rows.feature, c, network.latent_gain(level), [&](int, const at::Tensor& mean) { return f.symbols + mean; });
    EXPECT_TRUE(same(y, f.next.latents));
    const Motion::Decoded d = network.synthesis(y, c, level);
    EXPECT_TRUE(same(at::clamp(d.picture.y, 0, 1), f.next.picture.y));
    const at::Tensor news = f.vector_symbols.defined() ? f.vector_symbols : at::zeros({1, 3, 4, 10});
    const at::Tensor state = network.prior().next_state(rows.feature, c.state, f.symbols, news, Mode::quantised);
    EXPECT_TRUE(same(state, f.next.state));
    reference = {{at::clamp(d.picture.y, 0, 1), at::clamp(d.picture.uv, 0, 1)}, d.feature, y, network.latent_gain(level), state};
  }
}

// The law of docs/exactness.md: floats of the past move no row.
TEST_P(TinyMotion, FloatsOfThePastMoveNoRow) {
  const at::NoGradGuard no_grad;
  const auto frames = code_clip(network, 32, 48, 2, 0.5, {});
  const Level level = level_of(0.5);
  Motion::Reference disturbed = frames[0].next;
  disturbed.picture = {disturbed.picture.y + 0.01, disturbed.picture.uv - 0.01};
  disturbed.feature = disturbed.feature * 1.01;
  disturbed.latents = disturbed.latents + 0.1;
  const VectorField v = zero_vectors(1, 2, 3, kReal);
  const Motion::Context a = network.context(frames[0].next, v, level), b = network.context(disturbed, v, level);
  const at::Tensor z = random_integers({1, 1, 1, config.hyperlatents}, 5, 3);
  EXPECT_TRUE(same(a.state, b.state));
  EXPECT_TRUE(same(network.prior().latent_rows(z, a.state, level, Mode::quantised).index, network.prior().latent_rows(z, b.state, level, Mode::quantised).index));
  EXPECT_TRUE(same(network.prior().hyper_rows(a.input_state, level, Mode::quantised), network.prior().hyper_rows(b.input_state, level, Mode::quantised)));
}

TEST_P(TinyMotion, EvaluationRepeatsWhateverTheThreads) {
  const at::NoGradGuard no_grad;
  const auto first = code_clip(network, 32, 64, 3, 0.4, {});
  const Threads threads(1);
  const auto second = code_clip(network, 32, 64, 3, 0.4, {});
  for (size_t t = 0; t < first.size(); ++t) EXPECT_TRUE(close(first[t].bits_y, second[t].bits_y, 1e-2)) << t;
}

TEST_P(TinyMotion, FrozenBitsEqualTheTrainersBits) {
  const at::NoGradGuard no_grad;
  test::TemporaryFile file;
  for (Param& p : network.params().list()) {  // what float16 can hold, so that the pixel paths agree as well
    if (p.kind != ParamKind::fine) p.tensor.copy_(p.tensor.to(at::kHalf).to(at::kFloat));
  }
  export_motion(network, file.path(), "motion-test", 3, "{\"steps\":1}");
  const auto model = load_motion(file.path());
  EXPECT_EQ(model->name, "motion-test");
  EXPECT_EQ(model->revision, 3u);
  EXPECT_EQ(model->network.config().to_json(), config.to_json());
  const int quality = 40;
  Motion::Reference a, b;
  Planes before;
  for (int t = 0; t < 3; ++t) {
    const Planes now = moving_texture(48, 48, 1, 0.5, t);
    const VectorField v = t > 0 ? vectors_between(now, before) : VectorField{};
    const auto trained = network.code(now, a, v, level_of(quality / 63.0), {});
    const auto frozen = model->network.code(now, b, v, Level::of(quality, kReal), {});
    EXPECT_TRUE(same(frozen.rows, trained.rows)) << t;
    EXPECT_NEAR(frozen.bits_y.item<double>(), trained.bits_y.item<double>(), 1e-3 * trained.bits_y.item<double>()) << t;
    EXPECT_TRUE(same(frozen.next.state, trained.next.state)) << t;
    a = trained.next;
    b = frozen.next;
    before = now;
  }
  // And back into a network that trains on.
  Motion again(config);
  resume_from_export(again, load_weights(file.path()));
  for (size_t i = 0; i < network.params().list().size(); ++i) {
    EXPECT_TRUE(close(again.params().list()[i].tensor, network.params().list()[i].tensor, 1e-6)) << network.params().list()[i].name;
  }
}

// The loss of a late frame teaches what an early frame decoded, through pixels, features and the exact state.
TEST_P(TinyMotion, GradientsFlowOverTime) {
  for (Param& p : network.params().list()) p.tensor.set_requires_grad(true);
  std::vector<Planes> frames;
  std::vector<VectorField> vectors;
  for (int t = 0; t < 3; ++t) {
    frames.push_back(moving_texture(32, 32, 1, 1, t, 2));
    if (t > 0) vectors.push_back(vectors_between(frames[static_cast<size_t>(t)], frames[static_cast<size_t>(t - 1)]));
  }
  const at::Tensor q = at::full({2, 3}, 0.5);
  const auto losses = network.forward(frames, vectors, q, {.drop = 0.3}, {.noise = true});
  EXPECT_TRUE(std::isfinite(losses.loss.item<float>()));
  EXPECT_EQ(losses.stats.sizes(), at::IntArrayRef({3, 4}));
  EXPECT_EQ(losses.stats[0][1].item<float>(), 0.f);  // a key frame has no vectors
  losses.loss.backward();
  for (const Param& p : network.params().list()) {
    if (!config.conditioning && p.name.starts_with("temporal.vector")) continue;
    ASSERT_TRUE(p.tensor.grad().defined()) << p.name;
    EXPECT_TRUE(at::isfinite(p.tensor.grad()).all().item<bool>()) << p.name;
  }
  if (!config.conditioning) return;
  // What each of the three carries from one frame to the next.
  Motion::Reference reference;
  auto key = network.code(frames[0], reference, {}, level_of(0.5, 2), {.noise = true});
  for (at::Tensor* t : {&key.next.picture.y, &key.next.feature, &key.next.state}) {
    *t = t->detach().requires_grad_();
  }
  const auto next = network.code(frames[1], key.next, vectors[0], level_of(0.5, 2), {.noise = true});
  (next.mse.sum() * 1000 + next.bits_y.sum()).backward();
  for (const at::Tensor& t : {key.next.picture.y, key.next.feature, key.next.state}) EXPECT_GT(t.grad().abs().max().item<float>(), 0.f);
}

TEST_P(TinyMotion, ConditioningIsWhatTheConfigurationSays) {
  const at::NoGradGuard no_grad;
  const auto frames = code_clip(network, 32, 32, 1, 0.5, {});
  const Level level = level_of(0.5);
  Motion::Reference other = frames[0].next;
  other.picture = {at::rand_like(other.picture.y), at::rand_like(other.picture.uv)};
  const VectorField v = zero_vectors(1, 2, 2, kReal);
  const Motion::Context a = network.context(frames[0].next, v, level), b = network.context(other, v, level);
  EXPECT_EQ(at::equal(a.moved.y, b.moved.y), !config.conditioning);
}

TEST_P(TinyMotion, MacsAreCounted) {
  EXPECT_GT(network.decode_macs(), 100);
  EXPECT_GT(network.encode_macs(), network.decode_macs());
}

// A second key frame knows nothing of what was before it: its loss, and that of the frame behind it, are those of a clip that begins there.
TEST_P(TinyMotion, ASecondKeyFrameBeginsAnew) {
  // One thread, and room for a symbol: where the sums are split otherwise, a latent in the middle between two integers may fall to the other side.
  const Threads one(1);
  const at::NoGradGuard no_grad;
  std::vector<Planes> frames;
  for (int t = 0; t < 4; ++t) frames.push_back(moving_texture(32, 48, 1.5, 1, t, 2));
  std::vector<VectorField> vectors;
  for (size_t t = 1; t < frames.size(); ++t) vectors.push_back(vectors_between(frames[t], frames[t - 1]));
  const at::Tensor q = at::tensor({0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.6f, 0.5f, 0.4f}).reshape({2, 4});
  // The first sample has its second key frame at 2, the other none.
  const at::Tensor key_time = at::tensor({int64_t{2}, int64_t{0}});
  const double mixed = network.forward(frames, vectors, q, {.lead = 2, .key_time = key_time}, {}).loss.item<double>();
  const auto tail_of = [&](int64_t sample, int64_t from, int64_t lead) {
    std::vector<Planes> f;
    std::vector<VectorField> v;
    for (int64_t t = from; t < 4; ++t) {
      const auto at = static_cast<size_t>(t);
      f.push_back({frames[at].y.narrow(0, sample, 1), frames[at].uv.narrow(0, sample, 1)});
      if (t > from) v.push_back({vectors[at - 1].coarse.narrow(0, sample, 1), vectors[at - 1].delta.narrow(0, sample, 1)});
    }
    return network.forward(f, v, q.narrow(0, sample, 1).narrow(1, from, 4 - from), {.lead = lead}, {}).loss.item<double>();
  };
  EXPECT_NEAR(mixed, 0.5 * (tail_of(0, 2, 0) + tail_of(1, 0, 2)), 1e-4 * mixed);
  EXPECT_GT(std::abs(tail_of(0, 0, 2) - tail_of(0, 2, 0)), 3e-4 * mixed);
}

TEST_P(TinyMotion, TheLeadTeachesNothing) {
  for (Param& p : network.params().list()) p.tensor.set_requires_grad(true);
  std::vector<Planes> frames;
  for (int t = 0; t < 3; ++t) frames.push_back(moving_texture(32, 32, 1, 1, t));
  std::vector<VectorField> vectors;
  for (size_t t = 1; t < frames.size(); ++t) vectors.push_back(vectors_between(frames[t], frames[t - 1]));
  const at::Tensor q = at::full({1, 3}, 0.5);
  const auto gradients = [&](const Motion::Losses& losses) {
    for (Param& p : network.params().list()) p.tensor.mutable_grad() = at::Tensor();
    losses.loss.backward();
    std::vector<at::Tensor> out;
    for (const Param& p : network.params().list()) out.push_back(p.tensor.grad().defined() ? p.tensor.grad().clone() : at::zeros_like(p.tensor));
    return out;
  };
  // A key frame at the end, behind a lead of all the others: the gradient is that of this frame alone.
  const auto led = gradients(network.forward(frames, vectors, q, {.lead = 2, .key_time = at::full({1}, 2, at::kLong)}, {}));
  const auto alone = gradients(network.forward({frames[2]}, {}, at::full({1, 1}, 0.5), {}, {}));
  for (size_t i = 0; i < led.size(); ++i) EXPECT_TRUE(close(led[i], alone[i], 1e-4 * (1e-3 + alone[i].abs().max().item<double>()))) << network.params().list()[i].name;
  EXPECT_THROW(network.forward(frames, vectors, q, {.lead = 3}, {}), std::invalid_argument);
}

std::string name_of_kind(const testing::TestParamInfo<Kind>& kind) { return kind.param == Kind::motion ? "motion" : kind.param == Kind::stem ? "stem" : "fine"; }
INSTANTIATE_TEST_SUITE_P(Modes, TinyMotion, testing::Values(Kind::motion, Kind::stem, Kind::fine), name_of_kind);

// The configuration's interpolation moves the picture, in training and in inference.
TEST(Motion, MovesByItsInterpolation) {
  MotionConfig c = test::tiny_motion_config();
  const Motion bicubic(c);
  c.interpolation = Interpolation::lagrange;
  const Motion lagrange(c);
  EXPECT_EQ(lagrange.decode_macs(), bicubic.decode_macs() + 14);
  Motion::Reference reference;
  reference.picture = {random_normal({1, 1, 32, 48}, 1), random_normal({1, 2, 16, 24}, 2)};
  VectorField v = zero_vectors(1, 2, 3, kReal);
  v.coarse.fill_(-7);
  v.delta.copy_(random_integers({1, 2, 3, 8}, 9, 3));
  const at::Tensor dense = dense_vectors(v);
  const auto check = [&](double tolerance) {
    const Planes moved = lagrange.context(reference, v, level_of(0.5)).moved;
    EXPECT_TRUE(close(moved.y, warp_planes_by_phases(reference.picture.y, dense, 8, 4, Interpolation::lagrange), tolerance));
    EXPECT_TRUE(close(moved.uv, warp_planes_by_phases(reference.picture.uv, dense, 4, 8, Interpolation::lagrange), tolerance));
    EXPECT_FALSE(close(moved.y, bicubic.context(reference, v, level_of(0.5)).moved.y, 1e-2));
  };
  check(0);
  const c10::InferenceMode inference;
  check(1e-5);
}

// Untrained, at the highest quality: a key frame is coded well, and a frame that follows a pan needs little more.
TEST(Motion, WorksBeforeTraining) {
  const at::NoGradGuard no_grad;
  MotionConfig c = test::tiny_motion_config();
  c.patch_channels = 96;
  c.trunk_channels = 256;
  c.latents = 256;
  const Motion network(c);
  const auto frames = code_clip(network, 64, 96, 3, 0.9, {});
  const auto psnr = [](const Motion::Frame& f) { return -10 * std::log10(f.mse[0][0].item<double>()); };
  EXPECT_GT(psnr(frames[0]), 36);
  EXPECT_GT(psnr(frames[2]), 36);
  EXPECT_LT(frames[2].symbols.abs().sum().item<double>(), 0.25 * frames[0].symbols.abs().sum().item<double>());
}

TEST(Motion, QualityRaisesThePsnrBeforeTraining) {
  const at::NoGradGuard no_grad;
  MotionConfig c = test::tiny_motion_config();
  c.patch_channels = 96;
  c.trunk_channels = 256;
  c.latents = 256;
  const Motion network(c);
  const Planes texture = moving_texture(64, 64, 0, 0, 0);
  const Planes rough = {texture.y + random_normal(texture.y.sizes(), 12) * 0.05, texture.uv};
  const auto psnr = [&](double q) { return -10 * std::log10(network.code(rough, {}, {}, level_of(q), {}).mse[0][0].item<double>()); };
  EXPECT_GT(psnr(1.0), psnr(0.0) + 5);
}

TEST(Motion, SkippedRowsHaveZeroSymbols) {
  const at::NoGradGuard no_grad;
  Motion network(test::tiny_motion_config());
  test::randomise(network, 9);
  const auto f = code_clip(network, 32, 32, 1, 0.9, {.skip_below = 20})[0];
  EXPECT_EQ(f.symbols.masked_select(f.rows < 20).abs().sum().item<float>(), 0.f);
  EXPECT_GT(f.symbols.abs().sum().item<float>(), 0.f);
}

TEST(Motion, LoadRefusesOtherFiles) {
  test::TemporaryFile file;
  file.write("not weights");
  EXPECT_THROW(load_motion(file.path()), std::runtime_error);
  Motion network(test::tiny_motion_config());
  test::round_to_grids(network);
  export_motion(network, file.path(), "motion-test", 1, "{}");
  std::string bytes = file.read();
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  file.write(bytes);
  EXPECT_THROW(load_motion(file.path()), std::runtime_error);
}

}  // namespace
}  // namespace tessera::models
