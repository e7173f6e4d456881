// Streams of sound that arrive in pieces, damaged and cut off.
#include "bitstream/stream_reader.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bitstream/file.h"
#include "tests/bitstream/samples.h"

namespace tessera::bitstream {
namespace {

using Bytes = std::vector<uint8_t>;

struct Stream {
  Bytes bytes;
  std::vector<size_t> starts;  // of the packets
  size_t header = 0;
};

// Packets of about 60 bytes, every fifth with a time stamp.
Stream sample(size_t packets, bool index = false) {
  std::mt19937 random(5);
  FileHeader header;
  header.kind = MediaKind::audio;
  header.audio.block_samples = 1000;
  ByteWriter out;
  EXPECT_TRUE(write_header(out, header).ok());
  Stream stream;
  stream.header = out.size();
  std::vector<IndexEntry> entries;
  for (size_t i = 0; i < packets; ++i) {
    stream.starts.push_back(out.size());
    const Bytes payload = test::random_bytes(random, 50 + random() % 20);
    Packet packet;
    packet.payload = payload;
    packet.short_checksum = true;
    if (i % 5 == 0) packet.time_stamp = i * 1000, entries.push_back({out.size(), i * 1000});
    EXPECT_TRUE(write_packet(out, packet).ok());
  }
  if (index) {
    EXPECT_TRUE(write_index(out, entries).ok());
  }
  stream.bytes = out.take();
  return stream;
}

struct Seen {
  size_t headers = 0;
  std::vector<Bytes> packets;
  std::vector<uint64_t> lost;  // by place: how many before packet i
  uint64_t total_lost = 0, damages = 0;
  std::vector<Bytes> companions;
  Status end;
};

Seen read(const Bytes& bytes, size_t piece, bool companions = false) {
  StreamReader reader;
  if (companions) reader.want_companions();
  Seen seen;
  size_t at = 0;
  for (size_t guard = 0; guard < 10 * bytes.size() + 100; ++guard) {
    const StreamReader::Event event = reader.next();
    switch (event.kind) {
      case StreamReader::Kind::need_bytes: {
        const size_t count = std::min(piece, bytes.size() - at);
        if (count == 0) reader.finish();
        reader.push(std::span(bytes).subspan(at, count));
        at += count;
        break;
      }
      case StreamReader::Kind::header:
        ++seen.headers;
        break;
      case StreamReader::Kind::packet:
        seen.packets.emplace_back(event.bytes.begin(), event.bytes.end());
        break;
      case StreamReader::Kind::lost:
        EXPECT_FALSE(event.damage.ok());
        seen.total_lost += event.lost;
        ++seen.damages;
        break;
      case StreamReader::Kind::companion:
        seen.companions.emplace_back(event.bytes.begin(), event.bytes.end());
        break;
      case StreamReader::Kind::end:
        seen.end = event.damage;
        EXPECT_EQ(reader.next().kind, StreamReader::Kind::end);
        return seen;
    }
  }
  ADD_FAILURE() << "the reader does not come to an end";
  return seen;
}

TEST(StreamReader, GivesEverythingHoweverItArrives) {
  for (const bool index : {false, true}) {
    const Stream stream = sample(12, index);
    const Seen whole = read(stream.bytes, stream.bytes.size());
    EXPECT_EQ(whole.headers, 1u);
    ASSERT_EQ(whole.packets.size(), 12u);
    EXPECT_TRUE(whole.end.ok()) << whole.end.message();
    for (size_t i = 0; i < 12; ++i) EXPECT_TRUE(std::equal(whole.packets[i].begin(), whole.packets[i].end(), stream.bytes.begin() + static_cast<ptrdiff_t>(stream.starts[i])));
    for (const size_t piece : {1u, 3u, 100u}) EXPECT_EQ(read(stream.bytes, piece).packets, whole.packets) << piece;
  }
}

TEST(StreamReader, AnyFlippedByteCostsAPacketOrTwo) {
  const Stream stream = sample(12);
  for (size_t at = stream.header; at < stream.bytes.size(); ++at) {
    Bytes bytes = stream.bytes;
    bytes[at] ^= 0x5A;
    for (const size_t piece : {size_t{7}, bytes.size()}) {
      const Seen seen = read(bytes, piece);
      ASSERT_GE(seen.packets.size(), 10u) << at;
      ASSERT_LT(seen.packets.size(), 12u) << at;
      const bool in_last = at >= stream.starts[11];
      EXPECT_TRUE(in_last || seen.packets.size() + seen.total_lost == 12u) << at << ": " << seen.packets.size() << " and " << seen.total_lost << " of " << seen.damages;
      EXPECT_TRUE(seen.damages > 0 || !seen.end.ok()) << at;
    }
  }
}

// All packets as long: a length that is damaged may lead to the one behind the next, or to one further on. It costs its own packet only.
TEST(StreamReader, ALengthThatLeadsToALaterPacketCostsOne) {
  std::mt19937 random(6);
  FileHeader header;
  header.kind = MediaKind::video;
  header.picture.width = 320;
  header.picture.height = 240;
  ByteWriter out;
  ASSERT_TRUE(write_header(out, header).ok());
  constexpr size_t kPayload = 12, kPacket = kPayload + 4, kPackets = 10;  // head, length, payload, checksum
  const size_t first = out.size();
  for (size_t i = 0; i < kPackets; ++i) {
    const Bytes payload = test::random_bytes(random, kPayload);
    Packet packet;
    packet.kind = i == 0 ? PacketKind::key : PacketKind::predicted;
    packet.payload = payload;
    packet.short_checksum = true;
    ASSERT_TRUE(write_packet(out, packet).ok());
  }
  const Bytes whole = out.take();
  ASSERT_EQ(whole.size(), first + kPackets * kPacket);
  for (size_t victim = 0; victim + 2 < kPackets; ++victim) {
    for (size_t further = 1; further < std::min<size_t>(7, kPackets - victim); ++further) {
      Bytes bytes = whole;
      bytes[first + victim * kPacket + 1] = static_cast<uint8_t>(kPayload + further * kPacket);
      for (const size_t piece : {size_t{1}, size_t{23}, bytes.size()}) {
        const Seen seen = read(bytes, piece);
        EXPECT_EQ(seen.packets.size(), kPackets - 1) << victim << " " << further << " " << piece;
        EXPECT_EQ(seen.total_lost, 1u) << victim << " " << further << " " << piece;
        EXPECT_TRUE(seen.end.ok());
      }
    }
  }
}

TEST(StreamReader, CutOffAnywhere) {
  const Stream stream = sample(6);
  for (size_t size = 0; size < stream.bytes.size(); ++size) {
    const Seen seen = read(Bytes(stream.bytes.begin(), stream.bytes.begin() + static_cast<ptrdiff_t>(size)), 50);
    const auto whole = static_cast<size_t>(std::count_if(stream.starts.begin() + 1, stream.starts.end(), [&](size_t s) { return s <= size; }));
    ASSERT_EQ(seen.packets.size(), whole) << size;
    const bool between = size == stream.header || std::find(stream.starts.begin() + 1, stream.starts.end(), size) != stream.starts.end();
    EXPECT_EQ(seen.end.code(), between ? ErrorCode::ok : ErrorCode::truncated) << size << ": " << seen.end.message();
  }
}

TEST(StreamReader, MissingBytesAreCountedByTheTimeStamps) {
  const Stream stream = sample(20);
  // From the middle of packet 7 to the middle of packet 12: the next stamp is at 15.
  Bytes bytes(stream.bytes.begin(), stream.bytes.begin() + static_cast<ptrdiff_t>(stream.starts[7] + 20));
  bytes.insert(bytes.end(), stream.bytes.begin() + static_cast<ptrdiff_t>(stream.starts[14] + 30), stream.bytes.end());
  const Seen seen = read(bytes, 64);
  EXPECT_EQ(seen.packets.size(), 12u);
  EXPECT_EQ(seen.total_lost, 8u);
  EXPECT_TRUE(seen.end.ok());
}

TEST(StreamReader, InsertedRubbishIsLeftOut) {
  const Stream stream = sample(10);
  std::mt19937 random(3);
  Bytes bytes = stream.bytes;
  const Bytes rubbish = test::random_bytes(random, 500);
  bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(stream.starts[5]), rubbish.begin(), rubbish.end());
  EXPECT_EQ(read(bytes, 200).packets.size(), 10u);
}

TEST(StreamReader, OtherStreamsAreRefused) {
  EXPECT_EQ(read(test::sample_image(), 100).end.code(), ErrorCode::unsupported);
  EXPECT_EQ(read({}, 100).end.code(), ErrorCode::truncated);
  EXPECT_EQ(read(Bytes(200, 'x'), 100).end.code(), ErrorCode::corrupt);
  Stream stream = sample(2, true);
  stream.bytes.push_back(1);
  EXPECT_EQ(read(stream.bytes, 100).end.code(), ErrorCode::corrupt);
  stream.bytes.resize(stream.bytes.size() - 5);
  EXPECT_FALSE(read(stream.bytes, 100).end.ok());
}

TEST(StreamReader, RandomBytesNeverRunAway) {
  const Stream stream = sample(1);
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) {
    Bytes bytes(stream.bytes.begin(), stream.bytes.begin() + static_cast<ptrdiff_t>(stream.header));
    const Bytes more = test::random_bytes(random, random() % 3000);
    bytes.insert(bytes.end(), more.begin(), more.end());
    (void)read(bytes, 1 + random() % 500);
  }
  // Heads that all promise long packets.
  Bytes hostile(stream.bytes.begin(), stream.bytes.begin() + static_cast<ptrdiff_t>(stream.header));
  for (int i = 0; i < 100000; ++i) hostile.insert(hostile.end(), {1, 0xFF, 7});
  EXPECT_FALSE(read(hostile, 65536).end.ok());
}

