#include "apps/tessera-pack/pack_video.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "apps/tessera-train/video_pack.h"
#include "tests/data/av_samples.h"
#include "tests/data/temporary_folder.h"
#include "data/video_writer.h"

namespace tessera::train {
namespace {

using media::Chroma;
using media::VideoFormat;
using media::VideoFrame;
using tessera::test::TemporaryFolder;

VideoFrame flat(const VideoFormat& format, uint32_t y, uint32_t u, uint32_t v) {
  VideoFrame frame = media::make_video_frame(format);
  for (int p = 0; p < 3; ++p) {
    const uint32_t value = p == 0 ? y : p == 1 ? u : v;
    const auto plane = frame.plane(p);
    for (size_t i = 0; i < plane.size(); i += format.sample_bytes()) std::memcpy(plane.data() + i, &value, format.sample_bytes());
  }
  return frame;
}

TEST(PackedSamples, DepthChromaAndOddSizes) {
  for (const Chroma chroma : {Chroma::yuv420, Chroma::yuv422, Chroma::yuv444}) {
    for (const uint32_t depth : {8u, 10u}) {
      const uint32_t unit = depth == 10 ? 4 : 1;
      const VideoFrame frame = flat({.width = 21, .height = 13, .chroma = chroma, .bit_depth = depth}, 200 * unit, 90 * unit, 17 * unit);
      uint32_t w = 0, h = 0;
      const auto samples = packed_samples(frame, 1, &w, &h);
      EXPECT_EQ(w, 20u);
      EXPECT_EQ(h, 12u);
      ASSERT_EQ(samples.size(), 20u * 12 * 3 / 2);
      EXPECT_EQ(samples[239], 200);
      EXPECT_EQ(samples[240], 90);
      EXPECT_EQ(samples[359], 17);
    }
  }
}

TEST(PackedSamples, ShrinkingAverages) {
  VideoFrame frame = media::make_video_frame({.width = 8, .height = 8});
  for (size_t i = 0; i < 64; ++i) frame.plane(0)[i] = static_cast<uint8_t>(i % 2 == 0 ? 10 : 20);
  uint32_t w = 0, h = 0;
  const auto samples = packed_samples(frame, 2, &w, &h);
  EXPECT_EQ(w, 4u);
  EXPECT_EQ(h, 4u);
  EXPECT_EQ(samples[5], 15);
}

class PackVideo : public testing::Test {
 protected:
  std::string write(const std::string& name, uint32_t width, uint32_t height, int frames) {
    const std::string path = folder.path(name);
    media::VideoWriterOptions options;
    options.format = {.width = width, .height = height};
    auto writer = media::VideoWriter::open(path, options);
    EXPECT_TRUE(writer.ok());
    for (int i = 0; i < frames; ++i) {
      VideoFrame frame = tessera::test::moving_picture(options.format, i);
      frame.time = i;
      EXPECT_TRUE(writer->write(frame).ok());
    }
    EXPECT_TRUE(writer->finish().ok());
    return path;
  }
  const TemporaryFolder folder;
};

TEST_F(PackVideo, FilesBecomeClips) {
  const std::string a = write("a.y4m", 64, 48, 5), b = write("b.y4m", 160, 120, 3), out = folder.path("out.tsvp");
  const auto count = pack_video(out, {a, b}, {.max_side = 100, .max_frames = 4, .clip_frames = 3});
  ASSERT_TRUE(count.ok()) << count.status().message();
  EXPECT_EQ(*count, 3u);
  const VideoPackIndex pack = read_video_index(out);
  EXPECT_EQ(pack.clips[0].frames, 3u);
  EXPECT_EQ(pack.clips[1].frames, 1u);
  EXPECT_EQ(pack.clips[2].width, 80u);
  EXPECT_EQ(pack.clips[2].frames, 3u);
}

TEST_F(PackVideo, BadFilesLeaveNoPack) {
  const std::string a = write("a.y4m", 64, 48, 2), out = folder.path("out.tsvp");
  EXPECT_FALSE(pack_video(out, {a, folder.path("missing.mp4")}, {}).ok());
  EXPECT_FALSE(std::filesystem::exists(out));
  EXPECT_FALSE(pack_video(folder.path("no/folder.tsvp"), {a}, {}).ok());
  EXPECT_FALSE(pack_video(out, {write("small.y4m", 2, 2, 1)}, {.max_side = 1}).ok());
}

}  // namespace
}  // namespace tessera::train
