#include "data/tiff_tags.h"

#include <gtest/gtest.h>

#include "data/cursor.h"
#include "tests/data/exif_sample.h"

namespace tessera::media {
namespace {

TEST(TiffTags, DirectoryOfBothByteOrders) {
  for (bool big_endian : {false, true}) {
    const Bytes bytes = test::exif_sample(3, big_endian);
    const auto directory = tiff_directory(bytes);
    ASSERT_TRUE(directory);
    EXPECT_EQ(directory->big_endian, big_endian);
    EXPECT_EQ(directory->entries.size(), 2u);
    EXPECT_EQ(tiff_number(bytes, *directory, 0x0112), 3u);
    EXPECT_FALSE(tiff_number(bytes, *directory, 0x010F)) << "text";
    EXPECT_FALSE(tiff_number(bytes, *directory, 1)) << "absent";
    EXPECT_EQ(directory->find(0x010F)->value_at, 38u);
  }
}

TEST(TiffTags, MetadataMovesTheDirectoryAndKeepsItsEntries) {
  const Bytes before = test::exif_sample(3, true);
  PictureMetadata metadata;
  metadata.icc = test::icc_sample("RGB ");
  metadata.xmp = {'x', 'y', 'z'};  // short enough to sit inside its entry
  const Bytes after = tiff_with_metadata(before, metadata);
  const auto directory = tiff_directory(after);
  ASSERT_TRUE(directory);
  EXPECT_EQ(directory->entries.size(), 4u);
  EXPECT_EQ(tiff_number(after, *directory, 0x0112), 3u);
  EXPECT_EQ(tiff_metadata(after).icc, metadata.icc);
  EXPECT_EQ(tiff_metadata(after).xmp, metadata.xmp);
}

TEST(TiffTags, HostileOffsetsAndCounts) {
  const Bytes bytes = test::exif_sample(3, true);
  for (size_t i = 2; i < bytes.size(); ++i) {
    for (int value : {0x00, 0x7F, 0xFF}) {
      Bytes hostile = bytes;
      hostile[i] = static_cast<uint8_t>(value);
      (void)tiff_metadata(hostile);
      (void)tiff_size(hostile);
    }
  }
  Bytes far = bytes;
  for (size_t i = 4; i < 8; ++i) far[i] = 0xFF;
  EXPECT_FALSE(tiff_directory(far));
}

TEST(Cursor, FailureSticks) {
  const Bytes bytes{1, 2, 3};
  Cursor in(bytes);
  EXPECT_EQ(in.u16(), 0x0102);
  EXPECT_EQ(in.u32(), 0u);
  EXPECT_EQ(in.u8(), 0u);
  EXPECT_FALSE(in.ok());
  Cursor other(bytes, false);
  EXPECT_EQ(other.u16(), 0x0201);
  other.seek(4);
  EXPECT_FALSE(other.ok());
  Cursor text(bytes);
  EXPECT_FALSE(text.skip_text("\1\2\4"));
  EXPECT_TRUE(text.skip_text("\1\2"));
  EXPECT_TRUE(text.until_zero().empty());
  EXPECT_FALSE(text.ok()) << "no zero byte is left";
}

}  // namespace
}  // namespace tessera::media
