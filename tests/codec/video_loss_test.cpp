// What loss, damage, repetition and seeking do to video, and what bytes made to do harm do to the decoder.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <string>

#include "bitstream/packet.h"
#include "bitstream/stream_reader.h"
#include "codec/video_payload.h"
#include "tests/codec/videos.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

using bitstream::StreamReader;

// Of both kinds of weights: the first ones, and those whose vectors are coded by contexts that learn (videos.h).
class VideoLoss : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    write_video_weights(folder->folder());
    for (const char* model : {"motion-lite", "motion"}) {
      VideoEncoderOptions o;
      o.model = model;
      o.quality = 40;
      o.keyint = 8;
      o.weights_dir = folder->folder();
      Coded& coded = all[model];
      coded.stream = encoded(o, moving_clip(48, 32, 30));
      coded.frames = decoded(decoding(), coded.stream);
    }
  }
  static void TearDownTestSuite() {
    delete folder;
    all.clear();
  }
  void SetUp() override {
    stream = &all.at(GetParam()).stream;
    whole = &all.at(GetParam()).frames;
  }
  static VideoDecoderOptions decoding() {
    VideoDecoderOptions o;
    o.weights_dir = folder->folder();
    o.threads = 1;
    return o;
  }
  static Bytes packet_of(bool key, std::span<const uint8_t> payload, std::optional<uint64_t> time = {}) {
    bitstream::ByteWriter out;
    bitstream::Packet packet;
    packet.kind = key ? bitstream::PacketKind::key : bitstream::PacketKind::predicted;
    packet.payload = payload;
    packet.time_stamp = time;
    EXPECT_TRUE(bitstream::write_packet(out, packet).ok());
    return out.take();
  }

  struct Coded {
    VideoStream stream;
    std::vector<VideoFrame> frames;
  };
  static TemporaryFolder* folder;
  static std::map<std::string, Coded> all;
  const VideoStream* stream = nullptr;  // 30 frames, keys at 0, 8, 16, 24, and the index
  const std::vector<VideoFrame>* whole = nullptr;
};
TemporaryFolder* VideoLoss::folder = nullptr;
std::map<std::string, VideoLoss::Coded> VideoLoss::all;
INSTANTIATE_TEST_SUITE_P(Models, VideoLoss, testing::Values("motion-lite", "motion"), [](const auto& one) { return std::string(one.param) == "motion" ? "mixed" : "rows"; });

TEST_P(VideoLoss, EveryKthPacketMissing) {
  for (const size_t k : {2u, 3u, 7u, 9u}) {
    std::vector<size_t> lost;
    for (size_t i = k - 1; i < 30; i += k) lost.push_back(i);
    VideoReport report;
    const auto frames = decoded(decoding(), *stream, lost, &report);
    ASSERT_EQ(frames.size(), 30u) << k;
    bool broken = false;
    uint64_t concealed = 0;
    for (size_t t = 0; t < 30; ++t) {
      if (t % 8 == 0) broken = false;
      if (t % k == k - 1) broken = true;
      EXPECT_EQ(frames[t].concealed, broken) << k << " frame " << t;
      EXPECT_EQ(frames[t].time, t);
      if (broken) {
        ++concealed;
        if (t > 0) {
          EXPECT_EQ(frames[t].samples, frames[t - 1].samples);
        }
      } else {
        EXPECT_EQ(frames[t].samples, (*whole)[t].samples) << "what does not depend on a lost packet is untouched";
      }
    }
    EXPECT_EQ(report.concealed, concealed);
  }
}

TEST_P(VideoLoss, TheFirstFrameMissingIsGrey) {
  const auto frames = decoded(decoding(), *stream, {0});
  ASSERT_EQ(frames.size(), 30u);
  EXPECT_TRUE(std::all_of(frames[0].samples.begin(), frames[0].samples.end(), [](uint8_t s) { return s == 128; }));
  EXPECT_TRUE(frames[7].concealed);
  EXPECT_EQ(frames[8].samples, (*whole)[8].samples);
}

TEST_P(VideoLoss, StrictDecodersRefuse) {
  VideoDecoderOptions o = decoding();
  o.strict = true;
  auto decoder = VideoDecoder::create(o);
  ASSERT_TRUE(decoder->open(stream->header).ok());
  ASSERT_TRUE(decoder->send(stream->packets[0].bytes).ok());
  EXPECT_EQ(decoder->lost(1).code(), ErrorCode::corrupt);
  EXPECT_EQ(decoder->send(stream->packets[2].bytes).code(), ErrorCode::corrupt);
  EXPECT_TRUE(decoder->send(stream->packets[8].bytes).ok());
}

