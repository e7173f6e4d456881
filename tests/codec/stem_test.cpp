// Video whose pictures do not depend on each other (STEM): made side by side they are the ones that a decoder without threads makes.
#include <gtest/gtest.h>

#include "bitstream/packet.h"
#include "codec/video_format.h"
#include "codec/video_frame_coder.h"
#include "codec/video_pictures.h"
#include "tests/codec/videos.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

class Stem : public testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    write_video_weights(folder->folder());
  }
  static void TearDownTestSuite() { delete folder; }

  void SetUp() override {
    stream = coded(moving_clip(96, 64, 26), 8);
    plain = decoded(decoding(0, 1), stream);
    ASSERT_EQ(plain.size(), 26u);
  }
  static VideoStream coded(const Clip& clip, uint32_t keyint) {
    VideoEncoderOptions o;
    o.model = GetParam();
    o.quality = 40;
    o.keyint = keyint;
    o.refresh = 3;
    o.weights_dir = folder->folder();
    o.threads = 2;
    return encoded(o, clip);
  }
  static VideoDecoderOptions decoding(int ahead, int threads) {
    VideoDecoderOptions o;
    o.weights_dir = folder->folder();
    o.ahead = ahead;
    o.threads = threads;
    return o;
  }
  static VideoPacket repetition(uint64_t time) {
    VideoPacket out;
    bitstream::Packet packet;
    const std::vector<uint8_t> payload = repeat_payload(20, true);
    packet.kind = bitstream::PacketKind::predicted;
    packet.payload = payload;
    bitstream::ByteWriter writer;
    EXPECT_TRUE(bitstream::write_packet(writer, packet).ok());
    out.bytes = writer.take();
    out.time = time;
    return out;
  }
  static void expect_same(const std::vector<VideoFrame>& got, const std::vector<VideoFrame>& want, const std::string& where) {
    ASSERT_EQ(got.size(), want.size()) << where;
    for (size_t t = 0; t < got.size(); ++t) {
      EXPECT_EQ(got[t].samples, want[t].samples) << where << " frame " << t;
      EXPECT_EQ(got[t].time, want[t].time) << where << " frame " << t;
      EXPECT_EQ(got[t].key, want[t].key) << where << " frame " << t;
      EXPECT_EQ(got[t].concealed, want[t].concealed) << where << " frame " << t;
      EXPECT_EQ(got[t].quality, want[t].quality) << where << " frame " << t;
    }
  }
  // `work` for every number of frames ahead and of threads.
  template <class Work>
  static void each(Work work) {
    for (const int ahead : {1, 2, 4, 8}) {
      for (const int threads : {1, 2, 3}) work(decoding(ahead, threads), std::to_string(ahead) + " ahead, " + std::to_string(threads) + " threads:");
    }
  }
  static void collect(VideoDecoder& decoder, std::vector<VideoFrame>& frames) {
    while (auto frame = decoder.receive()) frames.push_back(std::move(*frame));
  }

  VideoStream stream;             // 26 frames, keys at 0, 8, 16, 24, and the index
  std::vector<VideoFrame> plain;  // decoded one after the other

  static TemporaryFolder* folder;
};
TemporaryFolder* Stem::folder = nullptr;

TEST_P(Stem, TheSameFramesInOrder) {
  each([&](const VideoDecoderOptions& o, const std::string& where) {
    VideoReport report;
    expect_same(decoded(o, stream, {}, &report), plain, where);
    EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum) << where;
    EXPECT_GT(report.seconds_network, 0) << where;
  });
}

TEST_P(Stem, OddSidesAndTenBits) {
  const VideoStream odd = coded(moving_clip(33, 17, 7, 10), 0);
  const auto want = decoded(decoding(0, 1), odd);
  each([&](const VideoDecoderOptions& o, const std::string& where) { expect_same(decoded(o, odd), want, where); });
}

// A repetition waits for the picture before, which another thread may still be making.
TEST_P(Stem, RepeatedPictures) {
  VideoStream repeating = coded(moving_clip(96, 64, 6), 0);
  std::vector<VideoPacket> packets;
  for (size_t i = 0; i < 6; ++i) {
    packets.push_back(repeating.packets[i]);
    for (size_t k = 0; k < i % 4; ++k) packets.push_back(repetition(packets.size()));
  }
  repeating.packets = packets;
  const auto want = decoded(decoding(0, 1), repeating);
  ASSERT_EQ(want.size(), packets.size());
  EXPECT_EQ(want[2].samples, want[1].samples);
  each([&](const VideoDecoderOptions& o, const std::string& where) { expect_same(decoded(o, repeating), want, where); });
}

TEST_P(Stem, LostPackets) {
  for (const std::vector<size_t>& lost : {std::vector<size_t>{0}, {3}, {7, 8, 20}, {2, 9, 16}}) {
    const auto want = decoded(decoding(0, 1), stream, lost);
    each([&](const VideoDecoderOptions& o, const std::string& where) { expect_same(decoded(o, stream, lost), want, where); });
  }
}

