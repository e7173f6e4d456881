#include "data/video_chroma.h"

#include <gtest/gtest.h>

#include "tests/data/av_samples.h"

namespace tessera::media {
namespace {

TEST(VideoChroma, FlatPlanesStayFlatAndLumaIsKept) {
  for (const uint32_t depth : {8u, 10u}) {
    for (const Chroma chroma : {Chroma::yuv420, Chroma::yuv422, Chroma::yuv444}) {
      for (const auto& [w, h] : {std::pair{1u, 1u}, {7u, 5u}, {8u, 6u}, {33u, 2u}}) {
        VideoFrame from = test::moving_picture({w, h, chroma, depth}, 3), to;
        for (int p = 1; p < 3; ++p) std::fill(from.plane(p).begin(), from.plane(p).end(), uint8_t{1});  // 1, or 257 in 16 bits
        to_yuv420(from, to);
        EXPECT_EQ(to.format, (VideoFormat{w, h, Chroma::yuv420, depth}));
        EXPECT_EQ(to.time, from.time);
        ASSERT_EQ(to.samples.size(), to.format.size_bytes());
        EXPECT_TRUE(std::equal(to.plane(0).begin(), to.plane(0).end(), from.plane(0).begin()));
        for (int p = 1; p < 3; ++p) EXPECT_TRUE(std::all_of(to.plane(p).begin(), to.plane(p).end(), [](uint8_t s) { return s == 1; }));
      }
    }
  }
}

TEST(VideoChroma, WeightsOfNeighbours) {
  VideoFrame from = make_video_frame({4, 2, Chroma::yuv444, 8}), to;
  const uint8_t rows[] = {0, 80, 160, 240, 0, 80, 160, 240};
  std::copy_n(rows, 8, from.plane(1).begin());
  to_yuv420(from, to);
  // The first sample's left neighbour is itself.
  EXPECT_EQ(to.plane(1)[0], 20);
  EXPECT_EQ(to.plane(1)[1], 160);
  from = make_video_frame({2, 4, Chroma::yuv422, 8});
  const uint8_t column[] = {10, 20, 30, 51};
  std::copy_n(column, 4, from.plane(2).begin());
  to_yuv420(from, to);
  EXPECT_EQ(to.plane(2)[0], 15);
  EXPECT_EQ(to.plane(2)[1], 41);  // halves up
}

}  // namespace
}  // namespace tessera::media
