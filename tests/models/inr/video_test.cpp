// Overfitted networks for groups of frames: configurations, coding, training against the decoder's side.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "models/inr/network.h"
#include "models/inr/video/video_fit.h"
#include "models/inr/video/video_forward.h"
#include "models/inr/video/video_synthesis.h"
#include "models/parallel.h"

namespace tessera::test {
namespace {

using namespace models::inr;

VideoConfig small_config(int frames = 4) {
  VideoConfig c;
  c.embedding = 4;
  c.frames = frames;
  c.stages = {{12, 1}, {8, 3}, {8, 5}};
  c.time_width = 6;
  return c;
}

// Configurations with each idea left out, and without all of them.
std::vector<VideoConfig> variants(int frames = 4) {
  std::vector<VideoConfig> out(6, small_config(frames));
  out[1].sine = false;
  out[2].affine = false;
  out[3].separable = false;
  out[4].skip = false;
  out[5].sine = out[5].affine = out[5].separable = out[5].skip = false;
  return out;
}

VideoNetwork random_network(const VideoConfig& config, uint32_t seed = 1) {
  std::mt19937 random(seed);
  VideoNetwork n;
  n.config = config;
  for (const PartInfo& p : parts_of(config)) {
    VideoPart part{20 + static_cast<int>(random() % 8), {}};
    for (int64_t i = 0; i < p.count; ++i) part.values.push_back(static_cast<int32_t>(random() % 21) - 10);
    n.parts.push_back(part);
  }
  for (int c = 0; c < config.embedding; ++c) n.channels.push_back({static_cast<uint8_t>(4 * c % 17), 20, 10});
  return n;
}

Embedding random_embedding(const VideoConfig& config, int64_t height, int64_t width, uint32_t seed) {
  std::mt19937 random(seed);
  Embedding out(static_cast<size_t>(config.embedding * stage_shapes(config, height, width)[0].count()));
  for (int16_t& v : out) v = static_cast<int16_t>(static_cast<int>(random() % 41) - 20);
  return out;
}

// A pattern that moves, [frames, 6, H / 2, W / 2].
at::Tensor moving(int64_t frames, int64_t height, int64_t width) {
  const int64_t h = (height + 1) / 2, w = (width + 1) / 2;
  std::vector<at::Tensor> out;
  for (int64_t t = 0; t < frames; ++t) {
    const at::Tensor y = at::arange(2 * h, at::kFloat).view({1, 1, 2 * h, 1}), x = at::arange(2 * w, at::kFloat).view({1, 1, 1, 2 * w}) + static_cast<double>(t);
    const at::Tensor luma = at::sin(x * 0.3 + y * 0.1) * 0.2 + at::cos(y * 0.25) * 0.15 + 0.5;
    const at::Tensor chroma = at::avg_pool2d(luma, 2);
    out.push_back(squares(luma, at::cat({chroma * 0.5 + 0.2, chroma * -0.5 + 0.8}, 1)));
  }
  return at::cat(out);
}

TEST(VideoConfig, Limits) {
  EXPECT_FALSE(problem(small_config()));
  const auto wrong = [](auto change) {
    VideoConfig c = small_config();
    change(c);
    return problem(c).has_value();
  };
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.stages.clear(); }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.stages.resize(7); }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.embedding = 0; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.embedding = 33; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.frames = 0; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.frames = 256; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.stages[2].channels = 68; }));
  EXPECT_FALSE(wrong([](VideoConfig& c) { c.stages[1].channels = 68; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.stages[0].channels = 260; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.stages[0].channels = 0; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.stages[0].channels = 6; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.stages[0].kernel = 7; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.frequencies = 9; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) { c.time_width = 65; }));
  EXPECT_FALSE(wrong([](VideoConfig& c) { c.affine = false, c.time_width = 65; }));
  EXPECT_TRUE(wrong([](VideoConfig& c) {  // more work a sample than allowed, every stage by itself in range
    c.stages = {{256, 5}, {128, 5}, {64, 5}};
  }));
}

TEST(VideoConfig, ShapesEndAtHalfThePicture) {
  const std::vector<GridShape> shapes = stage_shapes(small_config(), 37, 70);
  ASSERT_EQ(shapes.size(), 4u);
  const int64_t expected[4][2] = {{3, 5}, {5, 9}, {10, 18}, {19, 35}};
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(shapes[i].height == expected[i][0] && shapes[i].width == expected[i][1]) << i;
}

