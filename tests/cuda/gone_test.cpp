// The GPU goes away in the middle of decoding: a clear error, no end of the process, and the CPU goes on. One test, since the process has lost its GPU
// afterwards.
#include <gtest/gtest.h>

#include "codec/video.h"
#include "tests/codec/pictures.h"
#include "tests/codec/videos.h"
#include "tests/cuda/break_gpu.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

TEST(GpuGone, IsSaidAndTheCpuGoesOn) {
  std::string why;
  if (!cuda_available(&why)) GTEST_SKIP() << why;
  const TemporaryFolder folder;
  write_video_weights(folder.folder());
  const VideoStream video = encoded(VideoEncoderOptions{.model = "motion-lite", .threads = 1, .weights_dir = folder.folder()}, moving_clip(96, 64, 4));
  const Picture picture = photo(96, 64);
  Report expected;
  const Bytes image = encoded(picture, {}, {}, &expected);

  auto pictures = ImageDecoder::create({.device = Device::cuda, .threads = 1});
  ASSERT_TRUE(pictures) << pictures.status().message();
  ASSERT_TRUE(pictures->decode(image));
  auto encoder = ImageEncoder::create({.device = Device::cuda, .threads = 1});
  ASSERT_TRUE(encoder);
  auto frames = VideoDecoder::create({.device = Device::cuda, .threads = 1, .weights_dir = folder.folder()});
  ASSERT_TRUE(frames);
  ASSERT_TRUE(frames->open(video.header).ok());
  ASSERT_TRUE(frames->send(video.packets[0].bytes).ok());
  ASSERT_TRUE(frames->receive());

  ASSERT_TRUE(break_gpu());
  for (int again = 0; again < 2; ++again) {
    const auto lost = pictures->decode(image);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.status().code(), ErrorCode::device);
    EXPECT_NE(lost.status().message().find("the GPU failed"), std::string::npos) << lost.status().message();
    EXPECT_EQ(lost.status().message().find('\n'), std::string::npos);
    const auto unwritten = encoder->encode(view_of(picture), {});
    ASSERT_FALSE(unwritten);
    EXPECT_EQ(unwritten.status().code(), ErrorCode::device);
  }
  const Status frame = frames->send(video.packets[1].bytes);
  EXPECT_EQ(frame.code(), ErrorCode::device) << frame.message();
  auto none = ImageDecoder::create({.device = Device::cuda, .threads = 1});
  EXPECT_TRUE(!none || !none->decode(image));

  Report report;
  decoded(image, {.threads = 1}, &report);
  EXPECT_EQ(report.symbol_checksum, expected.symbol_checksum);
  EXPECT_EQ(decoded(VideoDecoderOptions{.threads = 1, .weights_dir = folder.folder()}, video).size(), 4u);
}

}  // namespace
}  // namespace tessera::test
