#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "data/audio_reader.h"
#include "data/video_reader.h"
#include "data/video_writer.h"
#include "tests/data/av_samples.h"
#include "tests/data/temporary_folder.h"

namespace tessera::media {
namespace {

using test::moving_picture;

constexpr VideoFormat kOdd{.width = 319, .height = 241};
constexpr VideoFormat kSmall{.width = 64, .height = 48};

Status save(const std::string& path, const VideoWriterOptions& options, const std::vector<int64_t>& times) {
  auto writer = VideoWriter::open(path, options);
  if (!writer) return writer.status();
  for (size_t i = 0; i < times.size(); ++i) {
    VideoFrame frame = moving_picture(options.format, static_cast<int>(i));
    frame.time = times[i];
    frame.duration = 0;
    TESSERA_RETURN_IF_ERROR(writer->write(frame));
  }
  return writer->finish();
}

std::vector<int64_t> numbers(int count) {
  std::vector<int64_t> times;
  for (int i = 0; i < count; ++i) times.push_back(i);
  return times;
}

struct Clip {
  Status status;
  VideoProperties properties;
  std::vector<VideoFrame> frames;
  uint64_t repaired = 0, damaged = 0;

  double seconds(size_t i) const {
    return static_cast<double>(frames[i].time * properties.time_base.num) /
           static_cast<double>(properties.time_base.den);
  }
};

Clip load(const std::string& path) {
  Clip clip;
  auto reader = VideoReader::open(path);
  clip.status = reader.status();
  if (!reader) return clip;
  clip.properties = reader->properties();
  VideoFrame frame;
  for (;;) {
    auto got = reader->read(frame);
    clip.status = got.status();
    clip.repaired = reader->repaired_times();
    clip.damaged = reader->damaged_packets() + reader->damaged_frames();
    if (!got || !*got) return clip;
    clip.frames.push_back(frame);
  }
}

double mean_difference(const VideoFrame& a, const VideoFrame& b) {  // 8 bits
  double sum = 0;
  for (size_t i = 0; i < a.samples.size(); ++i) sum += std::abs(a.samples[i] - b.samples[i]);
  return sum / static_cast<double>(a.samples.size());
}

TEST(VideoIo, LosslessInEveryFormat) {
  test::TemporaryFolder folder;
  for (Chroma chroma : {Chroma::yuv420, Chroma::yuv422, Chroma::yuv444}) {
    for (uint32_t depth : {8u, 10u}) {
      for (const char* name : {"a.y4m", "a.mkv"}) {
        SCOPED_TRACE(std::string(name) + " " + std::to_string(static_cast<int>(chroma)) + " " +
                     std::to_string(depth));
        VideoWriterOptions options{.format = kOdd, .lossless = true};
        options.format.chroma = chroma;
        options.format.bit_depth = depth;
        const Status saved = save(folder.path(name), options, numbers(3));
        ASSERT_TRUE(saved.ok()) << saved.message();
        const Clip clip = load(folder.path(name));
        EXPECT_TRUE(clip.status.ok()) << clip.status.message();
        EXPECT_EQ(clip.properties.format, options.format);
        EXPECT_EQ(clip.properties.frame_rate, (Rational{25, 1}));
        EXPECT_FALSE(clip.properties.variable_rate);
        ASSERT_EQ(clip.frames.size(), 3u);
        for (int i = 0; i < 3; ++i) {
          EXPECT_EQ(clip.frames[i].samples, moving_picture(options.format, i).samples);
          EXPECT_NEAR(clip.seconds(i), i / 25.0, 1e-9);
        }
      }
    }
  }
}

TEST(VideoIo, H264KeepsWhatIsKnownOfTheVideo) {
  test::TemporaryFolder folder;
  for (const char* name : {"a.mp4", "a.mkv"}) {
    for (uint32_t depth : {8u, 10u}) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(depth));
      VideoWriterOptions options{.format = kSmall, .time_base = {1001, 30000}, .frame_rate = {30000, 1001}};
      options.format.bit_depth = depth;
      options.sample_aspect = {4, 3};
      options.colour = {
          .primaries = 9, .transfer = 16, .matrix = 9, .full_range = true, .chroma_location = 1};
      options.preset = "ultrafast";
      if (std::string(name) == "a.mp4") options.rotation = 90;
      const Status saved = save(folder.path(name), options, numbers(10));
      ASSERT_TRUE(saved.ok()) << saved.message();
      const Clip clip = load(folder.path(name));
      EXPECT_TRUE(clip.status.ok()) << clip.status.message();
      EXPECT_EQ(clip.properties.format, options.format);
      EXPECT_EQ(clip.properties.colour, options.colour);
      EXPECT_EQ(clip.properties.sample_aspect, options.sample_aspect);
      EXPECT_EQ(clip.properties.rotation, options.rotation);
      EXPECT_EQ(clip.properties.frame_rate, options.frame_rate);
      EXPECT_EQ(clip.properties.codec, "h264");
      ASSERT_TRUE(clip.properties.duration);
      EXPECT_NEAR(*clip.properties.duration, 10 * 1001.0 / 30000, 0.04);
      ASSERT_EQ(clip.frames.size(), 10u);
      for (size_t i = 0; i < 10; ++i) {
        EXPECT_NEAR(clip.seconds(i), static_cast<double>(i) * 1001 / 30000, 6e-4);
        if (depth == 8) {
          EXPECT_LT(mean_difference(clip.frames[i], moving_picture(kSmall, static_cast<int>(i))), 4);
        }
      }
    }
  }
}

