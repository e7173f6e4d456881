#include "bitstream/packet.h"

#include <gtest/gtest.h>

#include "bitstream/crc.h"
#include "tests/bitstream/samples.h"

namespace tessera::bitstream {
namespace {

std::vector<uint8_t> bytes_of(const Packet& packet) {
  ByteWriter out;
  EXPECT_TRUE(write_packet(out, packet).ok());
  return out.take();
}

// A packet of any head byte, with a right CRC-32C.
std::vector<uint8_t> raw_packet(uint8_t head) {
  ByteWriter out;
  out.u8(head);
  out.varint(2);
  out.u16(0x1234);
  out.u32(crc32c(out.view()));
  return out.take();
}

ErrorCode code_of(const std::vector<uint8_t>& bytes, uint64_t max_payload = 1 << 20) {
  ByteReader in(bytes);
  return read_packet(in, max_payload).status().code();
}

TEST(Packet, RoundTrip) {
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i) {
    const auto payload = test::random_bytes(random, random() % 5000);
    Packet packet;
    packet.kind = random() % 2 ? PacketKind::key : PacketKind::predicted;
    packet.payload = payload;
    packet.short_checksum = payload.size() <= kMaxShortPayload && random() % 2;
    if (random() % 2) packet.time_stamp = uint64_t{random()} << (random() % 32);
    if (random() % 2) packet.quality = static_cast<uint8_t>(random() % 64);
    const auto bytes = bytes_of(packet);
    ByteReader in(bytes, 1000);
    auto view = read_packet(in, payload.size());
    ASSERT_TRUE(view) << view.status().message();
    EXPECT_TRUE(in.at_end());
    EXPECT_EQ(view->offset, 1000u);
    EXPECT_EQ(view->size, bytes.size());
    EXPECT_EQ(view->packet.kind, packet.kind);
    EXPECT_EQ(view->packet.time_stamp, packet.time_stamp);
    EXPECT_EQ(view->packet.quality, packet.quality);
    EXPECT_TRUE(
        std::equal(payload.begin(), payload.end(), view->packet.payload.begin(), view->packet.payload.end()));
  }
}

TEST(Packet, SmallFrameCostsFiveBytes) {
  for (size_t size : {size_t{0}, size_t{100}, size_t{127}, size_t{128}, size_t{1500}, kMaxShortPayload}) {
    const std::vector<uint8_t> payload(size, 1);
    Packet packet;
    packet.kind = PacketKind::predicted;
    packet.short_checksum = true;
    packet.payload = payload;
    EXPECT_LE(bytes_of(packet).size(), size + 5);
  }
}

TEST(Packet, EveryTruncationAndEveryFlip) {
  std::mt19937 random(6);
  for (bool short_checksum : {false, true}) {
    const auto payload = test::random_bytes(random, 40);
    Packet packet;
    packet.short_checksum = short_checksum;
    packet.time_stamp = 1234567;
    packet.quality = 12;
    packet.payload = payload;
    auto bytes = bytes_of(packet);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(code_of({bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)}), ErrorCode::truncated);
    }
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      const ErrorCode code = code_of(bytes);
      EXPECT_TRUE(code == ErrorCode::corrupt || code == ErrorCode::truncated || code == ErrorCode::limit)
          << bit;
      bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(Packet, KindsAndReservedBits) {
  EXPECT_EQ(code_of(raw_packet(0x40)), ErrorCode::corrupt);
  for (uint8_t kind = 4; kind <= 7; ++kind)
    EXPECT_EQ(code_of(raw_packet(0x40 | kind)), ErrorCode::unsupported);
  for (uint8_t kind = 9; kind <= 15; ++kind) EXPECT_EQ(code_of(raw_packet(0x40 | kind)), ErrorCode::ok);
  EXPECT_EQ(code_of(raw_packet(0xC1)), ErrorCode::unsupported);
}

TEST(Packet, ShortChecksumOnlyWhereItIsStrong) {
  const std::vector<uint8_t> payload(kMaxShortPayload + 1, 0);
  Packet packet;
  packet.short_checksum = true;
  packet.payload = payload;
  ByteWriter out;
  EXPECT_EQ(write_packet(out, packet).code(), ErrorCode::invalid_argument);
  packet.payload = {};
  packet.kind = PacketKind::metadata;
  EXPECT_EQ(write_packet(out, packet).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(out.size(), 0u);

  out.u8(static_cast<uint8_t>(PacketKind::metadata));  // by hand, with a right CRC-16
  out.varint(0);
  out.u16(crc16(out.view()));
  EXPECT_EQ(code_of(out.take()), ErrorCode::corrupt);
}

TEST(Packet, QualityRange) {
  Packet packet;
  packet.quality = 64;
  ByteWriter out;
  EXPECT_EQ(write_packet(out, packet).code(), ErrorCode::invalid_argument);
  out.u8(0x61);
  out.u8(64);
  out.varint(0);
  out.u32(crc32c(out.view()));
  EXPECT_EQ(code_of(out.take()), ErrorCode::unsupported);
}

TEST(Packet, HugeLengthIsALimitNotAnAllocation) {
  ByteWriter out;
  out.u8(0x41);
  out.varint(~uint64_t{0});
  EXPECT_EQ(code_of(out.take()), ErrorCode::limit);
}

}  // namespace
}  // namespace tessera::bitstream
