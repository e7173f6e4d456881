#include "data/orientation.h"

#include <gtest/gtest.h>

#include "data/exif.h"
#include "tests/data/exif_sample.h"

namespace tessera::media {
namespace {

// A B C
// D E F
Picture letters() {
  Picture picture = make_picture(3, 2, 1);
  picture.samples = {'A', 'B', 'C', 'D', 'E', 'F'};
  return picture;
}

TEST(Orientation, AllEight) {
  const char* expected[] = {"ABCDEF", "CBAFED", "FEDCBA", "DEFABC", "ADBECF", "DAEBFC", "FCEBDA", "CFBEAD"};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Picture turned = oriented(letters(), orientation);
    EXPECT_EQ(turned.width, orientation >= 5 ? 2u : 3u);
    EXPECT_EQ(std::string(turned.samples.begin(), turned.samples.end()), expected[orientation - 1])
        << orientation;
  }
}

TEST(Orientation, WholePixelsMove) {
  Picture deep = make_picture(2, 1, 3, 16);
  for (size_t i = 0; i < 6; ++i) deep.set(i, static_cast<uint32_t>(1000 * i));
  const Picture turned = oriented(deep, 3);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(turned.get(i), 1000 * ((i + 3) % 6));
}

TEST(Orientation, NonsenseIsUpright) {
  for (int orientation : {0, -1, 9}) EXPECT_EQ(oriented(letters(), orientation).samples, letters().samples);
}

TEST(Exif, ReadAndReset) {
  for (bool big_endian : {false, true}) {
    for (uint16_t orientation = 1; orientation <= 8; ++orientation) {
      Bytes exif = test::exif_sample(orientation, big_endian);
      EXPECT_EQ(exif_orientation(exif), orientation);
      reset_exif_orientation(exif);
      EXPECT_EQ(exif, test::exif_sample(1, big_endian)) << "only the orientation changes";
    }
  }
}

TEST(Exif, DamageIsUpright) {
  const Bytes whole = test::exif_sample(6, false);
  for (size_t size = 0; size < whole.size(); ++size) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    const int orientation = exif_orientation(cut);
    EXPECT_TRUE(orientation == 1 || orientation == 6);
    reset_exif_orientation(cut);
    EXPECT_EQ(cut.size(), size);
  }
  EXPECT_EQ(exif_orientation(test::exif_sample(9, true)), 1);
}

}  // namespace
}  // namespace tessera::media
