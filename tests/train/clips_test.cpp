// Training clips: every sample comes from where it should.
#include "apps/tessera-train/clips.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/data/temporary_folder.h"
#include "tests/train/samples.h"

namespace tessera::train {
namespace {

using tessera::test::TemporaryFolder;

int value(const at::Tensor& t) { return static_cast<int>(std::lround(t.item<double>() * 255)); }

class Clips : public testing::Test {
 protected:
  Clips() : path(folder.path("a.tsvp")) {
    test::write_marked_pack(path);
    at::manual_seed(3);
  }
  const TemporaryFolder folder;
  const std::string path;
};

TEST_F(Clips, WholeFrames) {
  const VideoClips clips(path, at::kCPU);
  EXPECT_EQ(clips.clips(), 3);
  EXPECT_EQ(clips.frames(), 15);
  EXPECT_EQ(clips.frames_of(2), 9);
  const models::Planes f = clips.frame(2, 6);
  EXPECT_EQ(f.y.sizes(), at::IntArrayRef({1, 1, 72, 200}));
  EXPECT_EQ(f.uv.sizes(), at::IntArrayRef({1, 2, 36, 100}));
  EXPECT_EQ(value(f.y[0][0][50][120]), test::marked_luma(120, 50, 6, 2));
  EXPECT_EQ(value(f.uv[0][1][20][30]), (test::marked_luma(60, 40, 6, 2) + 100) & 255);
}

// Within a sample neighbours differ as the marks say: +-3 and +-5 along the axes, 7 a frame.
TEST_F(Clips, SamplesAreConsistentInSpaceAndTime) {
  const VideoClips clips(path, at::kCPU);
  int forwards = 0, backwards = 0, mirrored = 0, turned = 0, fast = 0;
  for (int round = 0; round < 12; ++round) {
    const models::Planes s = clips.sample(4, 3, 64, 2);
    ASSERT_EQ(s.y.sizes(), at::IntArrayRef({4, 3, 1, 64, 64}));
    ASSERT_EQ(s.uv.sizes(), at::IntArrayRef({4, 3, 2, 32, 32}));
    for (int64_t b = 0; b < 4; ++b) {
      const at::Tensor y = s.y[b][0][0], v = s.uv[b][0];
      const int across = (value(y[9][10]) - value(y[9][9])) & 255, down = (value(y[10][9]) - value(y[9][9])) & 255;
      EXPECT_TRUE((across == 3 || across == 253 || across == 5 || across == 251)) << across;
      if (across == 253 || across == 251) ++mirrored;
      if (across == 5 || across == 251) ++turned;
      const int step = across == 3 || across == 253 ? 5 : 3;
      EXPECT_TRUE(down == step || down == 256 - step) << across << " " << down;
      // Chroma belongs to the luma above it; mirrored chroma to the right one of the pair.
      const int64_t dx = across > 128 ? 1 : 0, dy = down > 128 ? 1 : 0;
      EXPECT_EQ(value(v[0][3][4]), value(y[6 + dy][8 + dx]));
      EXPECT_EQ(value(v[1][3][4]), (value(v[0][3][4]) + 100) & 255);
      const int time = (value(s.y[b][1][0][9][9]) - value(y[9][9])) & 255;
      EXPECT_TRUE(time == 0 || time == 7 || time == 14 || time == 249 || time == 242) << time;  // 0: a clip of one frame
      if (time == 7 || time == 14) ++forwards;
      if (time > 128) ++backwards;
      if (time == 14 || time == 242) ++fast;
    }
  }
  for (const int count : {forwards, backwards, mirrored, turned, fast}) EXPECT_GT(count, 0);
}

TEST_F(Clips, LongerThanTheClip) {
  const VideoClips clips(path, at::kCPU);
  const models::Planes s = clips.sample(8, 20, 64, 1);
  // To and fro: neighbouring frames differ by one frame, or not at all in the clip of one.
  for (int64_t b = 0; b < 8; ++b) {
    for (int64_t t = 1; t < 20; ++t) {
      const int d = (value(s.y[b][t][0][5][5]) - value(s.y[b][t - 1][0][5][5])) & 255;
      EXPECT_TRUE(d == 0 || d == 7 || d == 249) << d;
    }
  }
}

TEST_F(Clips, CropsLargerThanTheClipRepeatItsEdge) {
  const VideoClips clips(path, at::kCPU);
  const models::Planes s = clips.sample(4, 1, 256, 1);
  EXPECT_EQ(s.y.sizes(), at::IntArrayRef({4, 1, 1, 256, 256}));
  EXPECT_TRUE(at::isfinite(s.y).all().item<bool>());
}

class Moving : public testing::Test {
 protected:
  Moving() {
    test::write_picture_pack(folder.path("a.tspk"));
    at::manual_seed(4);
  }
  const TemporaryFolder folder;
};

TEST_F(Moving, ShapesAndRanges) {
  const MovingPictures pictures(folder.path("a.tspk"), at::kCPU);
  EXPECT_EQ(pictures.pictures(), 2);
  for (const int64_t frames : {1, 4}) {
    const models::Planes s = pictures.sample(3, frames, 64);
    EXPECT_EQ(s.y.sizes(), at::IntArrayRef({3, frames, 1, 64, 64}));
    EXPECT_EQ(s.uv.sizes(), at::IntArrayRef({3, frames, 2, 32, 32}));
    EXPECT_GE(s.y.min().item<double>() * 255, 15.9);  // limited range
    EXPECT_LE(s.y.max().item<double>() * 255, 235.1);
    const at::Tensor codes = s.y * 255;
    EXPECT_LE((codes - at::round(codes)).abs().max().item<double>(), 1e-3);
  }
}

TEST_F(Moving, SomeMoveSomeStand) {
  const MovingPictures pictures(folder.path("a.tspk"), at::kCPU);
  const models::Planes s = pictures.sample(24, 3, 64);
  const at::Tensor change = (s.y.select(1, 1) - s.y.select(1, 0)).abs().mean({1, 2, 3});
  EXPECT_LT(change.min().item<double>(), 0.02);
  EXPECT_GT(change.max().item<double>(), change.min().item<double>() * 2);
}

TEST(ToVideo, KnownColours) {
  const auto colour = [](double r, double g, double b) { return at::tensor(std::vector<float>{static_cast<float>(r), static_cast<float>(g), static_cast<float>(b)}).reshape({1, 3, 1, 1}).expand({1, 3, 2, 2}); };
  const auto codes = [&](const at::Tensor& rgb) {
    const models::Planes p = to_video(rgb);
    return std::array<int, 3>{value(p.y[0][0][0][0]), value(p.uv[0][0][0][0]), value(p.uv[0][1][0][0])};
  };
  EXPECT_EQ(codes(colour(0, 0, 0)), (std::array<int, 3>{16, 128, 128}));
  EXPECT_EQ(codes(colour(1, 1, 1)), (std::array<int, 3>{235, 128, 128}));
  EXPECT_EQ(codes(colour(1, 0, 0)), (std::array<int, 3>{63, 102, 240}));
  EXPECT_EQ(codes(colour(0, 0, 1)), (std::array<int, 3>{32, 240, 118}));
}

TEST(Packs, MissingFiles) {
  EXPECT_THROW(VideoClips("/no/such/pack", at::kCPU), std::runtime_error);
  EXPECT_THROW(MovingPictures("/no/such/pack", at::kCPU), std::runtime_error);
}

}  // namespace
}  // namespace tessera::train
