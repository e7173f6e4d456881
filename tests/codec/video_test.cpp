// The video codec with networks of a few thousand weights: what is coded comes back frame by frame, whatever the size and depth.
#include "codec/video.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "bitstream/index.h"
#include "bitstream/packet.h"
#include "codec/video_frame_coder.h"
#include "codec/video_payload.h"
#include "codec/video_rate.h"
#include "tests/codec/videos.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

class Video : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    write_video_weights(folder->folder());
  }
  static void TearDownTestSuite() { delete folder; }
  void TearDown() override { ::unsetenv("TESSERA_SIMD"); }

  static VideoEncoderOptions options(const std::string& model = "motion-lite", int quality = 50) {
    VideoEncoderOptions o;
    o.model = model;
    o.quality = quality;
    o.weights_dir = folder->folder();
    o.threads = 2;
    return o;
  }
  static VideoDecoderOptions decoding() {
    VideoDecoderOptions o;
    o.weights_dir = folder->folder();
    o.threads = 2;
    return o;
  }
  static TemporaryFolder* folder;
};
TemporaryFolder* Video::folder = nullptr;

TEST_F(Video, EverySizeAndDepthComesBack) {
  for (const auto& [width, height] : {std::pair{64u, 48u}, {33u, 17u}, {1u, 1u}, {16u, 16u}, {2u, 31u}, {319u, 241u}}) {
    for (const uint32_t depth : {8u, 10u}) {
      const Clip clip = moving_clip(width, height, width > 300 ? 2 : 5, depth);
      VideoEncoderOptions o = options();
      o.scene_cuts = false;  // a picture of one sample has nothing in common with the next
      const VideoStream stream = encoded(o, clip);
      VideoReport report;
      const auto frames = decoded(decoding(), stream, {}, &report);
      ASSERT_EQ(frames.size(), clip.frames.size());
      for (size_t t = 0; t < frames.size(); ++t) {
        EXPECT_EQ(frames[t].time, t);
        EXPECT_EQ(frames[t].key, t == 0);
        EXPECT_FALSE(frames[t].concealed);
        EXPECT_GT(luma_psnr(clip, t, frames[t]), 30) << width << "x" << height << ", " << depth << " bits, frame " << t;
      }
      EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
      EXPECT_EQ(report.symbols_coded, stream.report.symbols_coded);
      EXPECT_EQ(report.symbols_skipped, stream.report.symbols_skipped);
      EXPECT_EQ(report.checked, frames.size());
      EXPECT_EQ(stream.report.bytes, stream.bytes().size());
      EXPECT_EQ(report.bytes, stream.bytes().size());
    }
  }
}

TEST_F(Video, EveryModelAndAllQualities) {
  const Clip clip = moving_clip(48, 32, 11);
  for (const std::string model : {"motion-lite", "motion", "stem"}) {
    size_t before = 0;
    for (const int quality : {0, 20, 40, 63}) {
      const VideoStream stream = encoded(options(model, quality), clip);
      VideoReport report;
      EXPECT_EQ(decoded(decoding(), stream, {}, &report).size(), clip.frames.size());
      EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum) << model << quality;
      if (model == "motion-lite") {
        EXPECT_GT(stream.bytes().size(), before);
        before = stream.bytes().size();
      }
      for (size_t t = 0; t < stream.packets.size(); ++t) {
        EXPECT_EQ(stream.packets[t].quality, std::min(63, quality + std::vector{8, 0, 4, 0, 4, 0, 4, 0}[t % 8]));
      }
    }
  }
}

TEST_F(Video, WhatStandsStillCostsLittle) {
  Clip clip = moving_clip(96, 64, 1);
  for (int i = 0; i < 5; ++i) clip.frames.push_back(clip.frames[0]);
  VideoEncoderOptions o = options("motion-lite", 40);
  const VideoStream stream = encoded(o, clip);
  EXPECT_LT(4 * stream.packets[5].bytes.size(), stream.packets[0].bytes.size());
}