// Found by fuzzing: the search began anew with every piece, and small pieces used its allowance up before the next packet.
TEST(StreamReader, SmallPiecesLoseNoMoreThanTheWhole) {
  const Stream stream = sample(10);
  Bytes bytes = stream.bytes;
  Bytes heads;  // which promise packets of a kilobyte
  for (int i = 0; i < 800; ++i) heads.insert(heads.end(), {1, 0xFF, 7});
  bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(stream.starts[5]), heads.begin(), heads.end());
  const Seen whole = read(bytes, bytes.size());
  EXPECT_EQ(whole.packets.size(), 10u);
  for (const size_t piece : {1u, 2u, 50u}) {
    const Seen seen = read(bytes, piece);
    EXPECT_EQ(seen.packets, whole.packets) << piece;
    EXPECT_EQ(seen.total_lost, whole.total_lost) << piece;
  }
}

// Frames of 20 to 600 bytes, every eighth a key frame that tells its time.
Stream sample_video(size_t frames) {
  std::mt19937 random(6);
  FileHeader header;
  header.kind = MediaKind::video;
  header.model_name = "motion";
  header.picture.width = header.picture.height = 64;
  ByteWriter out;
  EXPECT_TRUE(write_header(out, header).ok());
  Stream stream;
  stream.header = out.size();
  for (size_t i = 0; i < frames; ++i) {
    stream.starts.push_back(out.size());
    const Bytes payload = test::random_bytes(random, i % 8 == 0 ? 600 : 20 + random() % 60);
    Packet packet;
    packet.kind = i % 8 == 0 ? PacketKind::key : PacketKind::predicted;
    packet.payload = payload;
    packet.short_checksum = true;
    if (i % 8 == 0) packet.time_stamp = i;
    EXPECT_TRUE(write_packet(out, packet).ok());
  }
  stream.bytes = out.take();
  return stream;
}