TEST(VideoIo, VariableFrameRate) {
  test::TemporaryFolder folder;
  const std::vector<int64_t> times = {0, 40, 50, 200, 240, 1000, 1001, 2500};
  for (const char* name : {"a.mkv", "a.mp4"}) {
    VideoWriterOptions options{.format = kOdd, .time_base = {1, 1000}, .frame_rate = {0, 1}};
    ASSERT_TRUE(save(folder.path(name), options, times).ok());
    const Clip clip = load(folder.path(name));
    EXPECT_TRUE(clip.properties.variable_rate) << name;
    ASSERT_EQ(clip.frames.size(), times.size()) << name;
    for (size_t i = 0; i < times.size(); ++i) {
      EXPECT_NEAR(clip.seconds(i), static_cast<double>(times[i]) / 1000, 1e-6) << name;
    }
    EXPECT_EQ(clip.repaired, 0u);
  }
}

TEST(VideoIo, OneFrame) {
  test::TemporaryFolder folder;
  for (const char* name : {"a.y4m", "a.mkv", "a.mp4"}) {
    ASSERT_TRUE(save(folder.path(name), {.format = kOdd}, {0}).ok());
    const Clip clip = load(folder.path(name));
    EXPECT_TRUE(clip.status.ok()) << clip.status.message();
    ASSERT_EQ(clip.frames.size(), 1u) << name;
    if (std::string(name) != "a.y4m") {  // H.264's even size
      EXPECT_EQ(clip.properties.format, (VideoFormat{.width = 320, .height = 242}));
      EXPECT_LT(mean_difference(clip.frames[0], moving_picture({.width = 320, .height = 242}, 0)), 4);
    } else {
      EXPECT_EQ(clip.frames[0].samples, moving_picture(kOdd, 0).samples);
    }
  }
}

TEST(VideoIo, OtherSamplesAreConverted) {
  test::TemporaryFolder folder;
  test::put_file(folder.path("grey.y4m"), "YUV4MPEG2 W4 H2 F25:1 Cmono\nFRAME\nabcdefgh");
  const Clip clip = load(folder.path("grey.y4m"));
  EXPECT_EQ(clip.properties.format, (VideoFormat{.width = 4, .height = 2}));
  ASSERT_EQ(clip.frames.size(), 1u);
  EXPECT_EQ(clip.frames[0].plane(1)[0], 128);
  test::put_file(folder.path("rgb.ppm"), "P6 2 2 255\n" + std::string(12, '\xff'));
  const Clip white = load(folder.path("rgb.ppm"));
  ASSERT_EQ(white.frames.size(), 1u) << white.status.message();
  EXPECT_EQ(white.properties.format.chroma, Chroma::yuv444);
  EXPECT_EQ(white.properties.colour.matrix, 1);
  EXPECT_NEAR(white.frames[0].plane(0)[0], 235, 1);
}

TEST(VideoIo, ResolutionMayNotChange) {
  test::TemporaryFolder folder;
  const std::string small = "P5\n64 64\n255\n" + std::string(4096, 7),
                    large = "P5\n128 128\n255\n" + std::string(16384, 7);
  test::put_file(folder.path("a.pgm"), small + small + large);
  const Clip clip = load(folder.path("a.pgm"));
  EXPECT_EQ(clip.frames.size(), 2u);
  EXPECT_EQ(clip.status.code(), ErrorCode::unsupported);
  EXPECT_NE(clip.status.message().find("the resolution changes from 64x64 to 128x128"), std::string::npos)
      << clip.status.message();
}

TEST(VideoIo, TruncatedAndDamagedFiles) {
  test::TemporaryFolder folder;
  for (const char* name : {"a.y4m", "a.mkv", "a.mp4"}) {
    ASSERT_TRUE(save(folder.path(name), {.format = kSmall, .preset = "ultrafast"}, numbers(8)).ok());
    const std::string whole = test::get_file(folder.path(name));
    for (size_t part = 0; part < 16; ++part) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(part));
      const size_t at = whole.size() * part / 16;
      test::put_file(folder.path("cut"), whole.substr(0, at));
      const Clip clip = load(folder.path("cut"));
      EXPECT_LE(clip.frames.size(), 8u);
      std::string broken = whole;
      for (size_t i = at; i < std::min(at + 40, broken.size()); ++i)
        broken[i] = static_cast<char>(i * 91 + 7);
      test::put_file(folder.path("cut"), broken);
      (void)load(folder.path("cut"));
    }
  }
}

