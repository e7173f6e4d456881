#include "apps/tessera-train/rescale.h"

#include <gtest/gtest.h>

#include "apps/tessera-train/video_pack.h"
#include "tests/data/temporary_folder.h"
#include "tests/train/samples.h"

namespace tessera::train {
namespace {

class Rescale : public testing::Test {
 protected:
  Rescale() : path(folder.path("a.tsvp")) {
    test::write_marked_pack(path);
    at::manual_seed(5);
  }
  const tessera::test::TemporaryFolder folder;
  const std::string path;
};

void expect_eight_bits(const at::Tensor& x) {
  EXPECT_GE(x.min().item<double>(), 0);
  EXPECT_LE(x.max().item<double>(), 1);
  EXPECT_LT((x * 255 - at::round(x * 255)).abs().max().item<double>(), 1e-3);
}

TEST_F(Rescale, EnlargedChangesHalfAsMuchFromSampleToSample) {
  const VideoClips clips(path, at::kCPU);
  at::manual_seed(6);
  const models::Planes small = clips.sample(8, 3, 32, 1);
  at::manual_seed(6);
  const models::Planes large = enlarged(clips, 8, 3, 64, 1);
  ASSERT_EQ(large.y.sizes(), at::IntArrayRef({8, 3, 1, 64, 64}));
  ASSERT_EQ(large.uv.sizes(), at::IntArrayRef({8, 3, 2, 32, 32}));
  expect_eight_bits(large.y);
  expect_eight_bits(large.uv);
  // Means of 2 x 2 give the clips back, away from the marks' jumps from 255 to 0.
  for (const auto& [was, is] : {std::pair(small.y, large.y), std::pair(small.uv, large.uv)}) {
    const at::Tensor back = at::avg_pool2d(is.flatten(0, 1), 2).reshape(was.sizes());
    EXPECT_LT((back - was).abs().median().item<double>(), 1.5 / 255);
  }
}

TEST_F(Rescale, ReducedShowsFourClipsAtHalfTheirSize) {
  const VideoClips clips(path, at::kCPU);
  at::manual_seed(7);
  const models::Planes whole = clips.sample(8, 2, 64, 1);
  at::manual_seed(7);
  const models::Planes small = reduced(clips, 2, 2, 64, 1);
  ASSERT_EQ(small.y.sizes(), at::IntArrayRef({2, 2, 1, 64, 64}));
  ASSERT_EQ(small.uv.sizes(), at::IntArrayRef({2, 2, 2, 32, 32}));
  expect_eight_bits(small.y);
  for (int64_t sample = 0; sample < 2; ++sample) {
    for (int64_t part = 0; part < 4; ++part) {
      const int64_t y0 = 32 * (part / 2), x0 = 32 * (part % 2);
      const at::Tensor expected = at::round(at::avg_pool2d(whole.y[4 * sample + part], 2) * 255);
      const at::Tensor found = at::round(small.y[sample].narrow(2, y0, 32).narrow(3, x0, 32) * 255);
      EXPECT_LE((found - expected).abs().max().item<double>(), 1) << sample << " " << part;
    }
  }
}

}  // namespace
}  // namespace tessera::train
