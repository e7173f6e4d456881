#include "data/sniff.h"

#include <gtest/gtest.h>

#include "data/picture_io.h"
#include "data/synth.h"

namespace tessera::media {
namespace {

TEST(Sniff, NamesAndExtensions) {
  EXPECT_EQ(format_of_name("a/b.PNG"), PictureFormat::png);
  EXPECT_EQ(format_of_name("jpg"), PictureFormat::jpeg);
  EXPECT_EQ(format_of_name("x.jpeg"), PictureFormat::jpeg);
  EXPECT_EQ(format_of_name("folder.png/file"), std::nullopt);
  EXPECT_EQ(format_of_name("x.tsr"), std::nullopt);
  EXPECT_EQ(format_of_name(""), std::nullopt);
}

TEST(Sniff, EveryFormatIsRecognisedWithItsSize) {
  for (const char* extension : {"png", "jpg", "webp", "tif", "ppm", "bmp"}) {
    const auto format = format_of_name(extension);
    auto file = encode_picture(synth_picture(SynthKind::text, 300, 77), *format);
    ASSERT_TRUE(file) << file.status().message();
    EXPECT_EQ(sniff_format(*file), format);
    const auto size = claimed_size(*file, *format);
    ASSERT_TRUE(size) << extension;
    EXPECT_EQ(size->width, 300u) << extension;
    EXPECT_EQ(size->height, 77u) << extension;
    EXPECT_TRUE(looks_complete(*file, *format));
    for (size_t cut = 0; cut < std::min<size_t>(file->size(), 200); ++cut) {
      const auto head = std::span(*file).first(cut);
      (void)sniff_format(head);
      (void)claimed_size(head, *format);
      (void)looks_complete(head, *format);
    }
  }
}

TEST(Sniff, OtherFilesAreNot) {
  for (const char* text : {"", "P", "P7\n", "TSR\x10", "GIF89a", "RIFF1234WAVE", "%PDF", "Plain text"}) {
    const std::string bytes = text;
    EXPECT_FALSE(sniff_format(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size())))
        << text;
  }
}

}  // namespace
}  // namespace tessera::media