TEST(VideoIo, WhatIsNoVideo) {
  test::TemporaryFolder folder;
  const auto status = [](const std::string& path) { return VideoReader::open(path).status(); };
  EXPECT_EQ(status(folder.path("missing.mp4")).code(), ErrorCode::io);
  EXPECT_EQ(status(folder.folder()).code(), ErrorCode::io);
  test::put_file(folder.path("a.wav"), test::float_wav(48000, 1, test::tones(48000, 1, 1000)));
  EXPECT_EQ(status(folder.path("a.wav")).message(), folder.path("a.wav") + ": no video stream");
  test::put_file(folder.path("big.y4m"), "YUV4MPEG2 W20000 H20000 F25:1 C420jpeg\nFRAME\n");
  EXPECT_FALSE(status(folder.path("big.y4m")).ok());
  ASSERT_TRUE(save(folder.path("a.mkv"), {.format = kSmall}, {0}).ok());
  EXPECT_EQ(VideoReader::open(folder.path("a.mkv"), {.max_pixels = 64 * 48 - 1}).status().code(),
            ErrorCode::limit);
  EXPECT_TRUE(VideoReader::open(folder.path("a.mkv"), {.max_pixels = 64 * 48}).ok());
}

TEST(VideoIo, UnwritablePlaces) {
  test::TemporaryFolder folder;
  const auto times = numbers(8);
  EXPECT_EQ(save("/nowhere/a.mkv", {.format = kOdd}, times).code(), ErrorCode::io);
  EXPECT_EQ(save(folder.path("a.xyz"), {.format = kOdd}, times).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(save(folder.path("a.mp4"), {.format = kOdd, .lossless = true}, times).code(),
            ErrorCode::invalid_argument);
  EXPECT_EQ(save(folder.path("a.mkv"), {.format = kOdd}, {0, 1, 1}).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(save(folder.path("a.y4m"), {.format = kOdd, .frame_rate = {0, 1}}, times).code(),
            ErrorCode::invalid_argument);
  EXPECT_EQ(save(folder.path("a.mkv"), {}, times).code(), ErrorCode::invalid_argument) << "no size";
  EXPECT_TRUE(folder.names().empty());
  for (const char* name : {"full.y4m", "full.mkv", "full.mp4"}) {
    ASSERT_EQ(::symlink("/dev/full", folder.path(name).c_str()), 0);
    const Status status = save(folder.path(name), {.format = kOdd}, times);
    EXPECT_EQ(status.code(), ErrorCode::io) << name;
    EXPECT_NE(status.message().find("No space left"), std::string::npos) << status.message();
  }
}

// A track of sound beside the frames, in both containers; y4m leaves it out.
TEST(VideoIo, SoundBesideTheFrames) {
  const test::TemporaryFolder folder;
  const std::vector<float> sound = test::tones(24000, 2, 30000);
  for (const std::string name : {"a.mp4", "a.mkv", "a.y4m"}) {
    VideoWriterOptions options;
    options.format = kSmall;
    options.lossless = name == "a.mkv";
    options.sound = VideoSound{24000, 2, 0};
    auto writer = VideoWriter::open(folder.path(name), options);
    ASSERT_TRUE(writer) << writer.status().message();
    for (int i = 0; i < 25; ++i) {
      VideoFrame frame = moving_picture(kSmall, i);
      frame.time = i;
      ASSERT_TRUE(writer->write(frame).ok());
      ASSERT_TRUE(writer->write_sound(std::span(sound).subspan(static_cast<size_t>(i) * 2400, 2400)).ok());
    }
    ASSERT_TRUE(writer->finish().ok());
    EXPECT_EQ(writer->write_sound(sound).code(), ErrorCode::invalid_argument);
    EXPECT_EQ(load(folder.path(name)).frames.size(), 25u);
    auto reader = AudioReader::open(folder.path(name));
    ASSERT_EQ(static_cast<bool>(reader), name != "a.y4m") << name;
    if (!reader) continue;
    EXPECT_EQ(reader->sample_rate(), 24000u);
    EXPECT_EQ(reader->channels(), 2u);
    EXPECT_NEAR(reader->start(), 0, 0.05);
    std::vector<float> samples(2 * 40000);
    const auto count = reader->read(samples);
    ASSERT_TRUE(count);
    EXPECT_NEAR(static_cast<double>(*count), 30000, 1100);
    double error = 0;
    for (size_t n = 4000; n < 40000; ++n) error = std::max(error, std::abs(static_cast<double>(samples[n] - sound[n])));
    EXPECT_LT(error, options.lossless ? 1e-4 : 0.1) << name;
  }
}

TEST(VideoIo, ImpossibleSoundIsRefused) {
  const test::TemporaryFolder folder;
  VideoWriterOptions options;
  options.format = kSmall;
  for (const VideoSound& sound : {VideoSound{0, 1, 0}, VideoSound{48000, 0, 0}, VideoSound{48000, 9, 0}, VideoSound{48000, 2, 7}}) {
    options.sound = sound;
    EXPECT_EQ(VideoWriter::open(folder.path("a.mp4"), options).status().code(), ErrorCode::invalid_argument);
  }
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace tessera::media
