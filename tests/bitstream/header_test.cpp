#include "bitstream/header.h"

#include <gtest/gtest.h>

#include "bitstream/crc.h"
#include "bitstream/model_names.h"
#include "tests/bitstream/samples.h"

namespace tessera::bitstream {
namespace {

constexpr Limits kWide{~uint64_t{0}, ~0u, ~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}, ~0u};

std::vector<uint8_t> bytes_of(const FileHeader& header) {
  ByteWriter out;
  EXPECT_TRUE(write_header(out, header).ok());
  return out.take();
}

// After a test changed a header by hand: the checksum as a writer would have made it.
void seal(std::vector<uint8_t>& bytes) {
  bytes[4] = static_cast<uint8_t>(bytes.size());
  const uint16_t crc = crc16(std::span(bytes).first(bytes.size() - 2));
  bytes[bytes.size() - 2] = static_cast<uint8_t>(crc);
  bytes[bytes.size() - 1] = static_cast<uint8_t>(crc >> 8);
}

FileHeader kodak() {
  FileHeader header;
  header.model_revision = 1;
  header.model_hash = 0x8877665544332211ull;
  header.quality = 32;
  header.picture.width = 768;
  header.picture.height = 512;
  return header;
}

TEST(Header, UsualPictureTakes24Bytes) {
  const auto bytes = bytes_of(kodak());
  EXPECT_LE(bytes.size(), 24u);
  const std::vector<uint8_t> expected{'T',  'S',  'R',  0x10, 24,   0,    1,    1,    0x11, 0x22, 0x33,
                                      0x44, 0x55, 0x66, 0x77, 0x88, 0x80, 0x06, 0x80, 0x04, 2,    32};
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin(), bytes.end() - 2), expected)
      << "the example in docs/bitstream.md";
}

TEST(Header, RoundTripOfManyRandomHeaders) {
  std::mt19937 random(7);
  for (int i = 0; i < 5000; ++i) {
    const FileHeader header = test::random_header(random);
    const auto bytes = bytes_of(header);
    size_t size = 0;
    auto parsed = parse_header(bytes, kWide, &size);
    ASSERT_TRUE(parsed) << parsed.status().message();
    EXPECT_EQ(size, bytes.size());
    EXPECT_EQ(*parsed, header);
  }
}

TEST(Header, UsualVideo) {
  FileHeader header;
  header.kind = MediaKind::video;
  header.model_name = "motion-lite";
  header.model_revision = 1;
  header.model_hash = 0x8877665544332211ull;
  header.quality = 32;
  header.picture.width = 640;
  header.picture.height = 360;
  header.picture.colour = default_colour(MediaKind::video);
  const auto bytes = bytes_of(header);
  const std::vector<uint8_t> expected{'T',  'S',  'R',  0x10, 27,   1,    6,    1,    0x11, 0x22, 0x33, 0x44, 0x55,
                                      0x66, 0x77, 0x88, 0x80, 0x05, 0xE8, 0x02, 2,    32,   25,   1,    1};
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin(), bytes.end() - 2), expected) << "the example in docs/bitstream.md";
  header.video.frame_ticks = 3600;
  header.video.quarter_turns = 3;
  const auto more = bytes_of(header);
  EXPECT_EQ(more.size(), bytes.size() + 4);
  EXPECT_EQ(more[24], 1 | 32 | 3 << 6);
}

TEST(Header, LargestFits) {
  FileHeader header;
  header.kind = MediaKind::audio;
  header.model_name = std::string(63, 'z');
  header.model_revision = ~0u;
  header.audio = {~0u, 64, ~uint64_t{0}, 32, 1 << 20, ~uint64_t{0}, ~uint64_t{0}};
  const auto bytes = bytes_of(header);
  EXPECT_LT(bytes.size(), 255u);
  EXPECT_EQ(parse_header(bytes, kWide)->audio, header.audio);
}

TEST(Header, EveryTruncationIsTruncated) {
  const auto bytes = bytes_of(kodak());
  for (size_t size = 0; size < bytes.size(); ++size) {
    auto parsed = parse_header(std::span(bytes).first(size), {});
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.status().code(), ErrorCode::truncated) << size;
    EXPECT_NE(parsed.status().message().find("(byte " + std::to_string(size) + ")"), std::string::npos);
  }
}