TEST(StreamReader, VideoHasPredictedPackets) {
  const Stream stream = sample_video(40);
  for (const size_t piece : {1u, 100u, 100000u}) {
    const Seen seen = read(stream.bytes, piece);
    EXPECT_EQ(seen.packets.size(), 40u);
    EXPECT_TRUE(seen.end.ok()) << seen.end.message();
    EXPECT_EQ(seen.total_lost, 0u);
  }
}

TEST(StreamReader, VideoGoesOnBehindDamage) {
  const Stream stream = sample_video(40);
  // Only the content of a packet: exactly one is lost.
  for (const size_t victim : {3u, 8u, 21u}) {
    Bytes bytes = stream.bytes;
    bytes[stream.starts[victim] + 12] ^= 0x10;
    const Seen seen = read(bytes, 333);
    EXPECT_EQ(seen.packets.size(), 39u);
    EXPECT_EQ(seen.total_lost, 1u);
  }
  // Its head as well: the next packet is found by its checksum.
  Bytes bytes = stream.bytes;
  for (size_t i = 0; i < 4; ++i) bytes[stream.starts[21] + i] ^= 0xFF;
  const Seen seen = read(bytes, 333);
  EXPECT_EQ(seen.packets.size(), 39u);
  EXPECT_GE(seen.total_lost, 1u);
  EXPECT_LE(seen.total_lost, 4u);
  // Three packets that are gone altogether: the next key frame's time tells, up to what is plausible.
  bytes = stream.bytes;
  bytes.erase(bytes.begin() + static_cast<ptrdiff_t>(stream.starts[13] + 5), bytes.begin() + static_cast<ptrdiff_t>(stream.starts[16]));
  const Seen cut = read(bytes, 333);
  EXPECT_EQ(cut.packets.size(), 37u);
  EXPECT_EQ(cut.total_lost, 3u);
}