TEST(VideoNetwork, ParametersAndEmbeddingsThereAndBack) {
  for (const VideoConfig& config : variants()) {
    VideoNetwork network = random_network(config);
    network.parts[0].values[0] = kMaxParameter;
    network.parts.back().values.back() = -kMaxParameter;
    std::vector<uint8_t> scales;
    for (const VideoPart& p : network.parts) scales.push_back(static_cast<uint8_t>(part_cost(p.values).scale));
    VideoNetwork read = network;
    for (VideoPart& p : read.parts) p.values.clear();
    ASSERT_TRUE(decode_parameters(code_parameters(network, scales), scales, read).ok());
    for (size_t p = 0; p < network.parts.size(); ++p) EXPECT_EQ(read.parts[p].values, network.parts[p].values) << p;

    const Embedding first = random_embedding(config, 40, 60, 3);
    Embedding second = random_embedding(config, 40, 60, 4);
    second[0] = kMaxParameter;
    second[1] = -kMaxParameter;
    for (const Embedding* before : {static_cast<const Embedding*>(nullptr), &first}) {
      const std::vector<std::byte> bytes = code_embedding(network, second, before);
      Embedding again(second.size());
      ASSERT_TRUE(decode_embedding(bytes, network, before, again).ok());
      EXPECT_EQ(again, second);
      std::vector<std::byte> longer = bytes;
      longer.push_back(std::byte{1});
      EXPECT_EQ(decode_embedding(longer, network, before, again).code(), ErrorCode::corrupt);
    }
  }
}

TEST(VideoNetwork, ScalesAreTheCheapest) {
  VideoNetwork network = random_network(small_config());
  std::vector<Embedding> all;
  for (uint32_t t = 0; t < 4; ++t) all.push_back(random_embedding(network.config, 64, 64, 9));  // the same frame again and again
  const double bits = choose_scales(network, all);
  size_t bytes = 0;
  for (size_t t = 0; t < all.size(); ++t) bytes += code_embedding(network, all[t], t == 0 ? nullptr : &all[t - 1]).size();
  EXPECT_NEAR(static_cast<double>(bytes) * 8, bits, 4 * 16);
  // The channel that is predicted fully costs nothing more.
  network.channels[3].weight = kWholeWeight;
  choose_scales(network, all);
  EXPECT_LT(network.channels[3].other_scale, network.channels[0].other_scale);
}

TEST(VideoSynthesis, AllInstructionSetsAndThreadsMakeTheSamePicture) {
  const VideoNetwork network = random_network(small_config());
  const Embedding embedding = random_embedding(network.config, 70, 90, 5);
  const VideoPlanes plain = VideoSynthesis(network, 70, 90, kPlainVideoKernels).frame(embedding, 2);
  const int threads = models::threads();
  for (const int n : {1, 3}) {
    models::set_threads(n);
    const VideoPlanes best = VideoSynthesis(network, 70, 90).frame(embedding, 2);
    ASSERT_EQ(best.y.size(), plain.y.size());
    for (size_t i = 0; i < best.y.size(); ++i) ASSERT_NEAR(best.y[i], plain.y[i], 2e-4f * (1 + std::abs(plain.y[i]))) << i;
    for (size_t i = 0; i < best.uv.size(); ++i) ASSERT_NEAR(best.uv[i], plain.uv[i], 2e-4f * (1 + std::abs(plain.uv[i]))) << i;
  }
  models::set_threads(threads);
}

// The decoder's loops against libtorch's operators.
TEST(VideoSynthesis, TheDecoderMakesWhatTheTrainerSees) {
  for (const VideoConfig& config : variants()) {
    for (const auto& [height, width] : {std::pair<int64_t, int64_t>(1, 1), {37, 70}, {64, 48}, {3, 130}}) {
      const VideoNetwork network = random_network(config, 2);
      const Embedding embedding = random_embedding(config, height, width, 6);
      const VideoPlanes planes = VideoSynthesis(network, height, width).frame(embedding, 3);
      const std::vector<GridShape> shapes = stage_shapes(config, height, width);
      const std::vector<float> floats = network.floats();
      std::vector<float> values(embedding.begin(), embedding.end());
      const at::Tensor made = video_forward(config, shapes, at::tensor(at::ArrayRef<float>(floats)),
                                            at::tensor(at::ArrayRef<float>(values)).view({1, config.embedding, shapes[0].height, shapes[0].width}) * kEmbeddingUnit,
                                            time_codes(config).narrow(0, 3, 1));
      const GridShape s = planes.shape;
      const at::Tensor y = at::from_blob(const_cast<float*>(planes.y.data()), {1, 1, 2 * s.height, 2 * s.width}), uv = at::from_blob(const_cast<float*>(planes.uv.data()), {1, 2, s.height, s.width});
      const at::Tensor difference = (squares(y, uv) - made).abs() / (made.abs() + 1);
      EXPECT_LT(difference.max().item<float>(), 2e-4f) << height << "x" << width;
    }
  }
}