TEST(Header, EveryFlippedBitIsAnError) {
  std::mt19937 random(8);
  for (int i = 0; i < 100; ++i) {
    auto bytes = bytes_of(test::random_header(random));
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      EXPECT_FALSE(parse_header(bytes, kWide)) << "bit " << bit;
      bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(Header, OtherFilesAreNotTessera) {
  const std::vector<uint8_t> png{0x89, 'P', 'N', 'G', 0x0D, 0x0A, 0x1A, 0x0A};
  EXPECT_EQ(parse_header(png, {}).status().code(), ErrorCode::corrupt);
  EXPECT_EQ(parse_header(std::span(png).first(1), {}).status().code(), ErrorCode::corrupt);
}

TEST(Header, NewerMajorIsUnsupportedWhateverFollows) {
  for (uint8_t major = 2; major < 16; ++major) {
    const std::vector<uint8_t> bytes{'T', 'S', 'R', static_cast<uint8_t>(major << 4 | 3), 0};
    auto parsed = parse_header(bytes, {});
    EXPECT_EQ(parsed.status().code(), ErrorCode::unsupported);
    EXPECT_NE(parsed.status().message().find("version " + std::to_string(major) + ".3"), std::string::npos);
  }
  const std::vector<uint8_t> zero{'T', 'S', 'R', 0x01, 24};
  EXPECT_EQ(parse_header(zero, {}).status().code(), ErrorCode::corrupt);
}

TEST(Header, NewerMinorMayAppendFields) {
  auto bytes = bytes_of(kodak());
  bytes.insert(bytes.end() - 2, {1, 2, 3});
  seal(bytes);
  EXPECT_EQ(parse_header(bytes, {}).status().code(), ErrorCode::corrupt) << "not with this minor version";
  bytes[3] = 0x11;
  seal(bytes);
  auto parsed = parse_header(bytes, {});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->version_minor, 1);
  EXPECT_EQ(parsed->picture.width, 768u);
}

TEST(Header, UnknownFeaturesAndReservedBitsAreUnsupported) {
  FileHeader header = kodak();
  header.required_features = uint64_t{1} << 40;
  EXPECT_EQ(parse_header(bytes_of(header), {}).status().code(), ErrorCode::unsupported);
  struct Case {
    size_t position;
    uint8_t bits;
  };
  for (Case c : {Case{5, 0x20}, Case{5, 0x80}, Case{5, 3}, Case{20, 0x40}, Case{21, 0x80}}) {
    auto bytes = bytes_of(kodak());
    bytes[c.position] |= c.bits;
    seal(bytes);
    EXPECT_EQ(parse_header(bytes, {}).status().code(), ErrorCode::unsupported) << c.position;
  }
}

TEST(Header, ContradictionsAreCorrupt) {
  struct Case {
    size_t position;
    uint8_t value;
  };
  // Bit depth 17, width 0 (not canonical too), a name of no length, picture flags in an audio header.
  for (Case c : {Case{20, 9 << 2}, Case{16, 0}, Case{6, 0}, Case{5, 2 | 8}}) {
    auto bytes = bytes_of(kodak());
    bytes[c.position] = c.value;
    seal(bytes);
    EXPECT_EQ(parse_header(bytes, {}).status().code(), ErrorCode::corrupt) << c.position;
  }
  auto bytes = bytes_of(kodak());
  bytes.erase(bytes.end() - 3);
  seal(bytes);
  EXPECT_EQ(parse_header(bytes, {}).status().code(), ErrorCode::corrupt) << "fields run out of the header";
}

TEST(Header, UnassignedModelNumberIsNoError) {
  auto bytes = bytes_of(kodak());
  bytes[6] = 200;
  seal(bytes);
  auto parsed = parse_header(bytes, {});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->model_number, 200);
  EXPECT_TRUE(parsed->model_name.empty());
}

TEST(Header, Limits) {
  FileHeader header = kodak();
  Limits limits;
  EXPECT_TRUE(parse_header(bytes_of(header), limits));
  limits.max_pixels = 768 * 512 - 1;
  EXPECT_EQ(parse_header(bytes_of(header), limits).status().code(), ErrorCode::limit);
  limits = {};
  limits.max_dimension = 767;
  EXPECT_EQ(parse_header(bytes_of(header), limits).status().code(), ErrorCode::limit);
  limits = {};
  limits.max_tiles = 95;
  header.picture.tile = 64;
  EXPECT_EQ(parse_header(bytes_of(header), limits).status().code(), ErrorCode::limit);
  header.picture.width = header.picture.height = ~0u;
  header.picture.tile = 0;
  EXPECT_EQ(parse_header(bytes_of(header), {}).status().code(), ErrorCode::limit);
  header.kind = MediaKind::audio;
  header.audio.channels = 65;
  EXPECT_EQ(parse_header(bytes_of(header), {}).status().code(), ErrorCode::limit);
}

TEST(Header, WriterRefusesWhatCannotBe) {
  const auto refused = [](auto change) {
    FileHeader header = kodak();
    change(header);
    ByteWriter out;
    const Status status = write_header(out, header);
    return status.code() == ErrorCode::invalid_argument && out.size() == 0;
  };
  EXPECT_TRUE(refused([](FileHeader& h) { h.model_name = ""; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.model_name = std::string(64, 'a'); }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.model_name = "Still"; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.quality = 64; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.picture.width = 0; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.picture.channels = 5; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.picture.bit_depth = 7; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.picture.tile = 100; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.kind = MediaKind::video, h.video.rate_denominator = 0; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.kind = MediaKind::video, h.video.frame_ticks = 0; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.kind = MediaKind::video, h.video.frame_ticks = (1 << 24) + 1; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.kind = MediaKind::video, h.video.aspect_denominator = 0; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.kind = MediaKind::video, h.video.quarter_turns = 4; }));
  EXPECT_TRUE(refused([](FileHeader& h) { h.kind = MediaKind::audio, h.audio.channel_mask = 1; }));
}

TEST(Header, TileCounts) {
  PictureInfo picture;
  picture.width = 65;
  picture.height = 64;
  EXPECT_EQ(tile_count(picture), 1u);
  picture.tile = 64;
  EXPECT_EQ(tile_columns(picture), 2u);
  EXPECT_EQ(tile_rows(picture), 1u);
  picture.width = picture.height = ~0u;
  EXPECT_EQ(tile_count(picture), uint64_t{1} << 52);
}

TEST(ModelNames, NumbersAndNamesMatch) {
  EXPECT_EQ(model_number("still"), 1);
  EXPECT_EQ(model_number("speech"), 2);
  EXPECT_EQ(model_number("sound"), 3);
  for (int number = 1; number < 256; ++number) {
    const auto name = model_name(static_cast<uint8_t>(number));
    if (name.empty()) continue;
    EXPECT_EQ(model_number(name), number);
    EXPECT_TRUE(is_model_name(name));
  }
  EXPECT_EQ(model_number(""), 0);
  EXPECT_EQ(model_number("other"), 0);
}

}  // namespace
}  // namespace tessera::bitstream