// The same video with a companion before every third frame: "piece 0", "piece 3" and so on.
Stream with_companions(const Stream& video) {
  Stream out;
  out.header = video.header;
  ByteWriter bytes;
  bytes.bytes(std::span(video.bytes).first(video.header));
  for (size_t i = 0; i < video.starts.size(); ++i) {
    const std::string text = "piece " + std::to_string(i);
    Packet packet;
    packet.kind = PacketKind::companion;
    packet.payload = {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
    if (i % 3 == 0) {
      out.starts.push_back(bytes.size());
      EXPECT_TRUE(write_packet(bytes, packet).ok());
    }
    const size_t end = i + 1 < video.starts.size() ? video.starts[i + 1] : video.bytes.size();
    bytes.bytes(std::span(video.bytes).subspan(video.starts[i], end - video.starts[i]));
  }
  out.bytes = bytes.take();
  return out;
}

TEST(StreamReader, CompanionsAreGivenToThoseWhoAsk) {
  const Stream plain = sample_video(20), stream = with_companions(plain);
  const Seen frames = read(plain.bytes, 100);
  for (const size_t piece : {1u, 100u, 100000u}) {
    const Seen deaf = read(stream.bytes, piece), seen = read(stream.bytes, piece, true);
    EXPECT_TRUE(deaf.companions.empty());
    for (const Seen& s : {deaf, seen}) {
      EXPECT_EQ(s.packets, frames.packets);
      EXPECT_TRUE(s.end.ok()) << s.end.message();
      EXPECT_EQ(s.damages, 0u);
    }
    ASSERT_EQ(seen.companions.size(), 7u);
    EXPECT_EQ(std::string(seen.companions[2].begin(), seen.companions[2].end()), "piece 6");
  }
  const auto file = parse_file(stream.bytes);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->packets.size(), 20u);
  EXPECT_EQ(file->companions.size(), 7u);
}

TEST(StreamReader, ADamagedCompanionCostsNoFrame) {
  const Stream stream = with_companions(sample_video(20));
  for (const size_t victim : {0u, 3u, 6u}) {
    Bytes bytes = stream.bytes;
    bytes[stream.starts[victim] + 4] ^= 0x10;
    const Seen seen = read(bytes, 77, true);
    EXPECT_EQ(seen.packets.size(), 20u);
    EXPECT_EQ(seen.companions.size(), 6u);
    EXPECT_EQ(seen.total_lost, 0u);
    EXPECT_EQ(seen.damages, 1u);
  }
}