// A still picture is repeated, not coded again and again until little is left of it.
TEST_F(Video, WhatStandsStillDoesNotDecay) {
  Clip clip = moving_clip(96, 64, 1);
  for (int i = 0; i < 70; ++i) clip.frames.push_back(clip.frames[0]);
  const VideoStream stream = encoded(options("motion-lite", 24), clip);
  VideoReport report;
  const std::vector<VideoFrame> frames = decoded(decoding(), stream, {}, &report);
  ASSERT_EQ(frames.size(), clip.frames.size());
  EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
  EXPECT_EQ(report.checked, frames.size());
  size_t repeated = 0;
  for (size_t t = 1; t < frames.size(); ++t) {
    if (stream.packets[t].bytes.size() > 8) continue;
    ++repeated;
    EXPECT_EQ(frames[t].samples, frames[t - 1].samples);
    EXPECT_FALSE(frames[t].concealed);
  }
  EXPECT_GT(repeated, 60u);
  EXPECT_GE(luma_psnr(clip, 70, frames[70]), luma_psnr(clip, 1, frames[1]) - 0.01);
}

TEST(VideoPayload, ARepeatedPictureIsAFrameWithoutSymbols) {
  const std::vector<uint8_t> bytes = repeat_payload(17, true);
  const auto payload = read_video_payload(bytes, false);
  ASSERT_TRUE(payload);
  EXPECT_TRUE(payload->empty());
  EXPECT_EQ(payload->quality, 17);
  EXPECT_EQ(payload->checksum, uint8_t{0});
  VideoPayload refreshing;
  refreshing.refresh = true;
  EXPECT_EQ(read_video_payload(write_video_payload(refreshing), false).status().code(), ErrorCode::corrupt);
}

// docs/bitstream.md promises at most 5 bytes around a small frame.
TEST_F(Video, FramingOfSmallFrames) {
  const VideoStream stream = encoded(options("motion-lite", 20), moving_clip(64, 48, 10));
  for (const VideoPacket& packet : stream.packets) {
    bitstream::ByteReader in(packet.bytes);
    const auto view = bitstream::read_packet(in, 1 << 20);
    ASSERT_TRUE(view);
    ASSERT_LE(view->packet.payload.size(), bitstream::kMaxShortPayload);
    EXPECT_LE(packet.bytes.size() - view->packet.payload.size(), 5u);
  }
}

TEST_F(Video, LargeFramesUseLanes) {
  VideoEncoderOptions o = options("motion-lite", 63);
  const Clip clip = moving_clip(400, 272, 2);
  const VideoStream stream = encoded(o, clip);
  EXPECT_GT(stream.packets[0].bytes.size(), bitstream::kMaxShortPayload);
  const auto frames = decoded(decoding(), stream);
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_GT(luma_psnr(clip, 1, frames[1]), 35);
}

TEST_F(Video, KeyFramesWhereTheyAreWanted) {
  const Clip clip = moving_clip(48, 48, 20);
  const auto keys = [](const VideoStream& stream) {
    std::vector<size_t> at;
    for (size_t i = 0; i < stream.packets.size(); ++i) {
      if (stream.packets[i].key) at.push_back(i);
    }
    return at;
  };
  EXPECT_EQ(keys(encoded(options(), clip)), std::vector<size_t>{0});
  VideoEncoderOptions o = options();
  o.keyint = 6;
  EXPECT_EQ(keys(encoded(o, clip)), (std::vector<size_t>{0, 6, 12, 18}));
  EXPECT_EQ(keys(encoded(options(), clip, {3, 4})), (std::vector<size_t>{0, 3, 4}));
  o.keyint = 1;
  EXPECT_EQ(keys(encoded(o, moving_clip(16, 16, 4))), (std::vector<size_t>{0, 1, 2, 3}));
}

TEST_F(Video, SceneCutsBecomeKeyFrames) {
  const Clip clip = moving_clip(96, 96, 24, 8, 8);
  const VideoStream stream = encoded(options(), clip);
  EXPECT_EQ(stream.report.scene_cuts, 2u);
  EXPECT_TRUE(stream.packets[8].key);
  EXPECT_TRUE(stream.packets[16].key);
  VideoEncoderOptions o = options();
  o.scene_cuts = false;
  EXPECT_EQ(encoded(o, clip).report.key_frames, 1u);
}

