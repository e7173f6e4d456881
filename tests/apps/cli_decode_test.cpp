#include <gtest/gtest.h>

#include "data/picture_io.h"
#include "tests/apps/run_program.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

// Mean absolute difference relative to the range of a sample.
double difference(const media::Picture& a, const media::Picture& b) {
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.channels, b.channels);
  if (a.samples.size() != b.samples.size()) return 1;
  double sum = 0;
  const size_t count = size_t{a.width} * a.height * a.channels;
  for (size_t i = 0; i < count; ++i) sum += std::abs(double(a.get(i)) - double(b.get(i))) / a.max_value();
  return sum / static_cast<double>(count);
}

class CliDecode : public testing::Test {
 protected:
  // Encodes a photo and gives the stream's path.
  std::string stream(uint32_t channels = 3, uint32_t depth = 8) {
    const std::string picture = write_photo(folder_.path("source.png"), 90, 50, channels, depth);
    const Outcome outcome = run_program({"encode", picture, folder_.path("a.tsr"), "-q", "63", "--quiet"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return folder_.path("a.tsr");
  }

  TemporaryFolder folder_;
};

TEST_F(CliDecode, EveryOutputFormat) {
  const std::string in = stream();
  for (const char* extension : {"png", "jpg", "ppm", "tif", "webp", "bmp"}) {
    const std::string out = folder_.path(std::string("out.") + extension);
    const Outcome outcome = run_program({"decode", in, out});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    auto read = media::read_picture(out);
    ASSERT_TRUE(read) << read.status().message();
    EXPECT_LT(difference(*read, *media::read_picture(folder_.path("source.png"))), 0.05) << extension;
  }
}

TEST_F(CliDecode, DefaultNameAndFormat) {
  EXPECT_EQ(run_program({"decode", stream()}).code, 0);
  EXPECT_TRUE(exists(folder_.path("a.png")));
  EXPECT_EQ(run_program({"decode", folder_.path("a.tsr"), "--format", "webp"}).code, 0);
  EXPECT_TRUE(exists(folder_.path("a.webp")));
}

TEST_F(CliDecode, WhatNobodyNamedIsNotOverwrittenWithoutAsking) {
  const std::string in = stream();
  put_text_file(folder_.path("a.png"), "the source");
  const Outcome refused = run_program({"decode", in});
  EXPECT_EQ(refused.code, 19);
  EXPECT_EQ(refused.error_lines(), 1u) << refused.err;
  EXPECT_EQ(text_of(folder_.path("a.png")), "the source");
  EXPECT_EQ(run_program({"decode", in, folder_.path("a.png")}).code, 0) << "it was named";
  put_text_file(folder_.path("a.png"), "the source");
  EXPECT_EQ(run_program({"decode", in, "-y"}).code, 0);
  EXPECT_NE(text_of(folder_.path("a.png")), "the source");
}

TEST_F(CliDecode, FolderWithFormat) {
  const std::string in = stream();
  put_text_file(folder_.path("b.tsr"), text_of(in));
  const Outcome outcome =
      run_program({"decode", in, folder_.path("b.tsr"), "--out-dir", folder_.path("o"), "--format", "ppm"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(text_of(folder_.path("o/a.ppm")), text_of(folder_.path("o/b.ppm")));
}

TEST_F(CliDecode, ChannelsAndBitDepths) {
  for (uint32_t channels : {1u, 3u, 4u}) {
    for (uint32_t depth : {8u, 16u}) {
      const Outcome outcome = run_program({"decode", stream(channels, depth), folder_.path("out.png")});
      ASSERT_EQ(outcome.code, 0) << outcome.err;
      auto read = media::read_picture(folder_.path("out.png"));
      EXPECT_EQ(read->bit_depth, depth);
      EXPECT_LT(difference(*read, *media::read_picture(folder_.path("source.png"))), 0.05)
          << channels << " " << depth;
    }
  }
}

TEST_F(CliDecode, PixelLimit) {
  const Outcome outcome = run_program({"decode", stream(), folder_.path("out.png"), "--max-pixels", "4499"});
  EXPECT_EQ(outcome.code, 14) << outcome.err;
  EXPECT_FALSE(exists(folder_.path("out.png")));
  EXPECT_EQ(
      run_program({"decode", folder_.path("a.tsr"), folder_.path("out.png"), "--max-pixels", "4500"}).code,
      0);
}

TEST_F(CliDecode, MetadataSurvivesTheWholeWay) {
  auto picture = *media::read_picture(write_photo(folder_.path("m.png")));
  const std::string xmp = "<x:xmpmeta/>";
  picture.metadata.xmp.assign(xmp.begin(), xmp.end());
  ASSERT_TRUE(media::write_picture(folder_.path("m.png"), picture).ok());
  ASSERT_EQ(run_program({"encode", folder_.path("m.png"), folder_.path("m.tsr")}).code, 0);
  ASSERT_EQ(run_program({"decode", folder_.path("m.tsr"), folder_.path("n.jpg")}).code, 0);
  EXPECT_EQ(media::read_picture(folder_.path("n.jpg"))->metadata.xmp, picture.metadata.xmp);
}

}  // namespace
}  // namespace tessera::test
