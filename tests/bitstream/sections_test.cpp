#include "bitstream/sections.h"

#include <gtest/gtest.h>

#include "tests/bitstream/samples.h"

namespace tessera::bitstream {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(Sections, RoundTripAndCost) {
  const Bytes hyper(200, 1), latents(1000, 2);
  const Section sections[] = {{SectionTag::hyperlatents, hyper}, {SectionTag::latents, latents}};
  ByteWriter out;
  write_sections(out, sections);
  EXPECT_EQ(out.size(), 1200u + 3 + 1) << "the last section needs no length";
  auto read = read_sections(out.view());
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].tag, SectionTag::hyperlatents);
  EXPECT_EQ((*read)[1].content.size(), 1000u);
  EXPECT_NE(find_section(*read, SectionTag::latents), nullptr);
  EXPECT_EQ(find_section(*read, SectionTag::alpha), nullptr);
}

TEST(Sections, UnknownOnes) {
  const Bytes optional{0x40 | 20, 2, 7, 7, 0x82, 5, 6};  // tag 20 optional, then latents
  auto read = read_sections(optional);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), 1u);
  const Bytes required{20, 2, 7, 7, 0x82, 5, 6};
  EXPECT_EQ(read_sections(required).status().code(), ErrorCode::unsupported);
  const Bytes only_optional{0xC0 | 20, 1};
  EXPECT_TRUE(read_sections(only_optional)->empty());
}

TEST(Sections, Contradictions) {
  for (const Bytes& payload :
       {Bytes{}, Bytes{1}, Bytes{1, 5, 0}, Bytes{1, 1, 0}, Bytes{0x80}, Bytes{0, 0, 0x81}, Bytes{1, 0, 0x81},
        Bytes{2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}}) {
    EXPECT_EQ(read_sections(payload).status().code(), ErrorCode::corrupt);
  }
}

TEST(Sections, CountIsBounded) {
  Bytes payload;
  for (uint8_t tag = 6; tag < 6 + 40; ++tag)
    payload.insert(payload.end(), {static_cast<uint8_t>(0x40 | tag), 0});
  payload.push_back(0x82);
  EXPECT_EQ(read_sections(payload).status().code(), ErrorCode::corrupt);
}

TEST(Sections, RandomBytesNeverRunAway) {
  std::mt19937 random(9);
  for (int i = 0; i < 20000; ++i) {
    const auto payload = test::random_bytes(random, random() % 40);
    auto read = read_sections(payload);
    if (read) {
      EXPECT_LE(read->size(), 6u);
    }
  }
}

TEST(Sections, LaneCounts) {
  const Bytes coded{1, 2, 3};
  for (uint32_t lanes = 1; lanes <= kMaxLanes; lanes *= 2) {
    const auto content = latents_content({lanes, coded});
    auto latents = read_latents(content);
    ASSERT_TRUE(latents);
    EXPECT_EQ(latents->lanes, lanes);
    EXPECT_EQ(latents->coded.size(), 3u);
  }
  EXPECT_EQ(read_latents({}).status().code(), ErrorCode::corrupt);
  EXPECT_EQ(read_latents(Bytes{8}).status().code(), ErrorCode::corrupt);
}

TEST(Sections, ChecksumOfOneToFourBytes) {
  for (uint32_t size = 1; size <= 4; ++size) {
    auto checksum = read_checksum(checksum_content(0xA1B2C3D4u, size));
    ASSERT_TRUE(checksum);
    EXPECT_EQ(checksum->size, size);
    EXPECT_TRUE(checksum->matches(0xA1B2C3D4u));
    EXPECT_FALSE(checksum->matches(0xA1B2C3D5u));
  }
  EXPECT_EQ(read_checksum({}).status().code(), ErrorCode::corrupt);
  EXPECT_EQ(read_checksum(Bytes(5, 0)).status().code(), ErrorCode::corrupt);
}

TEST(Sections, Names) {
  EXPECT_STREQ(section_name(SectionTag::latents), "latents");
  EXPECT_STREQ(section_name(static_cast<SectionTag>(63)), "unknown");
}

}  // namespace
}  // namespace tessera::bitstream
