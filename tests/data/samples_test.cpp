#include "data/samples.h"

#include <gtest/gtest.h>

#include "data/synth.h"

namespace tessera::media {
namespace {

TEST(Samples, GreyStaysGreyThroughColour) {
  const Picture grey = synth_picture(SynthKind::noise, 16, 8, 1);
  for (uint32_t channels = 1; channels <= 4; ++channels) {
    const Picture other = with_channels(grey, channels);
    EXPECT_EQ(other.size_bytes(), other.samples.size());
    EXPECT_EQ(with_channels(other, 1).samples, grey.samples);
  }
}

TEST(Samples, AlphaIsKeptOrOpaque) {
  const Picture rgba = synth_picture(SynthKind::photo, 9, 7, 4, 12);
  const Picture grey_alpha = with_channels(rgba, 2);
  for (size_t i = 0; i < 63; ++i) EXPECT_EQ(grey_alpha.get(2 * i + 1), rgba.get(4 * i + 3));
  const Picture opaque = with_channels(with_channels(rgba, 3), 4);
  for (size_t i = 0; i < 63; ++i) EXPECT_EQ(opaque.get(4 * i + 3), 4095u);
}

TEST(Samples, BitDepthsThereAndBack) {
  const Picture eight = synth_picture(SynthKind::gradient, 256, 2, 3, 8);
  for (uint32_t depth = 8; depth <= 16; ++depth) {
    const Picture deep = with_bit_depth(eight, depth);
    EXPECT_EQ(deep.get(3 * 255), deep.max_value());
    EXPECT_EQ(deep.get(0), 0u);
    EXPECT_EQ(with_bit_depth(deep, 8).samples, eight.samples);
  }
}

TEST(Samples, MetadataStays) {
  Picture picture = synth_picture(SynthKind::text, 4, 4);
  picture.metadata.xmp = {1, 2};
  EXPECT_EQ(with_bit_depth(with_channels(picture, 1), 16).metadata.xmp, (Bytes{1, 2}));
}

}  // namespace
}  // namespace tessera::media
