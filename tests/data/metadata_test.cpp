// ICC, EXIF and XMP through each file format, and what damaged blocks do.
#include <gtest/gtest.h>

#include <random>

#include "data/jpeg_segments.h"
#include "data/picture_io.h"
#include "data/png_chunks.h"
#include "data/synth.h"
#include "data/tiff_tags.h"
#include "data/webp_chunks.h"
#include "data/zlib_bytes.h"
#include "tests/data/exif_sample.h"

namespace tessera::media {
namespace {

Picture sample(size_t icc_size = 300, uint32_t channels = 3) {
  Picture picture = synth_picture(SynthKind::photo, 33, 21, channels);
  picture.metadata.icc = test::icc_sample(channels >= 3 ? "RGB " : "GRAY", icc_size);
  picture.metadata.exif = test::exif_sample(1, true);
  const std::string xmp = "<x:xmpmeta xmlns:x='adobe:ns:meta/'>odd</x:xmpmeta>";
  picture.metadata.xmp.assign(xmp.begin(), xmp.end());
  return picture;
}

class Metadata : public testing::TestWithParam<PictureFormat> {};

TEST_P(Metadata, RoundTrip) {
  for (size_t icc_size : {size_t{128}, size_t{301}, size_t{200000}}) {
    for (uint32_t channels : {1u, 3u}) {
      if (GetParam() == PictureFormat::webp && channels == 1) continue;  // it has no grey
      const Picture picture = sample(icc_size, channels);
      auto file = encode_picture(picture, GetParam());
      ASSERT_TRUE(file) << file.status().message();
      auto read = decode_picture(*file);
      ASSERT_TRUE(read) << read.status().message();
      EXPECT_EQ(read->metadata.icc, picture.metadata.icc);
      EXPECT_EQ(read->metadata.xmp, picture.metadata.xmp);
      if (GetParam() != PictureFormat::tiff) {
        EXPECT_EQ(read->metadata.exif, picture.metadata.exif);
      }
      EXPECT_EQ(read->width, 33u);
    }
  }
}

TEST_P(Metadata, OrientationIsAppliedOnce) {
  if (GetParam() == PictureFormat::tiff) return;
  Picture picture = sample();
  picture.metadata.exif = test::exif_sample(6, false);
  auto file = encode_picture(picture, GetParam());
  ASSERT_TRUE(file);
  auto read = decode_picture(*file);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->width, 21u);
  EXPECT_EQ(read->height, 33u);
  EXPECT_EQ(read->metadata.exif, test::exif_sample(1, false));
}

TEST_P(Metadata, ForeignColourSpaceIsDropped) {
  Picture picture = sample();
  picture.metadata.icc = test::icc_sample("CMYK");
  auto file = encode_picture(picture, GetParam());
  ASSERT_TRUE(file);
  EXPECT_TRUE(decode_picture(*file)->metadata.icc.empty());
}

TEST_P(Metadata, DamageNeverCrashes) {
  auto file = encode_picture(sample(), GetParam());
  ASSERT_TRUE(file);
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    Bytes damaged = *file;
    for (int k = 0; k < 3; ++k)
      damaged[random() % std::min<size_t>(damaged.size(), 900)] = static_cast<uint8_t>(random());
    damaged.resize(random() % 4 ? damaged.size() : random() % damaged.size());
    switch (GetParam()) {
      case PictureFormat::png:
        (void)png_metadata(damaged), (void)png_size(damaged), (void)png_complete(damaged);
        break;
      case PictureFormat::jpeg:
        (void)jpeg_metadata(damaged), (void)jpeg_size(damaged), (void)jpeg_complete(damaged);
        break;
      case PictureFormat::webp:
        (void)webp_metadata(damaged), (void)webp_size(damaged), (void)webp_complete(damaged);
        break;
      default:
        (void)tiff_metadata(damaged), (void)tiff_size(damaged);
        break;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Metadata,
                         testing::Values(PictureFormat::png, PictureFormat::jpeg, PictureFormat::webp,
                                         PictureFormat::tiff),
                         [](const auto& format) { return std::string(format_name(format.param)); });

TEST(Metadata, WritersLeaveForeignBytesAlone) {
  const Bytes junk{1, 2, 3};
  PictureMetadata metadata;
  metadata.icc = test::icc_sample("RGB ");
  EXPECT_EQ(png_with_metadata(junk, metadata), junk);
  EXPECT_EQ(webp_with_metadata(junk, metadata), junk);
  EXPECT_EQ(tiff_with_metadata(junk, metadata), junk);
}

TEST(Metadata, JpegSegmentsOutOfOrderOrMissing) {
  Picture picture = sample(150000);
  auto file = encode_picture(picture, PictureFormat::jpeg);
  ASSERT_TRUE(file);
  const std::string mark = "ICC_PROFILE";
  const auto second = std::search(file->begin() + 30000, file->end(), mark.begin(), mark.end());
  ASSERT_NE(second, file->end());
  (*file)[static_cast<size_t>(second - file->begin()) + 12] = 3;  // now part 2 is missing
  EXPECT_TRUE(jpeg_metadata(*file).icc.empty());
}

TEST(Zlib, RoundTripAndLimit) {
  const Bytes zeros(100000, 0);
  const Bytes packed = deflate_bytes(zeros);
  EXPECT_LT(packed.size(), 1000u);
  EXPECT_EQ(inflate_bytes(packed, 100000), zeros);
  EXPECT_FALSE(inflate_bytes(packed, 99999)) << "a bomb stops at the limit";
  EXPECT_FALSE(inflate_bytes(std::span(packed).first(packed.size() / 2), 100000));
  EXPECT_FALSE(inflate_bytes(Bytes{1, 2, 3}, 100));
}

}  // namespace
}  // namespace tessera::media
