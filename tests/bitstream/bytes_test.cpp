#include "bitstream/bytes.h"

#include <gtest/gtest.h>

#include <random>

namespace tessera::bitstream {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(Bytes, LittleEndianRoundTrip) {
  ByteWriter out;
  out.u8(0x12);
  out.u16(0x3456);
  out.u32(0x789ABCDE);
  out.u64(0x1122334455667788ull);
  EXPECT_EQ(out.view()[1], 0x56);
  ByteReader in(out.view());
  EXPECT_EQ(in.u8(), 0x12);
  EXPECT_EQ(in.u16(), 0x3456);
  EXPECT_EQ(in.u32(), 0x789ABCDEu);
  EXPECT_EQ(in.u64(), 0x1122334455667788ull);
  EXPECT_TRUE(in.ok());
  EXPECT_TRUE(in.at_end());
}

TEST(Bytes, VarintRoundTripAtEveryLength) {
  for (int shift = 0; shift < 64; ++shift) {
    for (uint64_t value : {uint64_t{1} << shift, (uint64_t{1} << shift) - 1, ~uint64_t{0} >> shift}) {
      ByteWriter out;
      out.varint(value);
      EXPECT_EQ(out.size(), varint_size(value));
      EXPECT_LE(out.size(), 10u);
      ByteReader in(out.view());
      EXPECT_EQ(in.varint(), value);
      EXPECT_TRUE(in.ok() && in.at_end());
    }
  }
}

TEST(Bytes, VarintRejectsOtherSpellings) {
  for (const Bytes& bytes : {Bytes{0x80, 0x00}, Bytes{0xFF, 0x80, 0x00},
                             Bytes{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02},
                             Bytes{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x81, 0x00}}) {
    ByteReader in(bytes);
    EXPECT_EQ(in.varint(), 0u);
    EXPECT_EQ(in.status("it").code(), ErrorCode::corrupt);
  }
}

TEST(Bytes, VarintThatEndsTooEarlyIsTruncated) {
  const Bytes bytes{0x80, 0x80};
  ByteReader in(bytes);
  in.varint();
  EXPECT_EQ(in.status("it").code(), ErrorCode::truncated);
}

TEST(Bytes, FirstErrorSticksAndSaysWhere) {
  const Bytes bytes{1, 2, 3};
  ByteReader in(bytes, 100);
  EXPECT_EQ(in.u16(), 0x0201);
  EXPECT_EQ(in.u32(), 0u);
  EXPECT_EQ(in.u8(), 0u) << "a byte is there, but the reader has failed";
  EXPECT_EQ(in.position(), 2u);
  in.fail(ErrorCode::corrupt, "later");
  EXPECT_EQ(in.status("thing").code(), ErrorCode::truncated);
  EXPECT_EQ(in.status("thing").message(), "thing: 4 bytes needed, 1 are left (byte 102)");
}

TEST(Bytes, HugeCountsDoNotOverflow) {
  const Bytes bytes{1, 2, 3};
  ByteReader in(bytes);
  in.u8();
  EXPECT_TRUE(in.bytes(~uint64_t{0}).empty());
  EXPECT_EQ(in.status("it").code(), ErrorCode::truncated);
}

TEST(Bytes, EmptyInput) {
  ByteReader in({});
  EXPECT_TRUE(in.at_end());
  EXPECT_TRUE(in.bytes(0).empty());
  EXPECT_TRUE(in.ok());
  in.u8();
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace tessera::bitstream