TEST_P(VideoLoss, LostManyAtOnceInBoundedMemory) {
  auto decoder = VideoDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream->header).ok());
  ASSERT_TRUE(decoder->send(stream->packets[0].bytes).ok());
  ASSERT_TRUE(decoder->lost(1 << 20).ok());
  uint64_t count = 0, last = 0;
  while (auto frame = decoder->receive()) ++count, last = frame->time;
  EXPECT_EQ(count, (1u << 20) + 1);
  EXPECT_EQ(last, 1u << 20);
}

TEST_P(VideoLoss, RepeatedAndSwappedPacketsAreRefused) {
  auto decoder = VideoDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream->header).ok());
  for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(decoder->send(stream->packets[i].bytes).ok());
  // Packets without a time stamp are known by their symbols: they do not decode in another place.
  EXPECT_EQ(decoder->send(stream->packets[2].bytes).code(), ErrorCode::corrupt);
  EXPECT_EQ(decoder->send(stream->packets[4].bytes).code(), ErrorCode::corrupt);
  for (size_t i = 3; i < 9; ++i) ASSERT_TRUE(decoder->send(stream->packets[i].bytes).ok()) << i;
  EXPECT_EQ(decoder->send(stream->packets[8].bytes).code(), ErrorCode::corrupt);  // its time has passed
  ASSERT_TRUE(decoder->send(stream->packets[9].bytes).ok());
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(decoder->receive()->samples, (*whole)[i].samples) << i;
}

TEST_P(VideoLoss, DamagedPacketsChangeNothing) {
  auto decoder = VideoDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream->header).ok());
  std::mt19937 random(2);
  for (size_t t = 0; t < 12; ++t) {
    const Bytes& good = stream->packets[t].bytes;
    for (int i = 0; i < 4; ++i) {
      Bytes bad = good;
      bad[random() % bad.size()] ^= static_cast<uint8_t>(1 + random() % 255);
      if (i == 3) bad.resize(bad.size() - 1 - random() % (bad.size() - 1));
      const Status status = decoder->send(bad);
      // A damaged head may be that of a packet to skip, which is no error.
      if (status.ok()) {
        EXPECT_GT(bad[0] & 15, 2);
      }
    }
    ASSERT_TRUE(decoder->send(good).ok()) << t;
    EXPECT_EQ(decoder->receive()->samples, (*whole)[t].samples) << t;
  }
}

// The same where only the decoder of the symbols can tell: what it had learnt from them by then is forgotten again.
TEST_P(VideoLoss, DamagedSymbolsChangeNothing) {
  auto decoder = VideoDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream->header).ok());
  std::mt19937 random(4);
  size_t refused = 0;
  for (size_t t = 0; t < 12; ++t) {
    bitstream::ByteReader in(stream->packets[t].bytes);
    const auto view = bitstream::read_packet(in, 1 << 20);
    const bool key = view->packet.kind == bitstream::PacketKind::key;
    for (int i = 0; i < 8; ++i) {
      // Cut short, then lengthened: never what an encoder writes, whatever the symbols are until then.
      Bytes payload(view->packet.payload.begin(), view->packet.payload.end());
      if (i % 2 == 0) {
        payload.resize(std::max<size_t>(4, payload.size() - 1 - random() % (payload.size() / 2 + 1)));
        payload.back() = 0;
      } else {
        payload.push_back(0);
      }
      const Status status = decoder->send(packet_of(key, payload));
      ASSERT_FALSE(status.ok()) << t << " " << i;
      ++refused;
    }
    ASSERT_TRUE(decoder->send(stream->packets[t].bytes).ok()) << t;
    EXPECT_EQ(decoder->receive()->samples, (*whole)[t].samples) << t;
  }
  EXPECT_EQ(refused, 96u);
}

