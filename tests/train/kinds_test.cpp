#include "apps/tessera-train/kinds.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>

#include "apps/tessera-train/audio_pack.h"
#include "tests/data/temporary_folder.h"

namespace tessera::train {
namespace {

// Both kinds normal, `distance` deviations apart in the first feature; the fifth feature tells by its square only.
std::vector<KindSample> drawn(size_t n, double distance, bool square = false) {
  std::mt19937 rng(1);
  std::normal_distribution<double> normal(0, 1);
  std::vector<KindSample> out(n);
  for (size_t i = 0; i < n; ++i) {
    out[i].speech = i % 3 == 0;
    out[i].clip = static_cast<int64_t>(i / 2);
    for (double& f : out[i].features) f = 5 + 2 * normal(rng);
    if (out[i].speech) out[i].features[0] += 2 * distance;
    if (square && out[i].speech) out[i].features[4] = 5 + (rng() % 2 ? 4 : -4) + 0.3 * normal(rng);
  }
  return out;
}

TEST(Kinds, AFitSeparatesWhatCanBe) {
  const auto far = cross_validated(drawn(600, 5)), near = cross_validated(drawn(600, 0)), square = cross_validated(drawn(600, 0, true));
  EXPECT_LT(far.speech, 0.03);
  EXPECT_LT(far.other, 0.03);
  EXPECT_NEAR(near.speech, 0.5, 0.15);
  EXPECT_NEAR(near.other, 0.5, 0.15);
  EXPECT_LT(square.speech, 0.15);
  EXPECT_LT(square.other, 0.2);
  const auto samples = drawn(600, 5);
  const auto table = fit_kinds(samples);
  EXPECT_GT(table.weights[0], 1);
  size_t wrong = 0;
  for (const KindSample& s : samples) wrong += (models::audio::speech_log_odds(s.features, table) > 0) != s.speech;
  EXPECT_LT(wrong, 12u);
}

TEST(Kinds, BothKindsAreNeeded) {
  std::vector<KindSample> one = drawn(30, 1);
  for (KindSample& s : one) s.speech = true;
  EXPECT_THROW(fit_kinds(one), std::runtime_error);
  EXPECT_THROW(fit_kinds({}), std::runtime_error);
}

TEST(Kinds, FromPacksToAHeader) {
  test::TemporaryFolder folder;
  std::mt19937 rng(2);
  std::vector<std::string> raw[2];
  for (int kind = 0; kind < 2; ++kind) {
    for (int clip = 0; clip < 6; ++clip) {
      std::vector<int16_t> samples(4 * 16000);
      for (size_t i = 0; i < samples.size(); ++i) {
        const bool on = kind == 0 || (i / 2000) % 2 == 0;  // hiss, steady or in bursts
        samples[i] = static_cast<int16_t>(on ? static_cast<int>(rng() % 8000) - 4000 : static_cast<int>(rng() % 20) - 10);
      }
      raw[kind].push_back(folder.path(std::to_string(kind) + "_" + std::to_string(clip)));
      std::ofstream(raw[kind].back(), std::ios::binary).write(reinterpret_cast<const char*>(samples.data()), static_cast<std::streamsize>(2 * samples.size()));
    }
  }
  write_audio_pack(folder.path("other"), raw[0], 16000, 1);
  write_audio_pack(folder.path("speech"), raw[1], 16000, 1);
  write_audio_pack(folder.path("slow"), raw[1], 8000, 1);
  const auto samples = kind_samples(folder.path("speech"), folder.path("other"));
  EXPECT_EQ(samples.size(), 6u * 2 + 6u * 2);  // of 4 s: those from 0 and 1 s, those from 0 and 2 s
  EXPECT_TRUE(samples.front().speech);
  EXPECT_FALSE(samples.back().speech);
  EXPECT_EQ(samples.back().clip, 11);
  make_kinds(folder.path("speech"), folder.path("other"), folder.path("table.h"));
  std::ifstream in(folder.path("table.h"));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(text.find("const KindTable kKindTable = {"), std::string::npos);
  EXPECT_EQ(text.find("nan"), std::string::npos);
  EXPECT_THROW(kind_samples(folder.path("slow"), folder.path("other")), std::runtime_error);
  EXPECT_THROW(kind_samples(folder.path("none"), folder.path("other")), std::runtime_error);
}

}  // namespace
}  // namespace tessera::train
