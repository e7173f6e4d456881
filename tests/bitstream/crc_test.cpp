#include "bitstream/crc.h"

#include <gtest/gtest.h>

#include <string_view>

#include "tests/bitstream/samples.h"

namespace tessera::bitstream {
namespace {

constexpr uint8_t kDigits[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};

TEST(Crc, KnownAnswers) {
  EXPECT_EQ(crc32c(kDigits), 0xE3069283u);
  EXPECT_EQ(crc32c_portable(kDigits), 0xE3069283u);
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0)), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0xFF)), 0x62A8AB43u);
  EXPECT_EQ(crc16(kDigits), 0x29B1u);
  EXPECT_EQ(crc16({}), 0xFFFFu);
}

TEST(Crc, HardwareAndTablesAgreeAtEveryLengthAndAlignment) {
  std::mt19937 random(1);
  const auto bytes = test::random_bytes(random, 300);
  const std::span<const uint8_t> all(bytes);
  for (size_t start = 0; start < 9; ++start) {
    for (size_t count = 0; count < 280; ++count) {
      EXPECT_EQ(crc32c(all.subspan(start, count)), crc32c_portable(all.subspan(start, count)));
    }
  }
}

TEST(Crc, PiecesAreJoined) {
  std::mt19937 random(9);
  const auto bytes = test::random_bytes(random, 5000);
  const std::span<const uint8_t> all(bytes);
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{7}, size_t{4096}, size_t{4999}, size_t{5000}}) {
    EXPECT_EQ(crc32c_joined(crc32c(all.first(cut)), crc32c(all.subspan(cut)), all.size() - cut), crc32c(all)) << cut;
  }
  // A previous sum goes on as if it were the first piece's.
  const uint32_t before = crc32c(kDigits);
  EXPECT_EQ(crc32c_joined(before, crc32c(all), all.size()), crc32c(all, before));
}

// Long data runs in three parts side by side: around their ends, and many of them.
TEST(Crc, HardwareAndTablesAgreeOnLongData) {
  std::mt19937 random(5);
  const auto bytes = test::random_bytes(random, 70000);
  const std::span<const uint8_t> all(bytes);
  for (const size_t parts : {1u, 2u, 3u, 6u, 9u, 30u}) {
    for (size_t count = 2048 * parts - 9; count < 2048 * parts + 10; ++count) {
      const uint32_t before = static_cast<uint32_t>(random());
      EXPECT_EQ(crc32c(all.subspan(count % 7, count), before), crc32c_portable(all.subspan(count % 7, count), before)) << count;
    }
  }
}

TEST(Crc, GoesOnFromAPreviousPart) {
  std::mt19937 random(2);
  const auto bytes = test::random_bytes(random, 100);
  const std::span<const uint8_t> all(bytes);
  for (size_t cut = 0; cut <= all.size(); ++cut) {
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all));
    EXPECT_EQ(crc32c_portable(all.subspan(cut), crc32c_portable(all.first(cut))), crc32c(all));
  }
}

TEST(Crc, SixteenBitsFindEveryErrorOfTwoBitsInAPacket) {
  std::mt19937 random(3);
  auto bytes = test::random_bytes(random, 4093);
  const uint16_t right = crc16(bytes);
  for (int trial = 0; trial < 300; ++trial) {
    const size_t a = random() % (bytes.size() * 8), b = random() % (bytes.size() * 8);
    bytes[a / 8] ^= static_cast<uint8_t>(1 << a % 8);
    if (a != b) bytes[b / 8] ^= static_cast<uint8_t>(1 << b % 8);
    EXPECT_NE(crc16(bytes), right);
    bytes[a / 8] ^= static_cast<uint8_t>(1 << a % 8);
    if (a != b) bytes[b / 8] ^= static_cast<uint8_t>(1 << b % 8);
  }
}

}  // namespace
}  // namespace tessera::bitstream
