#include "codec/concealment.h"

#include <gtest/gtest.h>

#include <vector>

namespace tessera {
namespace {

constexpr double kRate = 8000;

TEST(Concealment, ContinuesInMirroredOrder) {
  Concealment c(kRate, 1);
  EXPECT_EQ(c.extrapolate(2), (std::vector<float>{0, 0})) << "nothing to continue";
  c.remember(std::vector<float>{1, 2, 3});
  EXPECT_EQ(c.extrapolate(4), (std::vector<float>{3, 2, 1, 1}));
  EXPECT_EQ(c.extrapolate(4), (std::vector<float>{2, 3, 3, 2}));
  c.remember(std::vector<float>{4});
  EXPECT_EQ(c.extrapolate(3), (std::vector<float>{4, 3, 2}));
}

TEST(Concealment, FadesOutAndIn) {
  Concealment c(kRate, 1);
  c.remember(std::vector<float>{1});
  c.lose(1000, 2000);
  std::vector<float> samples(5000, 1.f);
  c.fade(samples, 1, 0, 0);
  EXPECT_EQ(samples[999], 1.f);
  EXPECT_EQ(samples[1000], 1.f);
  for (size_t i = 1001; i < 3000; ++i) ASSERT_LE(samples[i], samples[i - 1]);
  EXPECT_EQ(samples[2000], 0.f);
  EXPECT_EQ(samples[2999], 0.f);
  for (size_t i = 3001; i < 3100; ++i) ASSERT_GE(samples[i], samples[i - 1]);
  EXPECT_EQ(samples[3100], 1.f);
}

TEST(Concealment, PiecesAndChannelsAndDelay) {
  Concealment c(kRate, 1), d(kRate, 1);
  for (Concealment* x : {&c, &d}) {
    x->remember(std::vector<float>{1});
    x->lose(100, 300);
    x->lose(400, 700);
  }
  std::vector<float> whole(4000, 1.f), pieces = whole;
  c.fade(whole, 2, 0, 50);
  for (size_t at = 0; at < 2000; at += 100) d.fade(std::span(pieces).subspan(2 * at, 200), 2, at, 50);
  EXPECT_EQ(whole, pieces);
  EXPECT_EQ(whole[2 * 149], 1.f);
  EXPECT_EQ(whole[2 * 1149 + 1], 0.f);
  for (size_t i = 0; i < whole.size(); i += 2) EXPECT_EQ(whole[i], whole[i + 1]);
}

TEST(Concealment, TheBeginningIsSilent) {
  Concealment c(kRate, 1);
  c.lose(0, 500);
  std::vector<float> samples(600, 1.f);
  c.fade(samples, 1, 0, 0);
  EXPECT_EQ(samples[0], 0.f);
  EXPECT_EQ(samples[499], 0.f);
}

}  // namespace
}  // namespace tessera