// Weights that no encoder writes: no crash, and something comes out.
TEST(VideoSynthesis, AbsurdWeightsEnd) {
  VideoNetwork network = random_network(small_config());
  for (VideoPart& part : network.parts) {
    part.step = 0;
    std::fill(part.values.begin(), part.values.end(), kMaxParameter);
  }
  Embedding embedding = random_embedding(network.config, 20, 20, 5);
  std::fill(embedding.begin(), embedding.end(), std::numeric_limits<int16_t>::max());
  EXPECT_EQ(VideoSynthesis(network, 20, 20).frame(embedding, 0).y.size(), 400u);
}

double trained_loss(VideoFit& fit, int steps, double weight, int64_t samples) {
  for (int i = 0; i < steps; ++i) {
    if (i % 10 == 9) fit.refresh();
    fit.set({0.01, 0.2, 0.02});
    fit.soft_step();
  }
  const VideoFit::Numbers n = fit.evaluate();
  return n.bits / static_cast<double>(samples) + weight * n.distortion;
}

TEST(VideoFit, TrainingLowersTheLossWithAndWithoutEachIdea) {
  const at::Tensor frames = moving(4, 32, 48);
  for (const VideoConfig& config : variants()) {
    VideoFit fit(config, frames, 32, 48, {.weight = 300});
    const double start = trained_loss(fit, 0, 300, 4 * 32 * 48), end = trained_loss(fit, 60, 300, 4 * 32 * 48);
    EXPECT_LT(end, 0.7 * start);
    const VideoFit::Numbers n = fit.read();
    EXPECT_EQ(n.steps, 60);
    EXPECT_EQ(n.bad, 0);
  }
}

// What evaluate() says is what the coder and the decoder make of it.
TEST(VideoFit, BitsAndPicturesAreTheDecoders) {
  const int64_t height = 34, width = 47;
  const at::Tensor frames = moving(4, height, width);
  VideoFit fit(small_config(), frames, height, width, {.weight = 300});
  trained_loss(fit, 40, 300, 1);
  fit.freeze();
  for (int i = 0; i < 10; ++i) {
    fit.set({0.002, 0.05, 0});
    fit.hard_step();
  }
  const VideoFit::Numbers said = fit.evaluate();
  VideoNetwork network = fit.network();
  const std::vector<Embedding> embeddings = fit.embeddings();
  double bits = choose_scales(network, embeddings);
  for (const VideoPart& p : network.parts) bits += part_cost(p.values).bits;
  EXPECT_NEAR(said.bits / bits, 1, 0.05);
  const VideoSynthesis synthesis(network, height, width);
  double distortion = 0;
  for (int t = 0; t < 4; ++t) {
    const VideoPlanes planes = synthesis.frame(embeddings[static_cast<size_t>(t)], t);
    const GridShape s = planes.shape;
    const at::Tensor y = at::from_blob(const_cast<float*>(planes.y.data()), {1, 1, 2 * s.height, 2 * s.width}), uv = at::from_blob(const_cast<float*>(planes.uv.data()), {1, 2, s.height, s.width});
    const at::Tensor error = (squares(y, uv) - frames.narrow(0, t, 1)).square();
    distortion += (error.narrow(1, 0, 4).mean().item<double>() * 0.75 + error.narrow(1, 4, 2).mean().item<double>() * 0.25) / 4;
  }
  EXPECT_NEAR(distortion / said.distortion, 1, 1e-3);
}

TEST(VideoFit, ANextGroupStartsFromTheOneBefore) {
  const at::Tensor frames = moving(8, 32, 48);
  VideoFit first(small_config(), frames.narrow(0, 0, 4), 32, 48, {.weight = 300});
  trained_loss(first, 80, 300, 1);
  VideoFit fresh(small_config(3), frames.narrow(0, 4, 3), 32, 48, {.weight = 300}), warm(small_config(3), frames.narrow(0, 4, 3), 32, 48, {.weight = 300}, &first);
  EXPECT_LT(warm.evaluate().distortion, 0.5 * fresh.evaluate().distortion);
}

TEST(VideoFit, NothingThatIsNotFiniteStays) {
  at::Tensor frames = moving(2, 16, 16);
  frames.fill_(std::numeric_limits<float>::quiet_NaN());
  VideoConfig config = small_config(2);
  VideoFit fit(config, moving(2, 16, 16), 16, 16, {.weight = 300}), broken(config, frames, 16, 16, {.weight = 300});
  const std::vector<at::Tensor> before = broken.snapshot();
  broken.set({0.01, 0.2, 0.02});
  broken.soft_step();
  EXPECT_EQ(broken.read().bad, 1);
  EXPECT_TRUE(at::equal(broken.snapshot()[0], before[0]));
  const std::vector<at::Tensor> good = fit.snapshot();
  trained_loss(fit, 3, 300, 1);
  EXPECT_FALSE(at::equal(fit.snapshot()[0], good[0]));
  fit.restore(good);
  EXPECT_TRUE(at::equal(fit.snapshot()[0], good[0]));
}

}  // namespace
}  // namespace tessera::test
