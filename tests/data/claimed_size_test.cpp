// Sizes in file headers that the image library does not write itself.
#include <gtest/gtest.h>

#include "data/cursor.h"
#include "data/jpeg_encode.h"
#include "data/jpeg_segments.h"
#include "data/picture_io.h"
#include "data/sniff.h"
#include "data/synth.h"
#include "data/webp_chunks.h"

namespace tessera::media {
namespace {

Bytes webp(std::string_view type, const Bytes& data) {
  Bytes out;
  put_text(out, "RIFF");
  put_le(out, static_cast<uint32_t>(data.size() + 12), 4);
  put_text(out, "WEBP");
  put_text(out, type);
  put_le(out, static_cast<uint32_t>(data.size()), 4);
  put_bytes(out, data);
  return out;
}

TEST(ClaimedSize, WebpExtended) {
  Bytes data(4, 0);
  put_le(data, 69999, 3);
  put_le(data, 1, 3);
  const auto size = webp_size(webp("VP8X", data));
  ASSERT_TRUE(size);
  EXPECT_EQ(size->width, 70000u);
  EXPECT_EQ(size->height, 2u);
}

TEST(ClaimedSize, WebpAnimation) {
  for (const int flags : {0x00, 0x02, 0x12, 0x10}) {
    const Bytes file = webp("VP8X", {static_cast<uint8_t>(flags), 0, 0, 0, 9, 0, 0, 9, 0, 0});
    EXPECT_EQ(webp_animated(file), (flags & 2) != 0);
    const auto picture = decode_picture(file);
    ASSERT_FALSE(picture);
    EXPECT_EQ(picture.status().code() == ErrorCode::unsupported, (flags & 2) != 0) << picture.status().message();
  }
  EXPECT_FALSE(webp_animated({}));
}

TEST(ClaimedSize, WebpLossy) {
  Bytes data{0, 0, 0, 0x9D, 0x01, 0x2A};
  put_le(data, 0x4000 | 640, 2);  // the upper two bits are a scale
  put_le(data, 480, 2);
  const auto size = webp_size(webp("VP8 ", data));
  ASSERT_TRUE(size);
  EXPECT_EQ(size->width, 640u);
  EXPECT_EQ(size->height, 480u);
}

TEST(ClaimedSize, WebpOfNothing) {
  EXPECT_FALSE(webp_size(webp("VP8L", {0x2E, 0, 0, 0, 0})));
  EXPECT_FALSE(webp_size(webp("ABCD", Bytes(20, 0))));
  EXPECT_FALSE(webp_size({}));
}

TEST(ClaimedSize, BmpOfBothHeaders) {
  Bytes os2(14, 0), usual(14, 0);
  put_le(os2, 12, 4);
  put_le(os2, 300, 2);
  put_le(os2, 200, 2);
  put_le(usual, 40, 4);
  put_le(usual, 300, 4);
  put_le(usual, static_cast<uint32_t>(-200), 4);  // top to bottom
  for (const Bytes& file : {os2, usual}) {
    const auto size = claimed_size(file, PictureFormat::bmp);
    ASSERT_TRUE(size);
    EXPECT_EQ(size->width, 300u);
    EXPECT_EQ(size->height, 200u);
  }
  usual.resize(20);
  EXPECT_FALSE(claimed_size(usual, PictureFormat::bmp));
}

TEST(ClaimedSize, JpegBehindFillBytesAndOtherSegments) {
  const Bytes file{0xFF, 0xD8, 0xFF, 0xFE, 0, 4, 'h', 'i', 0xFF, 0xFF, 0xFF, 0xC2, 0, 9, 8, 0, 5, 1, 0, 1, 0};
  const auto size = jpeg_size(file);
  ASSERT_TRUE(size);
  EXPECT_EQ(size->width, 256u);
  EXPECT_EQ(size->height, 5u);
  EXPECT_FALSE(jpeg_complete(file)) << "no scan";
}

TEST(ClaimedSize, JpegTablesAreNoFrameHeader) {
  const Bytes file{0xFF, 0xD8, 0xFF, 0xC4, 0, 9, 8, 0, 5, 1, 0, 1, 0};
  EXPECT_FALSE(jpeg_size(file));
}

TEST(JpegEncode, ErrorsOfTheLibraryBecomeAStatus) {
  const auto wide = jpeg_encode(make_picture(65501, 1));
  EXPECT_EQ(wide.status().code(), ErrorCode::unsupported);
  EXPECT_NE(wide.status().message().find("65500"), std::string::npos) << wide.status().message();
  EXPECT_TRUE(jpeg_encode(make_picture(65500, 1)));
  EXPECT_TRUE(jpeg_encode(make_picture(1, 1, 1)));
}

TEST(JpegSegments, BlocksThatDoNotFitAreLeftOut) {
  const auto file = jpeg_encode(synth_picture(SynthKind::text, 8, 8));
  ASSERT_TRUE(file);
  PictureMetadata metadata;
  metadata.exif.assign(70000, 1);
  metadata.icc.assign(256 * 65519 + 1, 2);
  EXPECT_EQ(jpeg_with_metadata(*file, metadata), *file);
  metadata.exif.assign(65527, 1);
  EXPECT_EQ(jpeg_metadata(jpeg_with_metadata(*file, metadata)).exif, metadata.exif) << "the largest";
}

}  // namespace
}  // namespace tessera::media
