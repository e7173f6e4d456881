#include "models/audio/sound_kind.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

namespace tessera::models::audio {
namespace {

constexpr size_t kRate = kKindRate;
constexpr double kTurn = 2 * std::numbers::pi;

// A buzz whose pitch glides and whose resonances move with each syllable, four a second, hisses between them and pauses after every eighth.
std::vector<float> syllables(size_t count, uint32_t seed = 1) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<float> out(count);
  std::vector<double> state(6, 0);
  double phase = 0, formants[3] = {500, 1500, 2500}, pitch = 120;
  for (size_t i = 0; i < count; ++i) {
    const double t = static_cast<double>(i) / kRate, place = std::fmod(4 * t, 1.0);
    if (i % (kRate / 4) == 0) {
      formants[0] = 300 + 500 * uniform(rng);
      formants[1] = 900 + 1400 * uniform(rng);
      formants[2] = 2300 + 700 * uniform(rng);
      pitch = 90 + 60 * uniform(rng);
    }
    const bool pause = static_cast<int>(4 * t) % 8 == 7;
    phase += pitch * (1 + 0.1 * std::sin(kTurn * 1.3 * t)) / kRate;
    double source = 0.002 * (uniform(rng) - 0.5);
    if (phase >= 1) {
      phase -= 1;
      source += 1;
    }
    const double loudness = pause ? 0 : std::pow(std::sin(std::numbers::pi * std::min(1.0, place / 0.75)), 2) * (place < 0.75);
    double voice = 0;
    for (size_t f = 0; f < 3; ++f) {
      const double radius = std::exp(-std::numbers::pi * 90 / kRate), next = source + 2 * radius * std::cos(kTurn * formants[f] / kRate) * state[2 * f] - radius * radius * state[2 * f + 1];
      state[2 * f + 1] = state[2 * f];
      state[2 * f] = next;
      voice += next / static_cast<double>(f + 1);
    }
    const double hiss = !pause && place > 0.8 ? 0.1 * (uniform(rng) - 0.5) : 0;
    out[i] = static_cast<float>(0.1 * loudness * voice + hiss + 1e-4 * (uniform(rng) - 0.5));
  }
  return out;
}

std::vector<float> chord(size_t count) {
  std::vector<float> out(count);
  for (size_t i = 0; i < count; ++i) {
    for (const double hz : {220.0, 277.2, 329.6, 440.0, 554.4, 880.0, 1318.5}) out[i] += static_cast<float>(0.1 * std::sin(kTurn * hz * static_cast<double>(i) / kRate));
  }
  return out;
}

std::vector<float> noise(size_t count) {
  std::mt19937 rng(3);
  std::normal_distribution<float> normal(0, 0.1f);
  std::vector<float> out(count);
  for (float& x : out) x = normal(rng);
  return out;
}

// Struck strings, two notes a second, that fade.
std::vector<float> plucked(size_t count) {
  std::vector<float> out(count);
  std::mt19937 rng(4);
  for (size_t start = 0; start < count; start += kRate / 2) {
    const double hz = 220 * std::pow(2, static_cast<double>(rng() % 12) / 12);
    for (size_t i = start; i < std::min(count, start + kRate); ++i) {
      const double t = static_cast<double>(i - start) / kRate;
      for (int h = 1; h < 9; ++h) out[i] += static_cast<float>(0.2 / h * std::exp(-3 * t * h) * std::sin(kTurn * hz * h * t));
    }
  }
  return out;
}

TEST(SoundKind, TellsSyllablesFromNotesAndNoise) {
  const auto odds = [](const std::vector<float>& samples) {
    const auto features = kind_features(samples);
    EXPECT_TRUE(features);
    return features ? speech_log_odds(*features) : 0;
  };
  for (const size_t seconds : {3u, 10u}) {
    EXPECT_GT(odds(syllables(seconds * kRate)), 0) << seconds;
    EXPECT_GT(odds(syllables(seconds * kRate, 7)), 0) << seconds;
    EXPECT_LT(odds(chord(seconds * kRate)), 0) << seconds;
    EXPECT_LT(odds(noise(seconds * kRate)), 0) << seconds;
    EXPECT_LT(odds(plucked(seconds * kRate)), 0) << seconds;
  }
}

// How loud it is says nothing.
TEST(SoundKind, FeaturesDoNotDependOnTheScale) {
  std::vector<float> samples = syllables(5 * kRate);
  const auto before = kind_features(samples);
  for (float& x : samples) x *= 0.25f;
  const auto after = kind_features(samples);
  ASSERT_TRUE(before && after);
  for (size_t i = 0; i < kKindFeatures; ++i) EXPECT_NEAR((*before)[i], (*after)[i], 0.02 * (0.1 + std::abs((*before)[i]))) << i;
}

TEST(SoundKind, NothingIsSaidOfNothing) {
  EXPECT_FALSE(kind_features({}));
  EXPECT_FALSE(kind_features(std::vector<float>(100, 0.1f)));
  EXPECT_FALSE(kind_features(std::vector<float>(kRate / 2 - 1, 0.1f)));
  EXPECT_FALSE(kind_features(std::vector<float>(kRate, 0.0f)));
  std::vector<float> broken = syllables(kRate);
  broken[5000] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(kind_features(broken));
  EXPECT_TRUE(kind_features(syllables(kRate / 2)));
  std::vector<float> click(kRate, 0.0f);
  click[9000] = 1;
  const auto odd = kind_features(click);  // whatever is said, it is a number
  if (odd) {
    EXPECT_TRUE(std::isfinite(speech_log_odds(*odd)));
  }
}

TEST(SoundKind, OddsAreARegressionOnFeaturesAndSquares) {
  KindTable table = {};
  table.scale.fill(0.5);
  table.mean.fill(1);
  table.weights[0] = 2;
  table.weights[kKindFeatures] = 3;
  table.weights.back() = 0.25;
  KindFeatures features;
  features.fill(1);
  EXPECT_DOUBLE_EQ(speech_log_odds(features, table), 0.25);
  features[0] = 3;  // standardised: 1
  EXPECT_DOUBLE_EQ(speech_log_odds(features, table), 2 + 3 + 0.25);
  features[0] = -1e9;  // clamped to -3
  EXPECT_DOUBLE_EQ(speech_log_odds(features, table), -6 + 27 + 0.25);
}

}  // namespace
}  // namespace tessera::models::audio
