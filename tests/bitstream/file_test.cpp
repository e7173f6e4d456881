#include "bitstream/file.h"

#include <gtest/gtest.h>

#include "bitstream/crc.h"
#include "tests/bitstream/samples.h"

namespace tessera::bitstream {
namespace {

using Bytes = std::vector<uint8_t>;

// A 1-tile image's header, followed by packets that a test adds.
ByteWriter image_start() {
  FileHeader header;
  header.picture.width = header.picture.height = 8;
  ByteWriter out;
  EXPECT_TRUE(write_header(out, header).ok());
  return out;
}

void add(ByteWriter& out, const Packet& packet) { EXPECT_TRUE(write_packet(out, packet).ok()); }

Status parse(const ByteWriter& out, const Limits& limits = {}) {
  return parse_file(out.view(), limits).status();
}

TEST(File, ImageWithEverything) {
  const auto bytes = test::sample_image();
  auto file = parse_file(bytes);
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ(file->header.model_name, "still");
  EXPECT_EQ(file->header.picture.width, 100u);
  EXPECT_EQ(file->icc.size(), 40u);
  EXPECT_EQ(file->exif.size(), 20u);
  EXPECT_EQ(file->xmp.size(), 10u);
  ASSERT_EQ(file->packets.size(), 2u);
  EXPECT_EQ(file->packets[1].packet.quality, 20);
  EXPECT_EQ(file->bytes_read, bytes.size());
  uint64_t sum = file->header_bytes + file->metadata_bytes;
  for (const auto& view : file->packets) sum += view.size;
  EXPECT_EQ(sum, bytes.size()) << "every byte is accounted for";
  auto sections = read_sections(file->packets[0].packet.payload);
  ASSERT_TRUE(sections);
  EXPECT_EQ(read_latents(find_section(*sections, SectionTag::latents)->content)->lanes, 4u);
}

TEST(File, VideoTimeStamps) {
  const auto bytes = test::sample_video(false);
  auto file = parse_file(bytes);
  ASSERT_TRUE(file);
  std::vector<uint64_t> times;
  for (const auto& view : file->packets) times.push_back(view.time_stamp);
  EXPECT_EQ(times, (std::vector<uint64_t>{0, 1, 2, 10, 11, 12}));
}

TEST(File, AudioTimeStampsCountSamples) {
  FileHeader header;
  header.kind = MediaKind::audio;
  header.audio.block_samples = 960;
  ByteWriter out;
  ASSERT_TRUE(write_header(out, header).ok());
  for (int i = 0; i < 3; ++i) add(out, {.short_checksum = true, .payload = {}});
  auto file = parse_file(out.view());
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ(file->packets[2].time_stamp, 1920u);
  add(out, {.kind = PacketKind::predicted, .payload = {}});
  EXPECT_EQ(parse(out).code(), ErrorCode::corrupt);
}

TEST(File, TrailingBytesOfAnImageAreAnError) {
  auto bytes = test::sample_image();
  bytes.push_back(0);
  auto file = parse_file(bytes);
  EXPECT_EQ(file.status().code(), ErrorCode::corrupt);
  EXPECT_NE(file.status().message().find("(byte " + std::to_string(bytes.size() - 1) + ")"),
            std::string::npos);
}

TEST(File, MissingTileIsTruncated) {
  const auto bytes = test::sample_image();
  auto whole = parse_file(bytes);
  ASSERT_TRUE(whole);
  auto file = parse_file(std::span(bytes).first(static_cast<size_t>(whole->packets[1].offset)));
  EXPECT_EQ(file.status().code(), ErrorCode::truncated);
  EXPECT_NE(file.status().message().find("1 of 2 tiles"), std::string::npos) << file.status().message();
}

TEST(File, ImagesHaveTheirOwnRules) {
  for (const Packet& packet :
       {Packet{.time_stamp = 1, .payload = {}}, Packet{.short_checksum = true, .payload = {}},
        Packet{.kind = PacketKind::predicted, .payload = {}}}) {
    auto out = image_start();
    add(out, packet);
    EXPECT_EQ(parse(out).code(), ErrorCode::corrupt);
  }
  auto out = image_start();
  ASSERT_TRUE(write_index(out, {}).ok());
  EXPECT_EQ(parse(out).code(), ErrorCode::corrupt);
}

TEST(File, UnknownOptionalPacketsAndMetadataAreSkipped) {
  auto out = image_start();
  const Bytes content{99, 1, 2, 3};
  add(out, {.kind = static_cast<PacketKind>(13), .payload = content});
  add(out, {.kind = PacketKind::metadata, .payload = content});
  add(out, {.kind = PacketKind::metadata, .payload = content});
  add(out, {.payload = content});
  auto file = parse_file(out.view());
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_TRUE(file->icc.empty());
}

TEST(File, MetadataRules) {
  const Bytes content{1, 2, 3};
  auto twice = image_start();
  ASSERT_TRUE(write_metadata(twice, MetadataType::xmp, content).ok());
  ASSERT_TRUE(write_metadata(twice, MetadataType::xmp, content).ok());
  EXPECT_EQ(parse(twice).code(), ErrorCode::corrupt);

  auto untyped = image_start();
  add(untyped, {.kind = PacketKind::metadata, .payload = {}});
  EXPECT_EQ(parse(untyped).code(), ErrorCode::corrupt);

  auto many = image_start();
  for (int i = 0; i < 65; ++i) ASSERT_TRUE(write_metadata(many, static_cast<MetadataType>(50), content).ok());
  EXPECT_EQ(parse(many).code(), ErrorCode::corrupt);

  FileHeader video;
  video.kind = MediaKind::video;
  video.picture.width = video.picture.height = 1;
  ByteWriter late;
  ASSERT_TRUE(write_header(late, video).ok());
  add(late, {.payload = content});
  ASSERT_TRUE(write_metadata(late, MetadataType::icc, content).ok());
  EXPECT_EQ(parse(late).code(), ErrorCode::corrupt);
}

TEST(File, Limits) {
  const auto bytes = test::sample_image();
  Limits limits;
  limits.max_metadata = 50;
  EXPECT_EQ(parse_file(bytes, limits).status().code(), ErrorCode::limit);
  limits = {};
  limits.max_packets = 4;
  EXPECT_EQ(parse_file(bytes, limits).status().code(), ErrorCode::limit);
  limits.max_packets = 5;
  EXPECT_TRUE(parse_file(bytes, limits));
  limits.max_payload = 50;
  EXPECT_EQ(parse_file(bytes, limits).status().code(), ErrorCode::limit);
}

TEST(File, ErrorNames) {
  for (int code = 0; code <= 10; ++code) EXPECT_STRNE(error_name(static_cast<ErrorCode>(code)), "unknown");
  EXPECT_STREQ(error_name(static_cast<ErrorCode>(99)), "unknown");
}

}  // namespace
}  // namespace tessera::bitstream
