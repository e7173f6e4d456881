// Video by overfitted networks from frames to frames. Steps are few: what is tested is the codec, not how far training gets.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "bitstream/bytes.h"
#include "bitstream/file.h"
#include "bitstream/packet.h"
#include "codec/overfit_video.h"
#include "codec/overfit_video_payload.h"
#include "models/inr/network.h"
#include "tests/codec/videos.h"

namespace tessera::test {
namespace {

namespace bs = bitstream;

VideoEncoderOptions fitted(uint32_t group = 4, int64_t steps = 60) {
  VideoEncoderOptions o;
  o.model = "overfit-video";
  o.keyint = group;
  o.fit_steps = steps;
  o.quality = 40;
  o.weights_dir = "/nonexistent";  // no weights are needed
  return o;
}
const VideoDecoderOptions kNoWeights{.weights_dir = "/nonexistent"};

double mean_psnr(const Clip& clip, const std::vector<VideoFrame>& frames) {
  double sum = 0;
  for (size_t t = 0; t < frames.size(); ++t) sum += luma_psnr(clip, t, frames[t]);
  return sum / static_cast<double>(frames.size());
}

TEST(OverfitVideo, SizesAndDepthsComeBack) {
  for (const auto& [width, height, depth, frames] : {std::tuple{64u, 48u, 8u, 8u}, {33u, 17u, 10u, 5u}, {1u, 1u, 8u, 2u}, {2u, 70u, 8u, 1u}}) {
    const Clip clip = moving_clip(width, height, frames, depth);
    VideoReport report;
    const VideoStream stream = encoded(fitted(), clip);
    const std::vector<VideoFrame> out = decoded(kNoWeights, stream, {}, &report);
    ASSERT_EQ(out.size(), frames);
    EXPECT_GT(mean_psnr(clip, out), 13) << width << "x" << height;
    EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
    EXPECT_EQ(report.checked, frames);
    for (size_t t = 0; t < frames; ++t) {
      EXPECT_EQ(out[t].key, t % 4 == 0);
      EXPECT_EQ(out[t].time, t);
      EXPECT_EQ(out[t].quality, 40);
      EXPECT_FALSE(out[t].concealed);
    }
  }
}

TEST(OverfitVideo, TheSameBytesEveryTime) {
  const Clip clip = moving_clip(32, 32, 5);
  EXPECT_EQ(encoded(fitted(3, 20), clip).bytes(), encoded(fitted(3, 20), clip).bytes());
}

TEST(OverfitVideo, MoreStepsAreBetter) {
  const Clip clip = moving_clip(48, 48, 4);
  EXPECT_GT(mean_psnr(clip, decoded(kNoWeights, encoded(fitted(4, 300), clip))), mean_psnr(clip, decoded(kNoWeights, encoded(fitted(4, 30), clip))) + 2);
}

// Groups that start from an almost perfect state: the loss of all that training tries is far above, and it goes back to where it began.
TEST(OverfitVideo, AUniformVideoIsCodedHoweverTrainingGoes) {
  Clip clip = moving_clip(16, 16, 3);
  for (auto& frame : clip.frames) std::fill(frame.begin(), frame.end(), uint8_t{235});
  VideoEncoderOptions options = fitted(1, 300);
  options.quality = 63;
  EXPECT_GT(mean_psnr(clip, decoded(kNoWeights, encoded(options, clip))), 35);
}

TEST(OverfitVideo, EachIdeaCanBeLeftOutOrTakenIn) {
  const Clip clip = moving_clip(48, 32, 6);
  for (const char* idea : {"sine", "+affine", "+skip", "+skip,+affine", "separable", "even", "warm", "entropy", "rounding", "plain", "plain,even,entropy,rounding"}) {
    VideoEncoderOptions options = fitted(3, 20);
    options.fit_without = idea;
    const VideoStream stream = encoded(options, clip);
    EXPECT_EQ(decoded(kNoWeights, stream).size(), 6u) << idea;
  }
  VideoEncoderOptions options = fitted();
  options.fit_without = "+sine,cosine";
  options.format = clip.format;
  EXPECT_EQ(VideoEncoder::create(options).status().code(), ErrorCode::invalid_argument);
}

// A group is a random-access point, and a lost packet costs no more than the rest of its group.
TEST(OverfitVideo, SeeksAndLosses) {
  const Clip clip = moving_clip(32, 32, 9);
  const VideoStream stream = encoded(fitted(3, 20), clip);
  const std::vector<VideoFrame> whole = decoded(kNoWeights, stream);
  auto decoder = VideoDecoder::create(kNoWeights);
  ASSERT_TRUE(decoder->open(stream.header).ok());
  ASSERT_TRUE(decoder->seek(7).ok());
  for (size_t i = 5; i < 9; ++i) ASSERT_TRUE(decoder->send(stream.packets[i].bytes).ok());
  for (const size_t t : {7u, 8u}) {
    const auto frame = decoder->receive();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->time, t);
    EXPECT_EQ(frame->samples, whole[t].samples);
  }
  const std::vector<VideoFrame> holed = decoded(kNoWeights, stream, {1, 3});
  ASSERT_EQ(holed.size(), 9u);
  for (size_t t = 0; t < 9; ++t) {
    const bool lost = t >= 1 && t < 6;
    EXPECT_EQ(holed[t].concealed, lost) << t;
    if (!lost) {
      EXPECT_EQ(holed[t].samples, whole[t].samples) << t;
    }
  }
}

TEST(OverfitVideo, SymbolsDoNotDependOnThreadsNorOnPictures) {
  const VideoStream stream = encoded(fitted(3, 20), moving_clip(40, 24, 4));
  for (const VideoDecoderOptions& options : {VideoDecoderOptions{.threads = 1}, {.threads = 3}, {.symbols_only = true}, {.ahead = 2}}) {
    VideoReport report;
    decoded(options, stream, {}, &report);
    EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
    EXPECT_EQ(report.symbols_coded, stream.report.symbols_coded);
  }
}

TEST(OverfitVideo, TheStreamDescribesItself) {
  const VideoStream stream = encoded(fitted(3, 20), moving_clip(40, 24, 5));
  const auto info = inspect(stream.bytes(), "/nonexistent");
  ASSERT_TRUE(info) << info.status().message();
  EXPECT_EQ(info->model, "overfit-video");
  EXPECT_TRUE(info->model_available);
  EXPECT_EQ(info->frames, 5u);
  EXPECT_EQ(info->key_frames, 2u);
  EXPECT_GT(info->decode_kmac_per_pixel, 0);
  EXPECT_LE(info->decode_kmac_per_pixel, 5);
}

TEST(OverfitVideo, AnInterruptionEndsTheGroupsTraining) {
  const Clip clip = moving_clip(32, 32, 3);
  for (const int looks : {1, 2}) {
    VideoEncoderOptions options = fitted(3, 1000000);
    int seen = 0;
    options.fit_watch = [&](const FitState& state) {
      EXPECT_GE(state.fraction, 0);
      EXPECT_LE(state.fraction, 1);
      EXPECT_GT(state.bpp, 0);
      return ++seen < looks;
    };
    const VideoStream stream = encoded(options, clip);
    EXPECT_EQ(seen, looks);
    EXPECT_EQ(decoded(kNoWeights, stream).size(), 3u);
  }
}

TEST(OverfitVideo, MistakesOfTheCallerAreNamed) {
  const auto code = [](auto change) {
    VideoEncoderOptions options = fitted();
    options.format = moving_clip(16, 16, 1).format;
    change(options);
    return VideoEncoder::create(options).status().code();
  };
  EXPECT_EQ(code([](VideoEncoderOptions&) {}), ErrorCode::ok);
  EXPECT_EQ(code([](VideoEncoderOptions& o) { o.bit_rate = 1e5; }), ErrorCode::invalid_argument);
  EXPECT_EQ(code([](VideoEncoderOptions& o) { o.keyint = 256; }), ErrorCode::invalid_argument);
  EXPECT_EQ(code([](VideoEncoderOptions& o) { o.fit_steps = -1; }), ErrorCode::invalid_argument);
  EXPECT_EQ(code([](VideoEncoderOptions& o) { o.fit_rate = 0; }), ErrorCode::invalid_argument);
  EXPECT_EQ(code([](VideoEncoderOptions& o) { o.fit_rate = std::nan(""); }), ErrorCode::invalid_argument);
  const Clip clip = moving_clip(16, 16, 1);
  VideoEncoderOptions options = fitted();
  options.format = clip.format;
  auto encoder = VideoEncoder::create(options);
  ASSERT_TRUE(encoder->send(clip.view(0)).ok());
  EXPECT_EQ(encoder->send(clip.view(0)).code(), ErrorCode::invalid_argument) << "the same time twice, while the first frame waits for its group";
}

class OverfitVideoDamage : public testing::Test {
 protected:
  OverfitVideoDamage() : stream_(encoded(fitted(3, 10), moving_clip(24, 20, 3))) {
    for (const VideoPacket& packet : stream_.packets) {
      bs::ByteReader in(packet.bytes);
      const auto view = bs::read_packet(in, 1 << 20);
      payloads_.emplace_back(view->packet.payload.begin(), view->packet.payload.end());
    }
  }