// Its length is damaged as well: the next packet has to be searched for, and that its sound is made of packets must lead nobody astray.
TEST(StreamReader, ACompanionWithoutItsLengthCostsNoFrame) {
  const Stream video = sample_video(12), sound = sample(5);
  for (const size_t behind : {0u, 3u, 9u}) {  // frames before the companion that is damaged; another, whole one is behind it
    ByteWriter out;
    size_t victim = 0;
    out.bytes(std::span(video.bytes).first(video.header));
    for (size_t i = 0; i < video.starts.size(); ++i) {
      if (i == behind || i == behind + 1) {
        if (i == behind) victim = out.size();
        Packet packet;
        packet.kind = PacketKind::companion;
        packet.payload = std::span(sound.bytes).subspan(sound.header);
        ASSERT_TRUE(write_packet(out, packet).ok());
      }
      const size_t end = i + 1 < video.starts.size() ? video.starts[i + 1] : video.bytes.size();
      out.bytes(std::span(video.bytes).subspan(video.starts[i], end - video.starts[i]));
    }
    Bytes bytes = out.take();
    for (const int flip : {0x01, 0x40}) {
      bytes[victim + 1] = static_cast<uint8_t>(bytes[victim + 1] ^ flip);
      for (const size_t piece : {1u, 100u, 100000u}) {
        const Seen seen = read(bytes, piece, true);
        EXPECT_EQ(seen.packets.size(), 12u) << behind;
        EXPECT_EQ(seen.companions.size(), 1u) << behind;
        EXPECT_EQ(seen.total_lost, 0u) << behind;
        EXPECT_EQ(seen.damages, 1u) << behind;
        EXPECT_TRUE(seen.end.ok());
      }
      bytes[victim + 1] = static_cast<uint8_t>(bytes[victim + 1] ^ flip);
    }
  }
}

// A real piece holds packets with checksums of their own, which a search would take for frames.
TEST(StreamReader, AStreamThatIsCutOffInACompanionEndsThere) {
  const Stream video = sample_video(5), sound = sample(4);
  ByteWriter out;
  out.bytes(video.bytes);
  Packet packet;
  packet.kind = PacketKind::companion;
  packet.payload = std::span(sound.bytes).subspan(sound.header);
  ASSERT_TRUE(write_packet(out, packet).ok());
  const Bytes whole = out.take();
  for (const size_t missing : {1u, 4u, 60u}) {
    for (const size_t piece : {1u, 100000u}) {
      const Seen seen = read(Bytes(whole.begin(), whole.end() - static_cast<ptrdiff_t>(missing)), piece, true);
      EXPECT_EQ(seen.packets.size(), 5u);
      EXPECT_TRUE(seen.companions.empty());
      EXPECT_EQ(seen.damages, 0u);
      EXPECT_EQ(seen.end.code(), ErrorCode::truncated);
    }
  }
}

// Streams of sound have no sound beside them: such a packet is one of a later version.
TEST(StreamReader, CompanionsOfSoundAreSkipped) {
  Stream stream = sample(3);
  ByteWriter out;
  out.bytes(stream.bytes);
  Packet packet;
  packet.kind = PacketKind::companion;
  ASSERT_TRUE(write_packet(out, packet).ok());
  const Seen seen = read(out.take(), 50, true);
  EXPECT_EQ(seen.packets.size(), 3u);
  EXPECT_TRUE(seen.companions.empty());
  EXPECT_TRUE(seen.end.ok());
}

TEST(StreamReader, VideoPayloadsAreBoundedByThePicture) {
  Stream stream = sample_video(1);
  stream.bytes.resize(stream.header);
  PictureInfo picture;
  picture.width = picture.height = 64;
  ByteWriter out;
  Packet packet;
  const Bytes payload(static_cast<size_t>(max_video_payload(picture) + 1), 7);
  packet.payload = payload;
  ASSERT_TRUE(write_packet(out, packet).ok());
  stream.bytes.insert(stream.bytes.end(), out.view().begin(), out.view().end());
  const Seen seen = read(stream.bytes, 5000);
  EXPECT_TRUE(seen.packets.empty());
  EXPECT_FALSE(seen.end.ok());
  Limits limits;
  limits.max_pixels = 64 * 64 - 1;
  StreamReader reader(limits);
  reader.push(stream.bytes);
  EXPECT_EQ(reader.next().damage.code(), ErrorCode::limit);
}

}  // namespace
}  // namespace tessera::bitstream
