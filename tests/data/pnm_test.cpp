#include "data/pnm.h"

#include <gtest/gtest.h>

#include "data/synth.h"

namespace tessera::media {
namespace {

std::span<const uint8_t> bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(Pnm, RoundTripOfEveryBitDepth) {
  for (uint32_t depth = 8; depth <= 16; ++depth) {
    for (uint32_t channels : {1u, 3u}) {
      const Picture picture = synth_picture(SynthKind::noise, 13, 7, channels, depth);
      auto file = encode_pnm(picture);
      ASSERT_TRUE(file);
      auto read = decode_pnm(*file);
      ASSERT_TRUE(read) << read.status().message();
      EXPECT_EQ(read->bit_depth, depth);
      EXPECT_EQ(read->samples, picture.samples);
    }
  }
}

TEST(Pnm, PlainTextCommentsAndScaling) {
  const std::string text = "P2 # a comment\n# another\n 3 1\n# 99\n100\n0 50\n100";
  auto picture = decode_pnm(bytes(text));
  ASSERT_TRUE(picture) << picture.status().message();
  EXPECT_EQ(picture->samples, (Bytes{0, 128, 255}));
  auto colour = decode_pnm(bytes("P3 1 1 255 1 2 3 "));
  ASSERT_TRUE(colour);
  EXPECT_EQ(colour->samples, (Bytes{1, 2, 3}));
}

TEST(Pnm, Refusals) {
  EXPECT_EQ(decode_pnm(bytes("P4 1 1 x")).status().code(), ErrorCode::unsupported);
  EXPECT_EQ(decode_pnm(bytes("P5 2 2 255 abc")).status().code(), ErrorCode::truncated);
  EXPECT_EQ(decode_pnm(bytes("P5 100000 100000 255 abc")).status().code(), ErrorCode::truncated)
      << "nothing allocated";
  for (const char* text : {"P5", "P5 0 1 255 ", "P5 1 1 0 ", "P5 1 1 70000 xx", "P5 -1 1 255 x",
                           "P5 99999999999 1 255 x", "P2 1 1 255 x", "P2 1 1 9 10", "P5 2 1 9 \x0a\x0b"}) {
    EXPECT_EQ(decode_pnm(bytes(text)).status().code(), ErrorCode::corrupt) << text;
  }
  EXPECT_EQ(encode_pnm(make_picture(1, 1, 4)).status().code(), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace tessera::media