// Right checksums around wrong payloads: only the decoder itself stands between them and the network.
TEST_P(VideoLoss, PayloadsMadeToDoHarm) {
  std::mt19937 random(3);
  size_t refused = 0;
  for (int round = 0; round < 400; ++round) {
    auto decoder = VideoDecoder::create(decoding());
    ASSERT_TRUE(decoder->open(stream->header).ok());
    const size_t victim = static_cast<size_t>(random() % 3);  // the key frame or a predicted one
    for (size_t t = 0; t <= victim; ++t) {
      bitstream::ByteReader in(stream->packets[t].bytes);
      const auto view = bitstream::read_packet(in, 1 << 20);
      Bytes payload(view->packet.payload.begin(), view->packet.payload.end());
      if (t < victim) {
        ASSERT_TRUE(decoder->send(stream->packets[t].bytes).ok());
        continue;
      }
      switch (round % 4) {
        case 0:
          payload[random() % payload.size()] ^= static_cast<uint8_t>(1 + random() % 255);
          break;
        case 1:
          payload.resize(1 + random() % payload.size());
          break;
        case 2:  // no checksum, anything as symbols: escapes, long codes
          payload.assign(2 + random() % 200, 0);
          for (uint8_t& b : payload) b = static_cast<uint8_t>(random());
          payload[0] = 0x80 | 7;
          payload[1] = static_cast<uint8_t>(random() & 0x3F);
          break;
        default:
          payload.assign(2 + random() % 300, static_cast<uint8_t>(round / 4 % 256));
          payload[0] = 0x80 | 7;
          payload[1] = static_cast<uint8_t>(random() & 0x7F);
      }
      const Status status = decoder->send(packet_of(t == 0, payload));
      if (status.ok()) {
        continue;  // a range coder makes some symbols of most bytes: a picture, if not a nice one
      }
      EXPECT_TRUE(status.code() == ErrorCode::corrupt || status.code() == ErrorCode::unsupported) << status.message();
      ++refused;
      ASSERT_TRUE(decoder->lost(1).ok());
    }
    while (auto frame = decoder->receive()) EXPECT_EQ(frame->samples.size(), 48u * 32 * 3 / 2);
  }
  EXPECT_GT(refused, 200u);
}

// Whole files with damage anywhere: as many frames as there were packets, or fewer where the end is missing; never more than bounded.
TEST_P(VideoLoss, FilesWithDamage) {
  const Bytes good = stream->bytes();
  std::mt19937 random(4);
  for (int round = 0; round < 60; ++round) {
    Bytes bad = good;
    for (int i = 0; i < 1 + round % 4; ++i) bad[stream->header.size() + random() % (bad.size() - stream->header.size())] ^= static_cast<uint8_t>(1 + random() % 255);
    if (round % 5 == 0) bad.resize(stream->header.size() + random() % (bad.size() - stream->header.size()));
    StreamReader reader;
    reader.push(bad);
    reader.finish();
    auto decoder = VideoDecoder::create(decoding());
    size_t frames = 0, right = 0;
    for (bool running = true; running;) {
      const StreamReader::Event event = reader.next();
      switch (event.kind) {
        case StreamReader::Kind::header:
          ASSERT_TRUE(decoder->open(event.bytes).ok());
          break;
        case StreamReader::Kind::packet:
          if (!decoder->send(event.bytes).ok()) {
            ASSERT_TRUE(decoder->lost(1).ok());
          }
          break;
        case StreamReader::Kind::lost:
          ASSERT_LE(event.lost, 200u);
          ASSERT_TRUE(decoder->lost(event.lost).ok());
          break;
        case StreamReader::Kind::end:
          ASSERT_TRUE(decoder->flush().ok());
          running = false;
          break;
        case StreamReader::Kind::companion:  // not asked for
        case StreamReader::Kind::need_bytes:
          FAIL();
      }
      while (auto frame = decoder->receive()) {
        ++frames;
        if (!frame->concealed && frame->time < 30 && frame->samples == (*whole)[frame->time].samples) ++right;
        if (!frame->concealed) {
          EXPECT_LT(frame->time, 300u);
        }
      }
    }
    EXPECT_LT(frames, 300u) << round;
    if (round % 5 != 0 && round % 4 == 0) {
      EXPECT_GE(right, 15u) << "one damaged byte: at most the frames up to the next key frame are lost, or those of one more";
    }
  }
}

TEST_P(VideoLoss, SeekingStartsAtAnyKeyFrame) {
  auto decoder = VideoDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream->header).ok());
  ASSERT_TRUE(decoder->send(stream->packets[0].bytes).ok());
  // From the middle of a group: what comes before the key frame is skipped, what comes before the place is not given out.
  for (const auto& [from, first] : {std::pair<size_t, uint64_t>{13, 20}, {8, 8}, {24, 29}, {0, 0}}) {
    ASSERT_TRUE(decoder->seek(first).ok());
    std::vector<VideoFrame> frames;
    for (size_t i = from; i < 30; ++i) {
      ASSERT_TRUE(decoder->send(stream->packets[i].bytes).ok());
      while (auto frame = decoder->receive()) frames.push_back(std::move(*frame));
    }
    ASSERT_EQ(frames.size(), 30 - first);
    for (size_t i = 0; i < frames.size(); ++i) {
      EXPECT_EQ(frames[i].time, first + i);
      EXPECT_EQ(frames[i].samples, (*whole)[first + i].samples) << first + i;
      EXPECT_FALSE(frames[i].concealed);
    }
  }
}

