// Test patterns for training: reproducible, varied, in full contrast.
#include "apps/tessera-train/patterns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

namespace tessera::train {
namespace {

TEST(Patterns, SameSeedSamePictures) {
  const auto a = make_patterns(9, 64, 5), b = make_patterns(9, 64, 5), other = make_patterns(9, 64, 6);
  ASSERT_EQ(a.size(), 9u);
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].rgb, b[i].rgb);
    EXPECT_NE(a[i].rgb, other[i].rgb) << "kind " << i;
  }
}

TEST(Patterns, EveryPictureIsFullAndHasContrast) {
  int varied = 0;
  for (const PatternPicture& p : make_patterns(36, 96, 1)) {
    EXPECT_EQ(p.width, 96);
    EXPECT_EQ(p.height, 96);
    ASSERT_EQ(p.rgb.size(), 3u * 96 * 96);
    std::set<std::array<uint8_t, 3>> colours;
    for (size_t i = 0; i < p.rgb.size(); i += 3) colours.insert({p.rgb[i], p.rgb[i + 1], p.rgb[i + 2]});
    varied += colours.size() > 1;
  }
  EXPECT_GE(varied, 32);  // the two colours of a grating may be the same
  // Over all of them, black, white and saturated colours occur.
  std::set<std::array<uint8_t, 3>> corners;
  for (const PatternPicture& p : make_patterns(90, 64, 2)) {
    for (size_t i = 0; i < p.rgb.size(); i += 3) {
      const std::array<uint8_t, 3> c = {p.rgb[i], p.rgb[i + 1], p.rgb[i + 2]};
      if (std::all_of(c.begin(), c.end(), [](uint8_t v) { return v == 0 || v == 255; })) corners.insert(c);
    }
  }
  EXPECT_EQ(corners.size(), 8u);
}

TEST(Patterns, NoneAndMany) {
  EXPECT_TRUE(make_patterns(0, 64, 1).empty());
  EXPECT_EQ(make_patterns(100, 16, 1).size(), 100u);
}

}  // namespace
}  // namespace tessera::train
