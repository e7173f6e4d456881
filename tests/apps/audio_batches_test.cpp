// Random segments of an audio pack: shapes, variations, sides made from mono sources.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "apps/tessera-train/audio_pack.h"

namespace tessera::train {
namespace {

// A pack of two clips: a tone at full scale and a short quieter one.
class AudioBatchesTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    channels = GetParam();
    const std::string base = ::testing::TempDir() + "batches" + std::to_string(channels);
    std::vector<std::string> files;
    for (const int samples : {48000, 300}) {
      files.push_back(base + "_" + std::to_string(samples) + ".s16");
      std::ofstream out(files.back(), std::ios::binary);
      for (int i = 0; i < samples; ++i) {
        const auto value = static_cast<int16_t>(20000 * std::sin(0.05 * i));
        for (int c = 0; c < channels; ++c) out.write(reinterpret_cast<const char*>(&value), 2);
      }
    }
    path = base + ".pack";
    write_audio_pack(path, files, 24000, static_cast<uint32_t>(channels));
  }
  int channels = 1;
  std::string path;
};

TEST_P(AudioBatchesTest, SegmentsStayInRangeUnderEveryVariation) {
  at::manual_seed(1);
  const AudioBatches batches(path, 24000, channels, at::kCPU);
  EXPECT_EQ(batches.clips(), 2);
  const AudioVariation plain, all{.speed = 1.3, .mixed = 1, .filtered = 1, .filter_db = 12, .stereo = 1, .quieter_db = 20};
  for (const AudioVariation& vary : {plain, all}) {
    const at::Tensor x = batches.sample(16, 2400, vary);
    ASSERT_EQ(x.sizes(), (std::vector<int64_t>{16, channels, 2400}));
    EXPECT_TRUE(at::isfinite(x).all().item<bool>());
    EXPECT_LE(x.abs().max().item<double>(), 1.0);
    EXPECT_GT(x.abs().max().item<double>(), 0.05);
  }
}

TEST_P(AudioBatchesTest, PlainSegmentsAreTheClipsSamples) {
  at::manual_seed(2);
  const AudioBatches batches(path, 24000, channels, at::kCPU);
  const at::Tensor x = batches.sample(32, 1200, {.quieter_db = 0});
  EXPECT_NEAR(x.abs().max().item<double>(), 20000.0 / 32768, 1e-3);
}

TEST_P(AudioBatchesTest, ShortClipsEndInSilence) {
  at::manual_seed(3);
  const AudioBatches batches(path, 24000, channels, at::kCPU);
  bool found = false;
  for (int i = 0; i < 200 && !found; ++i) {
    const at::Tensor x = batches.sample(8, 2400, {.quieter_db = 0});
    found = x.narrow(2, 300, 2100).abs().amax({1, 2}).eq(0).any().item<bool>();
  }
  EXPECT_TRUE(found);
}

TEST_P(AudioBatchesTest, SidesDifferOnlyWhenAsked) {
  if (channels == 1) return;
  at::manual_seed(4);
  const AudioBatches batches(path, 24000, channels, at::kCPU);
  const auto side = [&](double share) {
    const at::Tensor x = batches.sample(16, 2400, {.stereo = share, .quieter_db = 0});
    return (x.select(1, 0) - x.select(1, 1)).abs().mean().item<double>();
  };
  EXPECT_EQ(side(0), 0);
  EXPECT_GT(side(1), 0.02);
}

INSTANTIATE_TEST_SUITE_P(Channels, AudioBatchesTest, ::testing::Values(1, 2));

}  // namespace
}  // namespace tessera::train