  // The status of the whole stream with one payload changed, its frame included.
  Status status_with(size_t which, const Bytes& payload, VideoReport* report = nullptr, bool symbols = true) {
    auto decoder = VideoDecoder::create({.threads = 1, .symbols_only = symbols});
    EXPECT_TRUE(decoder->open(stream_.header).ok());
    for (size_t i = 0; i <= which; ++i) {
      bs::ByteWriter out;
      bs::Packet packet;
      packet.kind = i == 0 ? bs::PacketKind::key : bs::PacketKind::predicted;
      packet.payload = i == which ? payload : payloads_[i];
      EXPECT_TRUE(bs::write_packet(out, packet).ok());
      if (const Status status = decoder->send(out.view()); !status.ok()) return status;
    }
    if (report != nullptr) *report = decoder->report();
    return {};
  }

  void expect_sentence(size_t which, const Bytes& payload, const std::string& what) {
    // Every so many with pictures as well.
    const Status status = status_with(which, payload, nullptr, ++tried_ % 64 != 0);
    if (status.ok()) return;  // the checksum of one byte lets some pass
    EXPECT_FALSE(status.message().empty()) << what;
    EXPECT_NE(status.code(), ErrorCode::device) << what << ": " << status.message();  // an unexpected exception
    EXPECT_NE(status.code(), ErrorCode::out_of_memory) << what << ": " << status.message();
  }

