#include "apps/tessera-train/roughen.h"

#include <gtest/gtest.h>

namespace tessera::train {
namespace {

// A grating of moderate contrast that stands still.
models::Planes grating(int64_t batch, int64_t frames, int64_t side) {
  const at::Tensor x = at::arange(side, at::kFloat), half = at::arange(side / 2, at::kFloat);
  const auto wave = [](const at::Tensor& t, double step) { return at::round((0.5 + 0.2 * at::sin(t * step)) * 255) * (1.0 / 255); };
  return {wave(x, 0.9).reshape({1, 1, 1, 1, side}).expand({batch, frames, 1, side, side}).contiguous(),
          wave(half, 0.5).reshape({1, 1, 1, 1, side / 2}).expand({batch, frames, 2, side / 2, side / 2}).contiguous()};
}

TEST(Roughened, NothingForAShareOfNothing) {
  at::manual_seed(1);
  const models::Planes clips = grating(3, 2, 64), out = roughened(clips, 0);
  EXPECT_LT((out.y - clips.y).abs().max().item<double>(), 1e-6);
  EXPECT_LT((out.uv - clips.uv).abs().max().item<double>(), 1e-6);
}

TEST(Roughened, SamplesAreOfEightBitsWithinTheRange) {
  at::manual_seed(2);
  const models::Planes out = roughened(grating(8, 3, 64), 1);
  for (const at::Tensor& x : {out.y, out.uv}) {
    EXPECT_GE(x.min().item<double>(), 0);
    EXPECT_LE(x.max().item<double>(), 1);
    EXPECT_LT((x * 255 - at::round(x * 255)).abs().max().item<double>(), 1e-3);
  }
  EXPECT_EQ(out.y.sizes(), at::IntArrayRef({8, 3, 1, 64, 64}));
  EXPECT_EQ(out.uv.sizes(), at::IntArrayRef({8, 3, 2, 32, 32}));
}

// Noise is new in every frame and no stronger than said; sharpening is the same in all frames of a clip, and raises the contrast.
TEST(Roughened, NoiseChangesWithTheFramesSharpeningDoesNot) {
  at::manual_seed(3);
  constexpr int64_t batch = 64;
  const models::Planes clips = grating(batch, 2, 64), out = roughened(clips, 0.5);
  int noisy = 0, sharp = 0, neither = 0;
  for (int64_t b = 0; b < batch; ++b) {
    const double change = (out.y[b][0] - out.y[b][1]).std().item<double>(), contrast = out.y[b].std().item<double>() / clips.y[b].std().item<double>();
    EXPECT_LT(change, 1.5 * kMostNoise);
    EXPECT_LT(contrast, 1 + kMostSharpening);
    noisy += change > 0.1 / 255 ? 1 : 0;
    sharp += contrast > 1.02 ? 1 : 0;
    neither += change == 0 && contrast < 1.001 ? 1 : 0;
  }
  EXPECT_GT(noisy, batch / 8);
  EXPECT_LT(noisy, batch * 3 / 4);
  EXPECT_GT(sharp, batch / 4);
  EXPECT_LT(sharp, batch * 3 / 4);
  EXPECT_GT(neither, batch / 16);
}

}  // namespace
}  // namespace tessera::train