TEST_P(Stem, ADamagedPacketInTheMiddle) {
  const auto damaged = [&](const VideoDecoderOptions& o) {
    std::vector<VideoFrame> frames;
    auto decoder = VideoDecoder::create(o);
    EXPECT_TRUE(decoder->open(stream.header).ok());
    for (size_t i = 0; i < stream.packets.size(); ++i) {
      Bytes bytes = stream.packets[i].bytes;
      if (i == 11) bytes[bytes.size() / 2] ^= 0x55;
      const Status status = decoder->send(bytes);
      EXPECT_EQ(status.ok(), i != 11) << status.message();
      if (!status.ok()) {
        EXPECT_EQ(status.code(), ErrorCode::corrupt);
        EXPECT_TRUE(decoder->lost(1).ok());
      }
      collect(*decoder, frames);
    }
    EXPECT_TRUE(decoder->flush().ok());
    collect(*decoder, frames);
    return frames;
  };
  const auto want = damaged(decoding(0, 1));
  ASSERT_EQ(want.size(), plain.size());
  EXPECT_TRUE(want[11].concealed);
  EXPECT_EQ(want[11].samples, want[10].samples);
  EXPECT_EQ(want[16].samples, plain[16].samples);
  each([&](const VideoDecoderOptions& o, const std::string& where) { expect_same(damaged(o), want, where); });
}

// Seeks while pictures wait and are in the making, and receives none of before.
TEST_P(Stem, SeeksInTheMiddle) {
  each([&](const VideoDecoderOptions& o, const std::string& where) {
    auto decoder = VideoDecoder::create(o);
    ASSERT_TRUE(decoder->open(stream.header).ok());
    for (const size_t before : {size_t{1}, size_t{5}, static_cast<size_t>(o.ahead)}) {
      for (size_t i = 0; i < before; ++i) ASSERT_TRUE(decoder->send(stream.packets[i].bytes).ok()) << where;
      ASSERT_TRUE(decoder->seek(18).ok());
      std::vector<VideoFrame> frames;
      for (size_t i = 14; i < 26; ++i) {  // from before the key frame
        ASSERT_TRUE(decoder->send(stream.packets[i].bytes).ok()) << where;
        collect(*decoder, frames);
      }
      ASSERT_TRUE(decoder->flush().ok());
      collect(*decoder, frames);
      expect_same(frames, {plain.begin() + 18, plain.end()}, where);
      ASSERT_TRUE(decoder->seek(0).ok());
    }
  });
}

// Destroyed, or another put in its place, while pictures wait and are in the making.
TEST_P(Stem, EndsInTheMiddle) {
  each([&](const VideoDecoderOptions& o, const std::string& where) {
    for (size_t sent = 0; sent < 10; ++sent) {
      auto decoder = VideoDecoder::create(o);
      ASSERT_TRUE(decoder->open(stream.header).ok());
      for (size_t i = 0; i < sent; ++i) ASSERT_TRUE(decoder->send(stream.packets[i].bytes).ok()) << where;
      if (sent % 2 == 1) *decoder = std::move(*VideoDecoder::create(o));
    }
  });
}

// Wherever the time ends, the frames that come are right, and nothing waits for those that do not.
TEST_P(Stem, TimeIsOverSomewhere) {
  for (const int ahead : {0, 1, 4}) {
    for (double seconds = 1e-4; seconds < 1; seconds *= 2) {
      VideoDecoderOptions o = decoding(ahead, 2);
      o.limits.max_seconds = seconds;
      auto decoder = VideoDecoder::create(o);
      ASSERT_TRUE(decoder->open(stream.header).ok());
      Status status;
      std::vector<VideoFrame> frames;
      for (size_t i = 0; i < 26 && status.ok(); ++i) {
        status = decoder->send(stream.packets[i].bytes);
        collect(*decoder, frames);
      }
      if (status.ok()) status = decoder->flush();
      collect(*decoder, frames);
      if (!status.ok()) {
        EXPECT_EQ(status.code(), ErrorCode::limit) << status.message();
      } else {
        EXPECT_EQ(frames.size(), plain.size());
      }
      for (const VideoFrame& frame : frames) EXPECT_EQ(frame.samples, plain[frame.time].samples) << ahead << " ahead, " << seconds << " s";
    }
  }
}

// Where the memory is short fewer pictures are made at the same time; nothing is refused that one after the other is within the limit.
TEST_P(Stem, MemoryForFewerPictures) {
  const auto info = inspect(stream.bytes(), folder->folder());
  ASSERT_TRUE(info) << info.status().message();
  each([&](VideoDecoderOptions o, const std::string& where) {
    o.limits.max_memory = info->predicted_memory;
    expect_same(decoded(o, stream), plain, where);
    o.limits.max_memory -= 1;
    EXPECT_EQ(VideoDecoder::create(o)->open(stream.header).code(), ErrorCode::limit) << where;
  });
}

TEST_P(Stem, HowManyAtOnce) {
  const auto model = models::load_motion(folder->folder() + "/" + GetParam() + ".safetensors");
  const bool apart = !pictures_depend(*model);
  EXPECT_EQ(apart, GetParam() == "stem");
  EXPECT_EQ(VideoPictures::at_once(model.get(), Device::cpu, 0, 8), 1);
  EXPECT_EQ(VideoPictures::at_once(model.get(), Device::cpu, 3, 8), apart ? 3 : 1);
  EXPECT_EQ(VideoPictures::at_once(model.get(), Device::cpu, 8, 2), apart ? 2 : 1);
  EXPECT_EQ(VideoPictures::at_once(model.get(), Device::cuda, 16, 1), apart ? 4 : 1);
  EXPECT_EQ(VideoPictures::at_once(nullptr, Device::cpu, 4, 4), 1);
  bitstream::PictureInfo picture;
  picture.width = picture.height = 64;
  for (const double macs : {1e4, 1e5}) {
    EXPECT_LT(predicted_video_memory(picture, macs), predicted_video_memory(picture, macs, 2));
    EXPECT_EQ(predicted_video_memory(picture, macs), predicted_video_memory(picture, macs, 1));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Stem, testing::Values("stem", "motion-lite"),
                         [](const auto& model) { return model.param == "stem" ? std::string("apart") : std::string("conditioned"); });

}  // namespace
}  // namespace tessera::test