TEST_F(Video, RefreshesDropTheFeatureOnly) {
  VideoEncoderOptions o = options("motion");
  o.refresh = 3;
  const Clip clip = moving_clip(48, 32, 8);
  const VideoStream stream = encoded(o, clip);
  VideoReport report;
  EXPECT_EQ(decoded(decoding(), stream, {}, &report).size(), 8u);
  EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
  EXPECT_EQ(report.key_frames, 1u);
  o.refresh = 0;
  EXPECT_NE(encoded(o, clip).bytes(), stream.bytes());
}

TEST_F(Video, TimeStampsVary) {
  Clip clip = moving_clip(32, 32, 6);
  clip.format.rate_numerator = 90000;
  clip.format.frame_ticks = 3600;
  clip.times = {0, 3600, 7300, 7301, 1000000, 1003600};
  const VideoStream stream = encoded(options(), clip);
  auto decoder = VideoDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream.header).ok());
  EXPECT_EQ(decoder->format(), clip.format);
  const auto frames = decoded(decoding(), stream);
  ASSERT_EQ(frames.size(), clip.times.size());
  for (size_t t = 0; t < frames.size(); ++t) EXPECT_EQ(frames[t].time, clip.times[t]);
}

TEST_F(Video, TheDescriptionTravels) {
  Clip clip = moving_clip(32, 16, 1, 10);
  clip.format.colour = {9, 16, 9, true};
  clip.format.chroma_location = 2;
  clip.format.rate_numerator = 30000;
  clip.format.rate_denominator = 1001;
  clip.format.aspect_numerator = 64;
  clip.format.aspect_denominator = 45;
  clip.format.rotation = 270;
  const VideoStream stream = encoded(options(), clip);
  auto decoder = VideoDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream.header).ok());
  EXPECT_EQ(decoder->format(), clip.format);
  const auto info = inspect(stream.bytes(), folder->folder());
  ASSERT_TRUE(info) << info.status().message();
  EXPECT_EQ(info->media, "video");
  EXPECT_EQ(info->model, "motion-lite");
  EXPECT_TRUE(info->model_available);
  EXPECT_EQ(info->frames, 1u);
  EXPECT_EQ(info->key_frames, 1u);
  EXPECT_NEAR(info->frame_rate, 29.97, 0.01);
  EXPECT_EQ(info->rotation, 270u);
  EXPECT_EQ(info->aspect_numerator, 64u);
  EXPECT_GT(info->decode_kmac_per_pixel, 0);
}

TEST_F(Video, RunningAheadGivesTheSameFrames) {
  const Clip clip = moving_clip(64, 48, 9);
  const VideoStream stream = encoded(options(), clip);
  const auto plain = decoded(decoding(), stream);
  for (const int ahead : {1, 3, 16}) {
    VideoDecoderOptions o = decoding();
    o.ahead = ahead;
    const auto frames = decoded(o, stream);
    ASSERT_EQ(frames.size(), plain.size());
    for (size_t t = 0; t < frames.size(); ++t) {
      EXPECT_EQ(frames[t].samples, plain[t].samples) << ahead << " frame " << t;
      EXPECT_EQ(frames[t].time, plain[t].time);
    }
  }
}

TEST_F(Video, AnEncoderThatRunsAheadWritesTheSameStream) {
  const Clip clip = moving_clip(64, 48, 9, 8, 6);
  VideoEncoderOptions o = options();
  const VideoStream plain = encoded(o, clip, {3});
  o.ahead = true;
  const VideoStream ahead = encoded(o, clip, {3});
  EXPECT_EQ(ahead.bytes(), plain.bytes());
  EXPECT_EQ(ahead.report.frames, plain.report.frames);
  EXPECT_EQ(ahead.report.symbol_checksum, plain.report.symbol_checksum);
  EXPECT_EQ(ahead.report.symbols_coded, plain.report.symbols_coded);
  // A packet comes with the frame after it.
  o.format = clip.format;
  auto encoder = VideoEncoder::create(o);
  ASSERT_TRUE(encoder);
  ASSERT_TRUE(encoder->send(clip.view(0)).ok());
  EXPECT_FALSE(encoder->receive());
  ASSERT_TRUE(encoder->send(clip.view(1)).ok());
  EXPECT_TRUE(encoder->receive());
  ASSERT_TRUE(encoder->flush().ok());
  EXPECT_TRUE(encoder->receive());
}

