#include "models/video/planes.h"

#include <gtest/gtest.h>

#include "tests/models/tensors.h"
#include "tests/models/video/tiny_motion.h"

namespace tessera::models {
namespace {

using test::random_normal;
using test::same;

TEST(Planes, PatchesAndBack) {
  const Planes p = {random_normal({2, 1, 32, 48}, 1), random_normal({2, 2, 16, 24}, 2)};
  const at::Tensor patches = to_patches(p);
  EXPECT_EQ(patches.sizes(), at::IntArrayRef({2, 4, 6, kPatchSamples}));
  const Planes back = from_patches(patches);
  EXPECT_TRUE(same(back.y, p.y));
  EXPECT_TRUE(same(back.uv, p.uv));
  // Channel order: luma row by row, then Cb, then Cr.
  EXPECT_EQ(patches[1][2][3][8 * 5 + 6].item<float>(), p.y[1][0][2 * 8 + 5][3 * 8 + 6].item<float>());
  EXPECT_EQ(patches[1][2][3][64 + 16 + 4 * 2 + 1].item<float>(), p.uv[1][1][2 * 4 + 2][3 * 4 + 1].item<float>());
}

TEST(Planes, OddSizesArePaddedWithTheLastSamplesAndCutBack) {
  for (const auto& [h, w] : std::vector<std::pair<int64_t, int64_t>>{{241, 319}, {1, 1}, {16, 32}, {17, 15}}) {
    const Planes p = test::moving_texture(h, w, 0, 0, 0, 2);
    const Planes padded = pad_planes(p);
    EXPECT_EQ(padded.height() % kVideoAlign, 0);
    EXPECT_EQ(padded.width() % kVideoAlign, 0);
    EXPECT_LT(padded.height() - h, kVideoAlign);
    EXPECT_EQ(padded.uv.size(2) * 2, padded.height());
    EXPECT_EQ(padded.y[1][0][padded.height() - 1][padded.width() - 1].item<float>(), p.y[1][0][h - 1][w - 1].item<float>());
    const Planes back = crop_planes(padded, h, w);
    EXPECT_TRUE(same(back.y, p.y));
    EXPECT_TRUE(same(back.uv, p.uv));
  }
}

TEST(Planes, FramesOfAClip) {
  const Planes clips = {random_normal({2, 3, 1, 16, 16}, 3), random_normal({2, 3, 2, 8, 8}, 4)};
  const Planes second = frame_of(clips, 1);
  EXPECT_TRUE(same(second.y[1], clips.y[1][1]));
  EXPECT_TRUE(same(second.uv[0], clips.uv[0][1]));
}

}  // namespace
}  // namespace tessera::models
