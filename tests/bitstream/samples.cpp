#include "tests/bitstream/samples.h"

#include <gtest/gtest.h>

namespace tessera::bitstream::test {
namespace {

uint32_t up_to(std::mt19937& random, uint32_t low, uint32_t high) {
  return std::uniform_int_distribution<uint32_t>(low, high)(random);
}

// Small and huge values alike: a random number of significant bits.
uint32_t any_size(std::mt19937& random) {
  return std::max(1u, static_cast<uint32_t>(random()) >> up_to(random, 0, 31));
}

std::string random_name(std::mt19937& random) {
  if (up_to(random, 0, 1) == 0) return "still";
  constexpr char kCharacters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  std::string name(up_to(random, 1, 63), ' ');
  for (char& c : name) c = kCharacters[up_to(random, 0, sizeof kCharacters - 2)];
  return name;
}

void random_picture(std::mt19937& random, FileHeader& header) {
  PictureInfo& picture = header.picture;
  picture.width = any_size(random);
  picture.height = any_size(random);
  picture.channels = static_cast<uint8_t>(up_to(random, 1, 4));
  picture.bit_depth = static_cast<uint8_t>(up_to(random, 8, 16));
  picture.tile = up_to(random, 0, 1) * 64 * up_to(random, 1, 1024);
  picture.colour = default_colour(header.kind);
  if (up_to(random, 0, 1)) {
    picture.colour = {static_cast<uint8_t>(random()), static_cast<uint8_t>(random()),
                      static_cast<uint8_t>(random()), up_to(random, 0, 1) == 1};
  }
}

void random_audio(std::mt19937& random, AudioInfo& audio) {
  audio.sample_rate = any_size(random);
  audio.channels = up_to(random, 1, 64);
  if (up_to(random, 0, 1))
    audio.channel_mask = (audio.channels == 64 ? 0 : uint64_t{1} << audio.channels) - 1;
  audio.bit_depth = static_cast<uint8_t>(up_to(random, 1, 32));
  audio.block_samples = up_to(random, 1, 1 << 20);
  audio.priming = uint64_t{any_size(random)} << up_to(random, 0, 32);
  audio.trailing = any_size(random);
}

std::vector<uint8_t> sample_payload(uint8_t fill, size_t size) {
  const std::vector<uint8_t> hyper(5, fill);
  const std::vector<uint8_t> coded(size, static_cast<uint8_t>(fill + 1));
  const auto checksum = checksum_content(0x01020304u * fill);
  const auto latents = latents_content({4, coded});
  const Section sections[] = {
      {SectionTag::hyperlatents, hyper}, {SectionTag::checksum, checksum}, {SectionTag::latents, latents}};
  ByteWriter out;
  write_sections(out, sections);
  return out.take();
}

}  // namespace

std::vector<uint8_t> random_bytes(std::mt19937& random, size_t count) {
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

FileHeader random_header(std::mt19937& random) {
  FileHeader header;
  header.kind = static_cast<MediaKind>(up_to(random, 0, 2));
  header.model_name = random_name(random);
  header.model_number = header.model_name == "still" ? 1 : 0;
  header.model_revision = any_size(random);
  header.model_hash = uint64_t{random()} << 32 | random();
  header.quality = static_cast<uint8_t>(up_to(random, 0, 63));
  if (header.kind == MediaKind::audio) {
    random_audio(random, header.audio);
  } else {
    random_picture(random, header);
  }
  if (header.kind == MediaKind::video) {
    header.video = {any_size(random), any_size(random), static_cast<Chroma>(up_to(random, 0, 3)),
                    static_cast<uint8_t>(up_to(random, 0, 5))};
    if (up_to(random, 0, 1)) {
      header.video.frame_ticks = up_to(random, 1, 1 << 24);
      header.video.aspect_numerator = any_size(random);
      header.video.aspect_denominator = any_size(random);
    }
    header.video.quarter_turns = static_cast<uint8_t>(up_to(random, 0, 3));
  }
  return header;
}

std::vector<uint8_t> sample_image() {
  FileHeader header;
  header.model_revision = 3;
  header.model_hash = 0x0123456789ABCDEFull;
  header.quality = 32;
  header.picture.width = 100;
  header.picture.height = 60;
  header.picture.tile = 64;
  ByteWriter out;
  EXPECT_TRUE(write_header(out, header).ok());
  const std::vector<uint8_t> icc(40, 0x11), exif(20, 0x22), xmp(10, 0x33);
  EXPECT_TRUE(write_metadata(out, MetadataType::icc, icc).ok());
  EXPECT_TRUE(write_metadata(out, MetadataType::exif, exif).ok());
  EXPECT_TRUE(write_metadata(out, MetadataType::xmp, xmp).ok());
  for (uint8_t tile = 0; tile < 2; ++tile) {
    const auto payload = sample_payload(tile, 60);
    Packet packet;
    packet.payload = payload;
    if (tile == 1) packet.quality = 20;
    EXPECT_TRUE(write_packet(out, packet).ok());
  }
  return out.take();
}

std::vector<uint8_t> sample_video(bool with_index) {
  FileHeader header;
  header.kind = MediaKind::video;
  header.model_name = "moving-pictures";
  header.quality = 40;
  header.picture.width = 320;
  header.picture.height = 180;
  header.picture.colour = default_colour(MediaKind::video);
  ByteWriter out;
  EXPECT_TRUE(write_header(out, header).ok());
  std::vector<IndexEntry> index;
  for (uint8_t frame = 0; frame < 6; ++frame) {
    const auto payload = sample_payload(frame, 20u + frame);
    Packet packet;
    packet.kind = frame % 3 == 0 ? PacketKind::key : PacketKind::predicted;
    packet.short_checksum = frame % 3 != 0;
    packet.payload = payload;
    if (frame == 3) packet.time_stamp = 10;
    if (packet.kind == PacketKind::key) index.push_back({out.size(), frame == 3 ? 10u : 0u});
    EXPECT_TRUE(write_packet(out, packet).ok());
  }
  if (with_index) {
    EXPECT_TRUE(write_index(out, index).ok());
  }
  return out.take();
}

}  // namespace tessera::bitstream::test
