#include "codec/audio_rate.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tessera {
namespace {

TEST(AudioRate, SpendingTheBudgetHitsTheRate) {
  for (const double bit_rate : {1000.0, 6000.0, 24000.0}) {
    RateControl rate(bit_rate, 24000);
    double bytes = 40;
    rate.spend(40, 0);
    for (int i = 0; i < 20; ++i) {
      const auto take = static_cast<uint64_t>(rate.budget(12000, i == 19) / 8);
      rate.spend(take, 12000);
      bytes += static_cast<double>(take);
    }
    EXPECT_NEAR(8 * bytes / 10, bit_rate, 0.01 * bit_rate);
  }
}

TEST(AudioRate, WhatWasSavedIsSpentLater) {
  RateControl rate(8000, 8000);
  const double usual = rate.budget(800, false);
  EXPECT_DOUBLE_EQ(usual, 800);
  rate.spend(50, 800);  // half of it
  EXPECT_GT(rate.budget(800, false), usual);
  EXPECT_LT(rate.budget(800, false), usual + 400);
  EXPECT_DOUBLE_EQ(rate.budget(800, true), usual + 400);
  rate.spend(1000, 800);
  EXPECT_LT(rate.budget(800, false), usual);
}

TEST(AudioRate, TheReservoirIsBounded) {
  RateControl rate(8000, 8000);
  for (int i = 0; i < 1000; ++i) rate.spend(1, 8000);
  EXPECT_LE(rate.budget(8000, true), 9 * 8000);
}

}  // namespace
}  // namespace tessera