// The law of docs/exactness.md: whatever the threads and the instruction set, the same symbols; and the same bytes of an encoder.
TEST_F(Video, SymbolsDoNotDependOnTheMachine) {
  for (const std::string model : {"motion-lite", "motion"}) {
    const Clip clip = moving_clip(96, 64, 6);
    VideoEncoderOptions o = options(model, 63);
    o.threads = 1;
    const VideoStream one = encoded(o, clip);
    o.threads = 2;
    EXPECT_EQ(encoded(o, clip).report.symbol_checksum, one.report.symbol_checksum);
    for (const char* simd : {"scalar", "avx2", "best"}) {
      ::setenv("TESSERA_SIMD", simd, 1);
      for (const int threads : {1, 2}) {
        VideoDecoderOptions d = decoding();
        d.threads = threads;
        VideoReport report;
        EXPECT_EQ(decoded(d, one, {}, &report).size(), clip.frames.size());
        EXPECT_EQ(report.symbol_checksum, one.report.symbol_checksum) << simd << threads;
      }
    }
  }
}

TEST_F(Video, SymbolsAloneCanBeProved) {
  const VideoStream stream = encoded(options(), moving_clip(48, 48, 5));
  VideoDecoderOptions o = decoding();
  o.symbols_only = true;
  VideoReport report;
  EXPECT_TRUE(decoded(o, stream, {}, &report).empty());
  EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
  EXPECT_EQ(report.frames, 5u);
  VideoEncoderOptions without = options();
  without.checksum = false;
  const VideoStream bare = encoded(without, moving_clip(48, 48, 5));
  EXPECT_LT(bare.bytes().size(), stream.bytes().size());
  EXPECT_TRUE(decoded(o, bare, {}, &report).empty());
  EXPECT_EQ(report.checked, 0u);
  EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
}

TEST_F(Video, TheStreamHasTheRateThatWasAsked) {
  // Rates that the clip has at some quality.
  const Clip clip = moving_clip(96, 64, 150);
  for (const int quality : {12, 30, 48}) {
    VideoEncoderOptions o = options();
    o.bit_rate = 8.0 * static_cast<double>(encoded(options("motion-lite", quality), clip).bytes().size()) / 6;
    const VideoStream stream = encoded(o, clip);
    const double real = 8.0 * static_cast<double>(stream.bytes().size()) / 6;
    EXPECT_NEAR(real / o.bit_rate, 1, 0.1) << o.bit_rate;
    EXPECT_EQ(decoded(decoding(), stream).size(), clip.frames.size());
    // What a receiver's buffer of one second, drained at the bit rate, ever has to hold.
    double level = 0, most = 0;
    for (const VideoPacket& packet : stream.packets) {
      level += 8.0 * static_cast<double>(packet.bytes.size());
      most = std::max(most, level);
      level = std::max(0.0, level - o.bit_rate / 25);
    }
    EXPECT_LT(most, 1.5 * o.bit_rate);
  }
}

TEST_F(Video, IndexNamesTheKeyFrames) {
  VideoEncoderOptions o = options();
  o.keyint = 4;
  const VideoStream stream = encoded(o, moving_clip(32, 32, 10));
  const Bytes bytes = stream.bytes();
  const auto index = bitstream::find_index(bytes);
  ASSERT_TRUE(index) << index.status().message();
  ASSERT_EQ(index->size(), 3u);
  for (const bitstream::IndexEntry& entry : *index) {
    bitstream::ByteReader in(std::span<const uint8_t>(bytes).subspan(entry.offset), entry.offset);
    const auto view = bitstream::read_packet(in, 1 << 16);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->packet.kind, bitstream::PacketKind::key);
    EXPECT_EQ(view->packet.time_stamp.value_or(0), entry.time_stamp);
  }
  EXPECT_TRUE(stream.packets.back().index);
  EXPECT_TRUE(inspect(bytes, folder->folder()));
  o.index = false;
  EXPECT_FALSE(encoded(o, moving_clip(32, 32, 10)).packets.back().index);
}

