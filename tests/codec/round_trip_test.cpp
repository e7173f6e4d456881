// Pictures of every shape and format through encoder and decoder.
#include <cstring>

#include "tests/codec/pictures.h"

namespace tessera::test {
namespace {

TEST(RoundTrip, OddSizes) {
  for (const auto& [width, height] : {std::pair(1u, 1u), {1u, 300u}, {257u, 1u}, {2u, 3u}, {63u, 65u}, {64u, 64u}, {129u, 64u}, {100u, 70u}}) {
    const Picture picture = photo(width, height);
    EXPECT_GT(psnr(picture, decoded(encoded(picture, {.quality = 50}))), 25) << width << "x" << height;
  }
}

TEST(RoundTrip, ChannelsAndDepths) {
  for (uint32_t channels : {1u, 2u, 3u, 4u}) {
    for (uint32_t depth : {8u, 10u, 12u, 16u}) {
      const Picture picture = photo(70, 50, channels, depth);
      const Image image = decoded(encoded(picture, {.quality = 50}));
      EXPECT_GT(psnr(picture, image), 28) << channels << " channels of " << depth << " bits";
      if (picture.has_alpha()) {
        EXPECT_EQ(alpha_of(image), alpha_of(picture)) << channels << " channels of " << depth << " bits";
      }
    }
  }
}

TEST(RoundTrip, AlphaOfEveryKindIsExact) {
  for (uint32_t depth : {8u, 16u}) {
    for (SynthKind kind : {SynthKind::gradient, SynthKind::noise, SynthKind::text}) {
      Picture picture = photo(90, 40, 4, depth);
      const Picture alpha = media::synth_picture(kind, 90, 40, 1, depth);
      for (size_t i = 0; i < 90 * 40; ++i) picture.set(4 * i + 3, alpha.get(i));
      EXPECT_EQ(alpha_of(decoded(encoded(picture, {.tile = 64}))), alpha_of(picture)) << media::synth_name(kind) << " " << depth;
    }
  }
}

TEST(RoundTrip, FlatPicturesStayFlat) {
  for (uint32_t value : {0u, 128u, 255u}) {
    Picture picture = media::make_picture(80, 66);
    for (uint8_t& s : picture.samples) s = static_cast<uint8_t>(value);
    EXPECT_GT(psnr(picture, decoded(encoded(picture, {.quality = 40}))), 38) << value;
  }
}

TEST(RoundTrip, TilesGiveNearlyTheWholePicture) {
  const Picture picture = photo(180, 140);
  const double whole = psnr(picture, decoded(encoded(picture, {.quality = 40})));
  for (uint32_t tile : {64u, 128u}) {
    Report encoder_report, decoder_report;
    const Bytes stream = encoded(picture, {.quality = 40, .tile = tile}, {}, &encoder_report);
    const auto info = inspect(stream);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->tile_size, tile);
    EXPECT_EQ(info->tiles, tile == 64 ? 9u : 4u);
    EXPECT_GT(psnr(picture, decoded(stream, {}, &decoder_report)), whole - 1) << tile;
    EXPECT_EQ(decoder_report.symbol_checksum, encoder_report.symbol_checksum);
    EXPECT_EQ(info->stored_checksum, encoder_report.symbol_checksum);
  }
  // A tile that holds everything is no tile.
  EXPECT_EQ(encoded(picture, {.quality = 40, .tile = 192}), encoded(picture, {.quality = 40}));
}

TEST(RoundTrip, RowsWithGapsGiveTheSameStream) {
  for (uint32_t depth : {8u, 16u}) {
    const Picture picture = photo(67, 33, 4, depth);
    const size_t stride = picture.stride() + 10;
    Bytes wide(stride * 33, 0xAB);
    for (size_t y = 0; y < 33; ++y) std::memcpy(wide.data() + y * stride, picture.samples.data() + y * picture.stride(), picture.stride());
    auto encoder = ImageEncoder::create({.threads = 1});
    ASSERT_TRUE(encoder);
    const auto stream = encoder->encode({wide.data(), 67, 33, 4, depth, stride}, {});
    ASSERT_TRUE(stream);
    EXPECT_EQ(*stream, encoded(picture));
  }
}

TEST(RoundTrip, MetadataComesBackByteForByte) {
  ImageMetadata metadata;
  metadata.colour = {9, 16, 0, true};  // BT.2020, PQ
  metadata.icc.assign(70000, 3);
  metadata.exif = {'I', 'I', 42, 0};
  metadata.xmp = {'<', '>'};
  const Bytes stream = encoded(photo(30, 20), {}, metadata);
  const Image image = decoded(stream);
  EXPECT_EQ(image.metadata.colour, metadata.colour);
  EXPECT_EQ(image.metadata.icc, metadata.icc);
  EXPECT_EQ(image.metadata.exif, metadata.exif);
  EXPECT_EQ(image.metadata.xmp, metadata.xmp);
  const Image plain = decoded(encoded(photo(30, 20)));
  EXPECT_EQ(plain.metadata.colour, ColourDescription{});
  EXPECT_TRUE(plain.metadata.icc.empty() && plain.metadata.exif.empty() && plain.metadata.xmp.empty());
}

}  // namespace
}  // namespace tessera::test