TEST_P(VideoLoss, HostileTimesAndHeaders) {
  bitstream::ByteReader in(stream->packets[0].bytes);
  const auto view = bitstream::read_packet(in, 1 << 20);
  const Bytes payload(view->packet.payload.begin(), view->packet.payload.end());
  auto decoder = VideoDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream->header).ok());
  EXPECT_EQ(decoder->send(packet_of(true, payload, ~uint64_t{0})).code(), ErrorCode::corrupt);
  EXPECT_TRUE(decoder->send(packet_of(true, payload, uint64_t{1} << 61)).ok());
  EXPECT_EQ(decoder->send(packet_of(true, payload, 5)).code(), ErrorCode::corrupt);
  EXPECT_TRUE(decoder->lost(1 << 24).ok());
  // Headers that are right, of videos that are not.
  bitstream::FileHeader header;
  header.kind = bitstream::MediaKind::video;
  header.model_name = "motion-lite";
  const auto opened = [&](const std::function<void(bitstream::FileHeader&)>& change) {
    auto parsed = bitstream::parse_header(stream->header, {});
    change(*parsed);
    bitstream::ByteWriter out;
    EXPECT_TRUE(bitstream::write_header(out, *parsed).ok());
    return VideoDecoder::create(decoding())->open(out.view()).code();
  };
  EXPECT_EQ(opened([](auto&) {}), ErrorCode::ok);
  EXPECT_EQ(opened([](auto& h) { h.video.chroma = bitstream::Chroma::c444; }), ErrorCode::unsupported);
  EXPECT_EQ(opened([](auto& h) { h.picture.bit_depth = 12; }), ErrorCode::unsupported);
  EXPECT_EQ(opened([](auto& h) { h.picture.channels = 4; }), ErrorCode::unsupported);
  EXPECT_EQ(opened([](auto& h) { h.picture.tile = 64; }), ErrorCode::corrupt);
  EXPECT_EQ(opened([](auto& h) { h.model_hash ^= 1; }), ErrorCode::model_missing);
  EXPECT_EQ(opened([](auto& h) { h.kind = bitstream::MediaKind::image; }), ErrorCode::unsupported);
  EXPECT_EQ(opened([](auto& h) { h.picture.width = h.picture.height = 16384; }), ErrorCode::limit);
}

TEST(VideoPayload, RoundTripsAndRefusals) {
  const Bytes coded = {1, 2, 3, 4, 5}, lanes = {9, 8, 7};
  VideoPayload p;
  p.quality = 63;
  p.refresh = true;
  p.checksum = 0xAB;
  p.coded = coded;
  for (const bool large : {false, true}) {
    if (large) p.latents = bitstream::Latents{32, lanes};
    const Bytes bytes = write_video_payload(p);
    const auto read = read_video_payload(bytes, false);
    ASSERT_TRUE(read) << read.status().message();
    EXPECT_EQ(read->quality, 63);
    EXPECT_TRUE(read->refresh);
    EXPECT_EQ(read->checksum, uint8_t{0xAB});
    EXPECT_TRUE(std::equal(read->coded.begin(), read->coded.end(), coded.begin(), coded.end()));
    EXPECT_EQ(read->latents.has_value(), large);
    EXPECT_EQ(read_video_payload(bytes, true).status().code(), ErrorCode::corrupt);  // a key frame has nothing to refresh
    for (size_t size = 0; size < bytes.size(); ++size) {
      const auto cut = read_video_payload(std::span(bytes).first(size), false);
      if (size < 3 || (large && size < 9)) {
        EXPECT_FALSE(cut) << size;
      }
    }
  }
  // The bytes of docs/bitstream.md.
  VideoPayload small;
  small.quality = 32;
  small.checksum = 0x5A;
  small.coded = std::span(coded).first(2);
  EXPECT_EQ(write_video_payload(small), (Bytes{0x87, 0xA0, 0x5A, 0x01, 0x02}));
}

}  // namespace
}  // namespace tessera::test
