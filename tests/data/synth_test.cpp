#include "data/synth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "bitstream/crc.h"

namespace tessera::media {
namespace {

TEST(Synth, EveryKindSizeAndFormat) {
  for (int kind = 0; kind < kSynthKinds; ++kind) {
    for (uint32_t channels = 1; channels <= 4; ++channels) {
      for (uint32_t depth : {8u, 10u, 16u}) {
        const Picture p =
            synth_picture(static_cast<SynthKind>(kind), 1 + 6 * channels, channels, channels, depth);
        EXPECT_EQ(p.samples.size(), p.size_bytes());
        for (size_t i = 0; i < size_t{p.width} * p.height * channels; ++i) EXPECT_LE(p.get(i), p.max_value());
      }
    }
    EXPECT_EQ(synth_picture(static_cast<SynthKind>(kind), 1, 1).samples.size(), 3u);
  }
}

// Golden numbers: a change here changes what other tests mean.
TEST(Synth, SamplesNeverChange) {
  const uint32_t expected[] = {1792968063u, 2048418237u, 3757408920u, 224210175u, 3358311955u};
  for (int kind = 0; kind < kSynthKinds; ++kind) {
    const Picture p = synth_picture(static_cast<SynthKind>(kind), 97, 61);
    EXPECT_EQ(bitstream::crc32c(p.samples), expected[kind]) << synth_name(static_cast<SynthKind>(kind));
  }
}

TEST(Synth, SeedsDiffer) {
  EXPECT_NE(synth_picture(SynthKind::photo, 32, 32, 3, 8, 1).samples,
            synth_picture(SynthKind::photo, 32, 32, 3, 8, 2).samples);
}

// What makes it a stand-in for photographs: neighbours are alike, the whole is not flat.
TEST(Synth, PhotoIsSmoothButNotFlat) {
  const Picture p = synth_picture(SynthKind::photo, 256, 256, 1);
  double steps = 0;
  for (size_t i = 1; i < p.samples.size(); ++i) steps += std::abs(p.samples[i] - p.samples[i - 1]);
  const auto [low, high] = std::minmax_element(p.samples.begin(), p.samples.end());
  EXPECT_GT(*high - *low, 60);
  EXPECT_LT(steps / static_cast<double>(p.samples.size()), 6);
}

}  // namespace
}  // namespace tessera::media
