#include "bitstream/index.h"

#include <gtest/gtest.h>

#include "tests/bitstream/samples.h"

namespace tessera::bitstream {
namespace {

TEST(Index, FoundFromTheEndAndByReading) {
  const auto file = test::sample_video(true);
  auto found = find_index(file);
  auto parsed = parse_file(file);
  ASSERT_TRUE(found && parsed) << parsed.status().message();
  EXPECT_EQ(found->size(), 2u);
  EXPECT_EQ(*found, parsed->index);
  EXPECT_EQ((*found)[1].time_stamp, 10u);
  EXPECT_EQ((*found)[1].offset, parsed->packets[3].offset);
}

TEST(Index, AbsentIsEmpty) {
  EXPECT_TRUE(find_index(test::sample_video(false))->empty());
  EXPECT_TRUE(find_index({})->empty());
}

TEST(Index, DamagedFooter) {
  auto file = test::sample_video(true);
  file[file.size() - 8] ^= 1;
  EXPECT_EQ(find_index(file).status().code(), ErrorCode::corrupt);
  EXPECT_EQ(parse_file(file).status().code(), ErrorCode::corrupt);
  file[file.size() - 5] = 0xFF;
  EXPECT_EQ(find_index(file).status().code(), ErrorCode::corrupt);
}

TEST(Index, EntriesMustNameKeyPackets) {
  const auto plain = test::sample_video(false);
  auto parsed = parse_file(plain);
  ASSERT_TRUE(parsed);
  const auto with = [&](std::vector<IndexEntry> entries) {
    ByteWriter out;
    out.bytes(plain);
    EXPECT_TRUE(write_index(out, entries).ok());
    return parse_file(out.view()).status().code();
  };
  EXPECT_EQ(with({{parsed->packets[3].offset, 10}}), ErrorCode::ok);
  EXPECT_EQ(with({}), ErrorCode::ok);
  EXPECT_EQ(with({{parsed->packets[3].offset, 11}}), ErrorCode::corrupt);
  EXPECT_EQ(with({{parsed->packets[3].offset + 1, 10}}), ErrorCode::corrupt);
  EXPECT_EQ(with({{parsed->packets[1].offset, 1}}), ErrorCode::corrupt) << "a predicted frame";
  EXPECT_EQ(with({{1u << 30, 1}}), ErrorCode::corrupt);
}

TEST(Index, WriterWantsOrder) {
  ByteWriter out;
  const IndexEntry same[] = {{5, 1}, {5, 2}}, back[] = {{5, 2}, {6, 1}};
  EXPECT_EQ(write_index(out, same).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(write_index(out, back).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(out.size(), 0u);
}

TEST(Index, PayloadCountIsBoundedByItsBytes) {
  ByteWriter payload;
  payload.varint(uint64_t{1} << 60);
  EXPECT_EQ(read_index_payload(payload.view(), ~uint64_t{0}).status().code(), ErrorCode::corrupt);
  std::mt19937 random(11);
  for (int i = 0; i < 20000; ++i) {
    const auto bytes = test::random_bytes(random, random() % 20);
    auto entries = read_index_payload(bytes, 100);
    if (entries) {
      EXPECT_LE(entries->size(), 10u);
    }
  }
}

}  // namespace
}  // namespace tessera::bitstream