TEST_F(Video, MistakesOfTheCallerAreNamed) {
  const auto refused = [](VideoEncoderOptions o, ErrorCode code = ErrorCode::invalid_argument) {
    const auto encoder = VideoEncoder::create(o);
    ASSERT_FALSE(encoder);
    EXPECT_EQ(encoder.status().code(), code) << encoder.status().message();
  };
  VideoEncoderOptions good = options();
  good.format.width = good.format.height = 32;
  ASSERT_TRUE(VideoEncoder::create(good));
  VideoEncoderOptions o = good;
  o.format.width = 0;
  refused(o);
  o = good;
  o.format.bit_depth = 9;
  refused(o);
  o = good;
  o.format.rate_numerator = 0;
  refused(o);
  o = good;
  o.format.rotation = 45;
  refused(o);
  o = good;
  o.quality = 64;
  refused(o);
  o = good;
  o.bit_rate = -1;
  refused(o);
  o.bit_rate = std::numeric_limits<double>::quiet_NaN();
  refused(o);
  o = good;
  o.buffer = 0;
  refused(o);
  o = good;
  o.effort = 10;
  refused(o);
  o = good;
  o.model = "none";
  refused(o, ErrorCode::model_missing);

  const Clip clip = moving_clip(32, 32, 3);
  auto encoder = VideoEncoder::create(good);
  VideoFrameView view = clip.view(0);
  view.planes[1] = nullptr;
  EXPECT_EQ(encoder->send(view).code(), ErrorCode::invalid_argument);
  view = clip.view(0);
  view.strides[2] = 15;
  EXPECT_EQ(encoder->send(view).code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(encoder->send(clip.view(1)).ok());
  EXPECT_EQ(encoder->send(clip.view(1)).code(), ErrorCode::invalid_argument);  // the same time again
  EXPECT_EQ(encoder->send(clip.view(0)).code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(encoder->send(clip.view(2)).ok());
  EXPECT_TRUE(encoder->flush().ok());
  EXPECT_EQ(encoder->flush().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(encoder->send(clip.view(2)).code(), ErrorCode::invalid_argument);

  auto decoder = VideoDecoder::create(decoding());
  EXPECT_EQ(decoder->send({}).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(decoder->lost(1).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(decoder->flush().code(), ErrorCode::invalid_argument);
  EXPECT_FALSE(decoder->receive());
  EXPECT_TRUE(decoder->open(encoder->header()).ok());
  EXPECT_EQ(decoder->open(encoder->header()).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(decoder->lost(~uint64_t{0}).code(), ErrorCode::invalid_argument);
  VideoDecoderOptions d = decoding();
  d.ahead = -1;
  EXPECT_EQ(VideoDecoder::create(d).status().code(), ErrorCode::invalid_argument);
}

// Frames of more than 60,000 coded latents: those are interleaved, apart from the vectors and hyperlatents, and made by another thread.
TEST_F(Video, ManyLatentsAreInterleaved) {
  Clip clip = moving_clip(1024, 640, 3);
  std::mt19937 rng(5);
  for (auto& frame : clip.frames) {
    for (uint8_t& sample : frame) sample = static_cast<uint8_t>(rng());
  }
  VideoEncoderOptions o = options("motion-lite", 63);
  o.scene_cuts = false;
  const VideoStream stream = encoded(o, clip);
  ASSERT_EQ(stream.packets.size(), 3u);
  for (const VideoPacket& packet : stream.packets) {
    bitstream::ByteReader in(packet.bytes);
    const auto view = bitstream::read_packet(in, packet.bytes.size());
    ASSERT_TRUE(view);
    const auto payload = read_video_payload(view->packet.payload, packet.key);
    ASSERT_TRUE(payload);
    EXPECT_TRUE(payload->latents.has_value());
  }
  VideoReport report;
  ASSERT_EQ(decoded(decoding(), stream, {}, &report).size(), 3u);
  EXPECT_EQ(report.checked, 3u);
  EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
  EXPECT_EQ(report.symbols_coded, stream.report.symbols_coded);
  o.threads = 1;
  o.ahead = true;
  EXPECT_EQ(encoded(o, clip).bytes(), stream.bytes());
}

TEST_F(Video, RowsMayLieApart) {
  const Clip clip = moving_clip(33, 17, 1);
  std::vector<uint8_t> wide[3];
  VideoFrameView apart = clip.view(0);
  for (int p = 0; p < 3; ++p) {
    const size_t row = clip.format.plane_width(p), stride = row + 13;
    wide[p].assign(stride * clip.format.plane_height(p), 77);
    for (uint32_t y = 0; y < clip.format.plane_height(p); ++y) {
      std::copy_n(static_cast<const uint8_t*>(apart.planes[p]) + y * row, row, wide[p].data() + y * stride);
    }
    apart.planes[p] = wide[p].data();
    apart.strides[p] = stride;
  }
  VideoEncoderOptions o = options();
  o.format = clip.format;
  auto encoder = VideoEncoder::create(o);
  ASSERT_TRUE(encoder->send(apart).ok());
  EXPECT_EQ(encoder->receive()->bytes, encoded(options(), clip).packets[0].bytes);
}

TEST_F(Video, LimitsComeBeforeTheWork) {
  const VideoStream stream = encoded(options(), moving_clip(64, 64, 1));
  VideoDecoderOptions o = decoding();
  o.limits.max_pixels = 64 * 64 - 1;
  EXPECT_EQ(VideoDecoder::create(o)->open(stream.header).code(), ErrorCode::limit);
  o = decoding();
  o.limits.max_dimension = 63;
  EXPECT_EQ(VideoDecoder::create(o)->open(stream.header).code(), ErrorCode::limit);
  o = decoding();
  o.limits.max_memory = 1 << 20;
  EXPECT_EQ(VideoDecoder::create(o)->open(stream.header).code(), ErrorCode::limit);
  o = decoding();
  o.limits.max_pixels = 64 * 64;
  EXPECT_TRUE(VideoDecoder::create(o)->open(stream.header).ok());
}

TEST_F(Video, TimeIsOver) {
  const VideoStream stream = encoded(options(), moving_clip(64, 64, 3));
  for (const int ahead : {0, 2}) {
    VideoDecoderOptions o = decoding();
    o.ahead = ahead;
    o.limits.max_seconds = 1e-9;
    auto decoder = VideoDecoder::create(o);
    ASSERT_TRUE(decoder->open(stream.header).ok());  // the clock starts here
    for (const VideoPacket& packet : stream.packets) {
      const Status status = decoder->send(packet.bytes);
      EXPECT_EQ(status.code(), ErrorCode::limit);
      EXPECT_NE(status.message().find("time limit"), std::string::npos) << status.message();
    }
    EXPECT_FALSE(decoder->receive());
    o.limits.max_seconds = 3600;
    EXPECT_EQ(decoded(o, stream).size(), 3u);
  }
}

TEST_F(Video, ModelsAreListed) {
  const auto models = list_models(folder->folder());
  ASSERT_TRUE(models);
  ASSERT_EQ(models->size(), 3u);
  for (const ModelInfo& model : *models) {
    EXPECT_EQ(model.media, "video");
    EXPECT_GT(model.decode_kmac_per_pixel, 0);
    EXPECT_GT(model.parameters, 0u);
  }
  EXPECT_EQ(choose_video_model(Device::cpu, folder->folder()), "motion-lite");
}

TEST(VideoRate, ConvergesOnAContentThatItDoesNotKnow) {
  // Bits of a pretended encoder: other slope and level than the model starts from.
  for (const double level : {4e3, 2e4, 6e4}) {
    VideoRate rate(4e5, 25, 1, 640 * 360);
    double sum = 0;
    for (int t = 0; t < 500; ++t) {
      const bool key = t == 0;
      const int bonus = std::vector{8, 0, 4, 0, 4, 0, 4, 0}[static_cast<size_t>(t % 8)];
      double bits = 0;
      for (int attempt = 0; attempt < (key ? 3 : 1); ++attempt) {
        const int quality = rate.quality(key, bonus);
        ASSERT_GE(quality, 0);
        ASSERT_LE(quality, 63);
        bits = (key ? 8 : 1) * level * std::exp2(0.11 * (quality - 32));
        rate.learn(key, bonus, quality, bits);
      }
      rate.spend(bits);
      rate.pass(1.0 / 25);
      sum += bits;
    }
    EXPECT_NEAR(sum / 20 / 4e5, 1, 0.1) << level;
  }
}

}  // namespace
}  // namespace tessera::test
