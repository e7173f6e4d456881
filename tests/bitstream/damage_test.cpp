// What a damaged or hostile stream does to the parser: always one clear error, whatever the bytes.
#include <gtest/gtest.h>

#include "tests/bitstream/samples.h"

namespace tessera::bitstream {
namespace {

using Bytes = std::vector<uint8_t>;

class Damage : public testing::TestWithParam<int> {
 protected:
  static Bytes sample() {
    return GetParam() == 0 ? test::sample_image() : test::sample_video(GetParam() == 2);
  }
};

TEST_P(Damage, EveryTruncation) {
  const Bytes bytes = sample();
  auto whole = parse_file(bytes);
  ASSERT_TRUE(whole) << whole.status().message();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = std::span(bytes).first(size);
    auto file = parse_file(cut);
    // Video may end after any whole packet; everything else is truncated, and says at which byte.
    size_t packets = 0;
    bool between = size == whole->header_bytes;
    for (const auto& view : whole->packets) {
      packets += view.offset + view.size <= size;
      between |= view.offset + view.size == size;
    }
    if (GetParam() != 0 && between) {
      EXPECT_TRUE(file) << size;
    } else {
      ASSERT_FALSE(file) << size;
      EXPECT_EQ(file.status().code(), ErrorCode::truncated) << size << ": " << file.status().message();
      EXPECT_NE(file.status().message().find("(byte "), std::string::npos);
    }
    // What came before the cut is readable.
    auto prefix = parse_prefix(cut);
    EXPECT_EQ(static_cast<bool>(prefix), size >= whole->header_bytes);
    if (prefix) {
      EXPECT_EQ(prefix->packets.size(), packets);
      EXPECT_LE(prefix->bytes_read, size);
      EXPECT_EQ(prefix->end.ok(), static_cast<bool>(file));
    }
  }
}

TEST_P(Damage, EveryFlippedBit) {
  Bytes bytes = sample();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    auto file = parse_file(bytes);
    EXPECT_FALSE(file) << "bit " << bit;
    EXPECT_FALSE(file.status().message().empty());
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
}

TEST_P(Damage, FlippedBitLeavesThePacketsBefore) {
  Bytes bytes = sample();
  auto whole = parse_file(bytes);
  ASSERT_TRUE(whole);
  const auto second = whole->packets[1];
  bytes[static_cast<size_t>(second.offset + second.size - 1)] ^= 1;
  auto prefix = parse_prefix(bytes);
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->packets.size(), 1u);
  EXPECT_EQ(prefix->bytes_read, second.offset);
  EXPECT_EQ(prefix->end.code(), ErrorCode::corrupt);
}

TEST_P(Damage, RandomBytesAfterAValidHeader) {
  const Bytes bytes = sample();
  auto whole = parse_file(bytes);
  ASSERT_TRUE(whole);
  std::mt19937 random(4);
  for (int i = 0; i < 5000; ++i) {
    Bytes hostile(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(whole->header_bytes));
    const Bytes tail = test::random_bytes(random, 1 + random() % 200);
    hostile.insert(hostile.end(), tail.begin(), tail.end());
    EXPECT_FALSE(parse_file(hostile));
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Damage, testing::Values(0, 1, 2));

TEST(Damage, RandomBytes) {
  std::mt19937 random(12);
  for (int i = 0; i < 20000; ++i) EXPECT_FALSE(parse_file(test::random_bytes(random, random() % 100)));
}

}  // namespace
}  // namespace tessera::bitstream
