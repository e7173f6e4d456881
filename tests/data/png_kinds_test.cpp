// PNG files of every colour type, made by hand: the image library only writes some of them.
#include <gtest/gtest.h>

#include "data/cursor.h"
#include "data/picture_io.h"
#include "data/png_chunks.h"
#include "data/zlib_bytes.h"

namespace tessera::media {
namespace {

enum ColourType : uint8_t { kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4, kRgba = 6 };

void chunk(Bytes& out, std::string_view type, std::span<const uint8_t> data) {
  put_be(out, static_cast<uint32_t>(data.size()), 4);
  const size_t start = out.size();
  put_text(out, type);
  put_bytes(out, data);
  put_be(out, crc32_of(std::span(out).subspan(start)), 4);
}

// `rows`: the filter byte and the samples of each row. `extra`: chunks between header and samples.
Bytes png(uint32_t width, uint32_t height, uint8_t depth, ColourType type, const Bytes& rows,
          const std::vector<std::pair<std::string, Bytes>>& extra = {}) {
  Bytes out, header;
  put_text(out, "\x89PNG\r\n\x1a\n");
  put_be(header, width, 4);
  put_be(header, height, 4);
  put_bytes(header, Bytes{depth, type, 0, 0, 0});
  chunk(out, "IHDR", header);
  for (const auto& [name, data] : extra) chunk(out, name, data);
  chunk(out, "IDAT", deflate_bytes(rows));
  chunk(out, "IEND", {});
  return out;
}

Picture decoded(const Bytes& file) {
  auto picture = decode_picture(file);
  EXPECT_TRUE(picture) << picture.status().message();
  return picture ? *picture : Picture{};
}

TEST(PngKinds, Grey) {
  const Picture picture = decoded(png(3, 1, 8, kGrey, {0, 1, 2, 3}));
  EXPECT_EQ(picture.channels, 1u);
  EXPECT_EQ(picture.samples, (Bytes{1, 2, 3}));
}

TEST(PngKinds, GreyOfOneBitIsSpread) {
  const Picture picture = decoded(png(4, 1, 1, kGrey, {0, 0b10110000}));
  EXPECT_EQ(picture.bit_depth, 8u);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(picture.get(i * picture.channels), (Bytes{255, 0, 255, 255})[i]);
}

TEST(PngKinds, GreyAndAlpha) {
  const Picture picture = decoded(png(2, 1, 8, kGreyAlpha, {0, 10, 20, 30, 40}));
  EXPECT_EQ(picture.channels, 2u);
  EXPECT_EQ(picture.samples, (Bytes{10, 20, 30, 40}));
}

TEST(PngKinds, GreyAndAlphaOf16Bits) {
  const Picture picture = decoded(png(1, 1, 16, kGreyAlpha, {0, 0x12, 0x34, 0x56, 0x78}));
  EXPECT_EQ(picture.channels, 2u);
  EXPECT_EQ(picture.get(0), 0x1234u);
  EXPECT_EQ(picture.get(1), 0x5678u);
}

TEST(PngKinds, Palette) {
  const Bytes palette{255, 0, 0, 0, 255, 0, 0, 0, 255};
  const Picture picture = decoded(png(3, 1, 8, kPalette, {0, 2, 0, 1}, {{"PLTE", palette}}));
  EXPECT_EQ(picture.channels, 3u);
  EXPECT_EQ(picture.samples, (Bytes{0, 0, 255, 255, 0, 0, 0, 255, 0}));
}

TEST(PngKinds, PaletteWithTransparency) {
  const Bytes palette{255, 0, 0, 0, 255, 0};
  const Picture picture = decoded(png(2, 1, 8, kPalette, {0, 0, 1}, {{"PLTE", palette}, {"tRNS", {7}}}));
  EXPECT_EQ(picture.channels, 4u);
  EXPECT_EQ(picture.samples, (Bytes{255, 0, 0, 7, 0, 255, 0, 255}));
}

TEST(PngKinds, ColourOf16BitsIsRgbInTheMachinesOrder) {
  const Picture picture = decoded(png(1, 1, 16, kRgb, {0, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06}));
  EXPECT_EQ(picture.bit_depth, 16u);
  EXPECT_EQ(picture.get(0), 0x0102u);
  EXPECT_EQ(picture.get(1), 0x0304u);
  EXPECT_EQ(picture.get(2), 0x0506u);
}

TEST(PngKinds, ColourWithAlphaIsNotPremultiplied) {
  const Picture picture = decoded(png(1, 1, 8, kRgba, {0, 200, 100, 50, 0}));
  EXPECT_EQ(picture.samples, (Bytes{200, 100, 50, 0}));
}

TEST(PngKinds, OtherChunksDoNotReachTheLibrary) {
  const Bytes file =
      png(1, 1, 8, kRgb, {0, 1, 2, 3}, {{"iCCP", {'x'}}, {"gAMA", {0, 0, 0, 1}}, {"tEXt", {'a', 0}}});
  const Bytes plain = png(1, 1, 8, kRgb, {0, 1, 2, 3});
  EXPECT_EQ(png_core(file), plain);
  testing::internal::CaptureStderr();
  EXPECT_EQ(decoded(file).samples, (Bytes{1, 2, 3}));
  EXPECT_TRUE(testing::internal::GetCapturedStderr().empty());
}

TEST(PngKinds, CompressedXmpIsRead) {
  const std::string xmp(1000, 'x');
  Bytes text;
  put_text(text, std::string_view("XML:com.adobe.xmp\0\1\0\0\0", 22));
  put_bytes(text, deflate_bytes(std::span(reinterpret_cast<const uint8_t*>(xmp.data()), xmp.size())));
  const Picture picture = decoded(png(1, 1, 8, kGrey, {0, 1}, {{"iTXt", text}}));
  EXPECT_EQ(picture.metadata.xmp.size(), 1000u);
}

TEST(PngKinds, SamplesThatDoNotInflate) {
  Bytes file = png(4, 4, 8, kGrey, {0, 1});  // 20 bytes are needed
  EXPECT_FALSE(decode_picture(file));
}

}  // namespace
}  // namespace tessera::media
