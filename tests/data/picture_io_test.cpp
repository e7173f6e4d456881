#include "data/picture_io.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/byte_file.h"
#include "data/cursor.h"
#include "data/samples.h"
#include "data/synth.h"
#include "data/zlib_bytes.h"
#include "tests/data/temporary_folder.h"

namespace tessera::media {
namespace {

double psnr(const Picture& a, const Picture& b) {
  double sum = 0;
  for (size_t i = 0; i < a.samples.size(); ++i)
    sum += std::pow(double(a.samples[i]) - double(b.samples[i]), 2);
  return 10 * std::log10(255 * 255 * static_cast<double>(a.samples.size()) / std::max(sum, 1e-9));
}

// WebP's encoder changes colours that nobody can see: below, no sample is clear.
void show_all(Picture& picture) {
  for (size_t i = picture.channels - 1; i < size_t{picture.width} * picture.height * picture.channels;
       i += picture.channels) {
    picture.set(i, std::max(picture.get(i), 1u));
  }
}

TEST(PictureIo, LosslessFormatsKeepEverySample) {
  struct Case {
    const char* extension;
    uint32_t channels, depth;
  };
  test::TemporaryFolder folder;
  for (Case c :
       {Case{"png", 1, 8}, Case{"png", 2, 8}, Case{"png", 3, 8}, Case{"png", 4, 8}, Case{"png", 1, 16},
        Case{"png", 2, 16}, Case{"png", 3, 16}, Case{"png", 4, 16}, Case{"webp", 3, 8}, Case{"webp", 4, 8}, Case{"tif", 1, 8},
        Case{"tif", 3, 8}, Case{"tif", 4, 8}, Case{"tif", 3, 16}, Case{"ppm", 3, 8}, Case{"ppm", 3, 10},
        Case{"pgm", 1, 16}, Case{"bmp", 3, 8}, Case{"bmp", 1, 8}}) {
    for (uint32_t size : {1u, 37u}) {
      Picture picture = synth_picture(SynthKind::photo, size, size + 3, c.channels, c.depth);
      if (picture.has_alpha()) show_all(picture);
      const std::string path = folder.path(std::string("a.") + c.extension);
      ASSERT_TRUE(write_picture(path, picture).ok());
      auto read = read_picture(path);
      ASSERT_TRUE(read) << read.status().message();
      EXPECT_EQ(read->width, size);
      EXPECT_EQ(read->bit_depth, c.depth) << c.extension;
      EXPECT_EQ(with_channels(*read, c.channels).samples, picture.samples)
          << c.extension << c.channels << c.depth;
    }
  }
}

TEST(PictureIo, ColoursAreNotSwapped) {
  Picture red = make_picture(16, 16);
  for (size_t i = 0; i < red.samples.size(); i += 3) red.samples[i] = 255;
  for (PictureFormat format :
       {PictureFormat::png, PictureFormat::jpeg, PictureFormat::webp, PictureFormat::bmp}) {
    auto read = decode_picture(*encode_picture(red, format));
    ASSERT_TRUE(read);
    EXPECT_GT(read->samples[0], 250);
    EXPECT_LT(read->samples[2], 5);
  }
}

TEST(PictureIo, JpegIsCloseAndNotSubsampled) {
  const Picture picture = synth_picture(SynthKind::photo, 128, 96);
  auto file = encode_picture(picture, PictureFormat::jpeg);
  ASSERT_TRUE(file);
  EXPECT_GT(psnr(picture, *decode_picture(*file)), 35);
  const Bytes frame{0xFF, 0xC0};
  const auto at = std::search(file->begin(), file->end(), frame.begin(), frame.end());
  ASSERT_NE(at, file->end());
  EXPECT_EQ(*(at + 11), 0x11) << "sampling factors of the first component";
  EXPECT_EQ(*(at + 14), 0x11);
}

TEST(PictureIo, FormatsTakeWhatTheyCan) {
  const Picture deep = synth_picture(SynthKind::gradient, 20, 20, 4, 12);
  auto png = decode_picture(*encode_picture(deep, PictureFormat::png));
  EXPECT_EQ(png->bit_depth, 16u);
  EXPECT_EQ(with_bit_depth(*png, 12).samples, deep.samples);
  auto jpeg = decode_picture(*encode_picture(deep, PictureFormat::jpeg));
  ASSERT_TRUE(jpeg) << jpeg.status().message();
  EXPECT_EQ(jpeg->channels, 3u);
  EXPECT_EQ(jpeg->bit_depth, 8u);
}

TEST(PictureIo, ExtensionsDecide) {
  test::TemporaryFolder folder;
  const Picture picture = synth_picture(SynthKind::text, 8, 8);
  EXPECT_EQ(write_picture(folder.path("a.xyz"), picture).code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(write_picture(folder.path("a.xyz"), picture, PictureFormat::png).ok());
  ASSERT_TRUE(write_picture(folder.path("a.pgm"), picture).ok());
  EXPECT_EQ(read_picture(folder.path("a.pgm"))->channels, 1u);
  ASSERT_TRUE(write_picture(folder.path("a.ppm"), with_channels(picture, 1)).ok());
  EXPECT_EQ(read_picture(folder.path("a.ppm"))->channels, 3u);
}

TEST(PictureIo, EveryTruncationIsAnError) {
  const Picture picture = synth_picture(SynthKind::photo, 40, 30);
  for (PictureFormat format :
       {PictureFormat::png, PictureFormat::jpeg, PictureFormat::webp, PictureFormat::pnm}) {
    auto file = encode_picture(picture, format);
    ASSERT_TRUE(file);
    for (size_t size = 0; size + 1 < file->size(); size += 1 + file->size() / 60) {
      EXPECT_FALSE(decode_picture(std::span(*file).first(size))) << format_name(format) << " " << size;
    }
  }
}

TEST(PictureIo, AbsurdSizesAreALimitBeforeAnythingIsDecoded) {
  auto file = encode_picture(make_picture(4, 4), PictureFormat::png);
  ASSERT_TRUE(file);
  for (size_t i : {size_t{16}, size_t{20}}) (*file)[i] = 0x7F;  // sides of two thousand million pixels
  Bytes crc;
  put_be(crc, crc32_of(std::span(*file).subspan(12, 17)), 4);
  std::copy(crc.begin(), crc.end(), file->begin() + 29);
  auto picture = decode_picture(*file);
  EXPECT_EQ(picture.status().code(), ErrorCode::limit);
  EXPECT_NE(picture.status().message().find("2130706436x2130706436"), std::string::npos)
      << picture.status().message();
  const std::string pnm = "P5 65535 65535 255 x";
  EXPECT_EQ(
      decode_picture(std::span(reinterpret_cast<const uint8_t*>(pnm.data()), pnm.size())).status().code(),
      ErrorCode::limit);
  ReadLimits limits;
  limits.max_dimension = 3;
  EXPECT_EQ(decode_picture(*encode_picture(make_picture(4, 1), PictureFormat::bmp), limits).status().code(),
            ErrorCode::limit);
}

TEST(PictureIo, SentencesNameTheFile) {
  test::TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder.path("a.png"), Bytes{'h', 'e', 'l', 'l', 'o'}).ok());
  auto picture = read_picture(folder.path("a.png"));
  EXPECT_EQ(picture.status().code(), ErrorCode::unsupported);
  EXPECT_EQ(picture.status().message(),
            folder.path("a.png") + ": not a PNG, JPEG, WebP, TIFF, PPM, PGM or BMP picture");
  ASSERT_TRUE(write_file(folder.path("b.png"), {}).ok());
  EXPECT_NE(read_picture(folder.path("b.png")).status().message().find("empty"), std::string::npos);
}

TEST(PictureIo, GreyWithAlphaStaysSoInPng) {
  const Picture picture = synth_picture(SynthKind::photo, 20, 10, 2, 16);
  EXPECT_EQ(decode_picture(*encode_picture(picture, PictureFormat::png))->channels, 2u);
}

TEST(PictureIo, DrawingsAndPhotographsInPng) {  // they are compressed in different ways
  for (int kind = 0; kind < kSynthKinds; ++kind) {
    const Picture picture = synth_picture(static_cast<SynthKind>(kind), 150, 90);
    EXPECT_EQ(decode_picture(*encode_picture(picture, PictureFormat::png))->samples, picture.samples);
  }
}

TEST(PictureIo, DamagedFilesNeverThrow) {
  const Picture picture = synth_picture(SynthKind::photo, 24, 24);
  for (PictureFormat format : {PictureFormat::png, PictureFormat::webp, PictureFormat::bmp}) {
    const auto file = encode_picture(picture, format);
    for (size_t i = 0; i < file->size(); i += 7) {
      Bytes damaged = *file;
      damaged[i] ^= 0xFF;
      (void)decode_picture(damaged);
    }
  }
}

}  // namespace
}  // namespace tessera::media
