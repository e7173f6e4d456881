// Wrong options and pictures, progress, cancelling, devices that are not there.
#include <limits>

#include "bitstream/file.h"
#include "tests/codec/pictures.h"

namespace tessera::test {
namespace {

TEST(Options, WrongOnesAreRefusedWithASentence) {
  std::vector<EncoderOptions> wrong(9);
  wrong[0].quality = -1;
  wrong[1].quality = 64;
  wrong[2].bpp = 0;
  wrong[3].bpp = -1;
  wrong[4].bpp = std::numeric_limits<double>::quiet_NaN();
  wrong[5].effort = -1;
  wrong[6].effort = 10;
  wrong[7].tile = 100;
  wrong[8].tile = 65600;
  for (size_t i = 0; i < wrong.size(); ++i) {
    const auto encoder = ImageEncoder::create(wrong[i]);
    EXPECT_EQ(encoder.status().code(), ErrorCode::invalid_argument) << i;
    EXPECT_GT(encoder.status().message().size(), 10u);
  }
}

TEST(Options, WrongPicturesAreRefused) {
  auto encoder = ImageEncoder::create({.threads = 1});
  ASSERT_TRUE(encoder);
  const Picture picture = photo(16, 16);
  const ImageView good = view_of(picture);
  std::vector<ImageView> wrong(8, good);
  wrong[0].data = nullptr;
  wrong[1].width = 0;
  wrong[2].height = 0;
  wrong[3].channels = 0;
  wrong[4].channels = 5;
  wrong[5].bit_depth = 7;
  wrong[6].bit_depth = 17;
  wrong[7].stride = 16 * 3 - 1;
  for (size_t i = 0; i < wrong.size(); ++i) {
    EXPECT_EQ(encoder->encode(wrong[i], {}).status().code(), ErrorCode::invalid_argument) << i;
  }
  EXPECT_TRUE(encoder->encode(good, {})) << "and it still works";
}

TEST(Options, SamplesAboveTheDepthAreClamped) {
  Picture picture = photo(64, 64, 4, 10);
  for (size_t i = 0; i < 200; ++i) picture.set(i, 65535);
  Picture clamped = picture;
  for (size_t i = 0; i < 200; ++i) clamped.set(i, 1023);
  EXPECT_EQ(encoded(picture), encoded(clamped));
}

TEST(Options, ProgressRisesToOne) {
  const Picture picture = photo(130, 130);
  for (const bool rate : {false, true}) {
    std::vector<double> seen;
    const Progress note = [&](double fraction) {
      seen.push_back(fraction);
      return true;
    };
    EncoderOptions options{.tile = 64, .progress = note};
    if (rate) options.bpp = 100;  // the longest search
    const Bytes stream = encoded(picture, options);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    ASSERT_FALSE(seen.empty());
    EXPECT_GE(seen.size(), 9u) << "once a tile";
    EXPECT_NEAR(seen.back(), 1, 1e-9);
    seen.clear();
    decoded(stream, {.progress = note});
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    EXPECT_EQ(seen.size(), 9u);
    EXPECT_EQ(seen.back(), 1);
  }
}

TEST(Options, ProgressCancels) {
  const Picture picture = photo(130, 70);
  int calls = 0;
  const Progress stop = [&](double) { return ++calls < 2; };
  auto encoder = ImageEncoder::create({.threads = 1, .tile = 64, .progress = stop});
  EXPECT_EQ(encoder->encode(view_of(picture), {}).status().code(), ErrorCode::cancelled);
  EXPECT_EQ(calls, 2);
  calls = 0;
  const Bytes stream = encoded(picture, {.tile = 64});
  auto decoder = ImageDecoder::create({.threads = 1, .progress = stop});
  EXPECT_EQ(decoder->decode(stream).status().code(), ErrorCode::cancelled);
  EXPECT_EQ(calls, 2);
}

TEST(Options, CudaThatIsNotThere) {
  std::string why;
  if (cuda_available(&why)) GTEST_SKIP() << "there is a GPU";
  EXPECT_FALSE(why.empty());
  const auto encoder = ImageEncoder::create({.device = Device::cuda});
  EXPECT_EQ(encoder.status().code(), ErrorCode::device);
  EXPECT_EQ(ImageDecoder::create({.device = Device::cuda}).status().code(), ErrorCode::device);
  EXPECT_NE(encoder.status().message().find("CUDA"), std::string::npos);
}

TEST(Options, OtherMediaAreUnsupported) {
  bitstream::FileHeader header;
  header.kind = bitstream::MediaKind::video;
  header.picture.width = header.picture.height = 64;
  bitstream::ByteWriter out;
  ASSERT_TRUE(bitstream::write_header(out, header).ok());
  auto decoder = ImageDecoder::create({.threads = 1});
  const Status status = decoder->decode(out.view()).status();
  EXPECT_EQ(status.code(), ErrorCode::unsupported);
  EXPECT_NE(status.message().find("video"), std::string::npos);
}

}  // namespace
}  // namespace tessera::test
