#include "apps/tessera/psnr.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/synth.h"

namespace tessera::cli {
namespace {

using media::make_picture;

TEST(Psnr, KnownValues) {
  auto a = make_picture(10, 10), b = make_picture(10, 10);
  EXPECT_TRUE(std::isinf(psnr(a, b)));
  for (auto& sample : b.samples) sample = 1;
  EXPECT_NEAR(psnr(a, b), 48.1308, 1e-4);
  for (auto& sample : b.samples) sample = 255;
  EXPECT_NEAR(psnr(a, b), 0, 1e-9);
  auto c = make_picture(4, 4, 1, 10), d = make_picture(4, 4, 1, 10);
  for (size_t i = 0; i < 16; ++i) d.set(i, 1);
  EXPECT_NEAR(psnr(c, d), 20 * std::log10(1023), 1e-9);
}

TEST(Psnr, AlphaDoesNotCount) {
  auto a = make_picture(2, 2, 4), b = make_picture(2, 2, 4);
  b.set(3, 200);
  EXPECT_TRUE(std::isinf(psnr(a, b)));
  b.set(2, 255);
  EXPECT_NEAR(psnr(a, b), 10 * std::log10(12), 1e-9);
}

TEST(Psnr, OtherFormatsAreNoNumber) {
  EXPECT_TRUE(std::isnan(psnr(make_picture(2, 2), make_picture(2, 3))));
  EXPECT_TRUE(std::isnan(psnr(make_picture(2, 2), make_picture(2, 2, 4))));
}

TEST(Median, OddAndEven) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 2, 9}), 3);
}

}  // namespace
}  // namespace tessera::cli
