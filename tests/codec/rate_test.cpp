// Quality against size, the aim for a rate, and what the reports say.
#include "tests/codec/pictures.h"

namespace tessera::test {
namespace {

TEST(Rate, SizeAndPsnrRiseWithQuality) {
  const Picture picture = photo(192, 128);
  size_t bytes = 0;
  double db = 0;
  for (int quality : {0, 9, 18, 27, 36, 45, 54, 63}) {
    const Bytes stream = encoded(picture, {.quality = quality});
    const double now = psnr(picture, decoded(stream));
    EXPECT_GT(stream.size(), bytes) << quality;
    EXPECT_GT(now, db) << quality;
    bytes = stream.size();
    db = now;
  }
}

TEST(Rate, TargetIsMetFromBelowWithinOneStep) {
  const Picture picture = photo(160, 128);
  for (double target : {0.1, 0.3, 0.8}) {
    Report report;
    const Bytes stream = encoded(picture, {.bpp = target}, {}, &report);
    const auto bpp = [&](const Bytes& b) { return 8.0 * static_cast<double>(b.size()) / (160 * 128); };
    EXPECT_LE(bpp(stream), target);
    ASSERT_LT(report.quality, 63);
    EXPECT_GT(bpp(encoded(picture, {.quality = report.quality + 1})), target);
    EXPECT_EQ(stream, encoded(picture, {.quality = report.quality}));
    EXPECT_EQ(inspect(stream)->quality, report.quality);
  }
}

TEST(Rate, TargetsOutOfReachGiveTheNearestEnd) {
  const Picture picture = photo(64, 64);
  Report report;
  encoded(picture, {.bpp = 1e-6}, {}, &report);
  EXPECT_EQ(report.quality, 0);
  encoded(picture, {.bpp = 1000}, {}, &report);
  EXPECT_EQ(report.quality, 63);
}

TEST(Rate, ChecksumCostsItsBytes) {
  const Picture picture = photo(64, 48);
  const Bytes with = encoded(picture), without = encoded(picture, {.checksum = false});
  EXPECT_GE(with.size(), without.size() + 4);
  EXPECT_LE(with.size(), without.size() + 6);
  EXPECT_TRUE(inspect(with)->stored_checksum);
  EXPECT_FALSE(inspect(without)->stored_checksum);
  EXPECT_EQ(decoded(with).data, decoded(without).data);
}

TEST(Rate, ReportsAgree) {
  Report in, out, proof;
  const Picture picture = photo(130, 70);
  const Bytes stream = encoded(picture, {.quality = 21}, {}, &in);
  decoded(stream, {}, &out);
  auto decoder = ImageDecoder::create({.threads = 1});
  ASSERT_TRUE(decoder->verify(stream, &proof).ok());
  for (const Report* r : {&out, &proof}) {
    EXPECT_EQ(r->symbol_checksum, in.symbol_checksum);
    EXPECT_EQ(r->symbols_coded, in.symbols_coded);
    EXPECT_EQ(r->symbols_skipped, in.symbols_skipped);
    EXPECT_EQ(r->quality, 21);
    EXPECT_GT(r->seconds_network, 0);
    EXPECT_GT(r->seconds_entropy, 0);
  }
  EXPECT_GT(in.symbols_coded, 0u);
  EXPECT_GT(in.symbols_skipped, 0u);
  EXPECT_GT(in.seconds_network, 0);
  EXPECT_EQ(inspect(stream)->stored_checksum, in.symbol_checksum);
}

}  // namespace
}  // namespace tessera::test