  VideoStream stream_;
  std::vector<Bytes> payloads_;
  size_t tried_ = 0;
};

TEST_F(OverfitVideoDamage, FlipsAndCutsUnderAValidChecksum) {
  for (const size_t which : {0u, 2u}) {
    for (size_t bit = 0; bit < payloads_[which].size() * 8; ++bit) {
      Bytes damaged = payloads_[which];
      damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ 1 << bit % 8);
      expect_sentence(which, damaged, "bit " + std::to_string(bit));
    }
    for (size_t size = 0; size < payloads_[which].size(); ++size) {
      expect_sentence(which, {payloads_[which].begin(), payloads_[which].begin() + static_cast<ptrdiff_t>(size)}, "payload of " + std::to_string(size));
    }
  }
}

TEST_F(OverfitVideoDamage, EveryValueOfTheNetworksFirstBytes) {
  // Tag and length come first.
  for (size_t at = 0; at < 60; ++at) {
    for (int value = 0; value < 256; ++value) {
      Bytes changed = payloads_[0];
      changed[at] = static_cast<uint8_t>(value);
      expect_sentence(0, changed, "byte " + std::to_string(at) + " = " + std::to_string(value));
    }
  }
}

TEST_F(OverfitVideoDamage, MoreFramesThanTheGroupHas) {
  auto decoder = VideoDecoder::create({});
  ASSERT_TRUE(decoder->open(stream_.header).ok());
  for (const VideoPacket& packet : stream_.packets) ASSERT_TRUE(decoder->send(packet.bytes).ok());
  const Status status = decoder->send(stream_.packets.back().bytes);
  EXPECT_EQ(status.code(), ErrorCode::corrupt);
  EXPECT_NE(status.message().find("more frames"), std::string::npos) << status.message();
}

TEST_F(OverfitVideoDamage, OtherHeaders) {
  bs::FileHeader header = bs::parse_file(stream_.bytes())->header;
  const auto open = [](const bs::FileHeader& h, const VideoDecoderOptions& options) {
    bs::ByteWriter out;
    EXPECT_TRUE(bs::write_header(out, h).ok());
    return VideoDecoder::create(options)->open(out.view()).code();
  };
  EXPECT_EQ(open(header, {}), ErrorCode::ok);
  bs::FileHeader other = header;
  other.model_revision = 2;
  EXPECT_EQ(open(other, {}), ErrorCode::unsupported);
  other = header;
  other.model_hash = 1;
  EXPECT_EQ(open(other, {}), ErrorCode::unsupported);
  other = header;
  other.picture.width = other.picture.height = 60000;
  EXPECT_EQ(open(other, {}), ErrorCode::limit);
  VideoDecoderOptions small;
  small.limits.max_memory = 1 << 20;
  EXPECT_EQ(open(header, small), ErrorCode::limit);
}

// What an encoder's choices are, and that they are what the format allows.
TEST(OverfitVideoConfig, SuitsSizeAndQuality) {
  for (const auto& [width, height] : {std::pair(1u, 1u), {64u, 64u}, {640u, 360u}, {1280u, 720u}, {3840u, 2160u}}) {
    int64_t before = 0;
    for (const int quality : {0, 20, 40, 63}) {
      for (const char* without : {"", "plain", "even", "+skip,+affine"}) {
        const auto config = overfit_video_config(height, width, 16, quality, *OverfitVideoIdeas::changed(without));
        EXPECT_FALSE(models::inr::problem(config)) << width << " " << quality << " " << without;
        EXPECT_LE(config.macs(), 5000);
        EXPECT_LE(config.macs() * width * height, std::max(3e9, 1000.0 * width * height)) << width << " " << quality << " " << without;
        if (*without != '\0') continue;
        EXPECT_GE(models::inr::parameter_count(config), before);
        before = models::inr::parameter_count(config);
      }
    }
  }
}

}  // namespace
}  // namespace tessera::test
