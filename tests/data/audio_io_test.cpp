#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "data/audio_reader.h"
#include "data/audio_writer.h"
#include "tests/data/av_samples.h"
#include "tests/data/temporary_folder.h"

namespace tessera::media {
namespace {

using test::tones;

Status save(const std::string& path, const AudioWriterOptions& options, const std::vector<float>& samples) {
  auto writer = AudioWriter::open(path, options);
  if (!writer) return writer.status();
  // In uneven pieces: blocks of the caller are not those of the codec.
  const size_t piece = size_t{777} * options.channels;
  for (size_t at = 0; at < samples.size(); at += piece) {
    const auto part = std::span(samples).subspan(at, std::min(piece, samples.size() - at));
    TESSERA_RETURN_IF_ERROR(writer->write(part));
  }
  return writer->finish();
}

struct Sound {
  Status status;
  std::vector<float> samples;
  uint32_t rate = 0, channels = 1;
  size_t frames() const { return samples.size() / channels; }
};

Sound load(const std::string& path, const AudioWish& wish = {}) {
  Sound sound;
  auto reader = AudioReader::open(path, wish);
  sound.status = reader.status();
  if (!reader) return sound;
  sound.rate = reader->sample_rate();
  sound.channels = reader->channels();
  std::vector<float> block(size_t{501} * sound.channels);
  for (;;) {
    auto frames = reader->read(block);
    sound.status = frames.status();
    if (!frames || *frames == 0) return sound;
    sound.samples.insert(sound.samples.end(), block.begin(),
                         block.begin() + static_cast<ptrdiff_t>(*frames * sound.channels));
  }
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b, size_t margin = 0) {
  double largest = 0;
  for (size_t i = margin; i + margin < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(double{a[i]} - double{b[i]}));
  }
  return largest;
}

TEST(AudioIo, EveryRateAndChannelCount) {
  test::TemporaryFolder folder;
  for (uint32_t rate : {8000u, 11025u, 16000u, 22050u, 44100u, 48000u, 96000u, 192000u}) {
    for (uint32_t channels = 1; channels <= 8; ++channels) {
      for (const char* name : {"a.wav", "a.flac"}) {
        SCOPED_TRACE(std::string(name) + " " + std::to_string(rate) + " " + std::to_string(channels));
        const auto samples = tones(rate, channels, 5000);
        ASSERT_TRUE(save(folder.path(name), {.sample_rate = rate, .channels = channels}, samples).ok());
        const Sound sound = load(folder.path(name));
        EXPECT_TRUE(sound.status.ok()) << sound.status.message();
        EXPECT_EQ(sound.rate, rate);
        EXPECT_EQ(sound.channels, channels);
        ASSERT_EQ(sound.samples.size(), samples.size());
        EXPECT_LE(largest_difference(sound.samples, samples), 0.50001 / 32768);
      }
    }
  }
}

TEST(AudioIo, SampleTypes) {
  test::TemporaryFolder folder;
  const auto samples = tones(48000, 2, 3000);
  const auto difference = [&](const char* name, AudioSampleType type) {
    EXPECT_TRUE(save(folder.path(name), {.channels = 2, .type = type}, samples).ok());
    const Sound sound = load(folder.path(name));
    EXPECT_EQ(sound.samples.size(), samples.size());
    return largest_difference(sound.samples, samples);
  };
  EXPECT_EQ(difference("a.wav", AudioSampleType::float32), 0);
  EXPECT_LE(difference("b.wav", AudioSampleType::pcm24), 0.50001 / 8388608);
  EXPECT_LE(difference("c.flac", AudioSampleType::pcm24), 0.50001 / 8388608);
  auto reader = AudioReader::open(folder.path("c.flac"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->source().bit_depth, 24u);
  EXPECT_EQ(reader->source().codec, "flac");
  EXPECT_EQ(reader->source().channel_mask, 3u);
  ASSERT_TRUE(reader->duration());
  EXPECT_NEAR(*reader->duration(), 3000.0 / 48000, 1e-6);
}

TEST(AudioIo, LossyFormatsKeepLengthAndPlace) {
  test::TemporaryFolder folder;
  for (const char* name : {"a.opus", "a.mp4", "a.m4a"}) {
    for (size_t frames : {size_t{1}, size_t{960}, size_t{1024}, size_t{48000}, size_t{50001}}) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(frames));
      const auto samples = tones(48000, 2, frames);
      const Status saved = save(folder.path(name), {.channels = 2, .bit_rate = 256000}, samples);
      ASSERT_TRUE(saved.ok()) << saved.message();
      const Sound sound = load(folder.path(name));
      EXPECT_TRUE(sound.status.ok()) << sound.status.message();
      EXPECT_EQ(sound.frames(), frames);
      if (frames >= 48000) {
        EXPECT_LE(largest_difference(sound.samples, samples, 4000), 0.05);
      }
    }
  }
  for (uint32_t channels = 3; channels <= 8; ++channels) {
    const auto samples = tones(44100, channels, 10000);
    const Status saved = save(folder.path("b.opus"), {.sample_rate = 44100, .channels = channels}, samples);
    ASSERT_TRUE(saved.ok()) << channels << " " << saved.message();
    const Sound sound = load(folder.path("b.opus"));
    EXPECT_EQ(sound.rate, 48000u);
    EXPECT_EQ(sound.channels, channels);
    EXPECT_EQ(sound.frames(), (10000u * 480 + 440) / 441);
    const Status aac = save(folder.path("b.mp4"), {.sample_rate = 44100, .channels = channels}, samples);
    ASSERT_TRUE(aac.ok()) << channels << " " << aac.message();
    EXPECT_EQ(load(folder.path("b.mp4")).frames(), 10000u) << channels;
  }
}

TEST(AudioIo, Resampling) {
  test::TemporaryFolder folder;
  for (uint32_t from : {8000u, 24000u, 44100u, 192000u}) {
    for (uint32_t to : {8000u, 24000u, 48000u, 192000u}) {
      for (size_t frames : {size_t{0}, size_t{1}, size_t{7}, size_t{5001}}) {
        SCOPED_TRACE(std::to_string(from) + " " + std::to_string(to) + " " + std::to_string(frames));
        test::put_file(folder.path("a.wav"), test::float_wav(from, 1, tones(from, 1, frames)));
        const Sound sound = load(folder.path("a.wav"), {.sample_rate = to});
        EXPECT_TRUE(sound.status.ok()) << sound.status.message();
        const size_t expected = (frames * to + from - 1) / from;
        ASSERT_EQ(sound.frames(), expected);
        if (frames > 5000) {
          EXPECT_LE(largest_difference(sound.samples, tones(to, 1, expected), expected / 4), 2e-3);
        }
      }
    }
  }
}

TEST(AudioIo, DownAndUpMixing) {
  test::TemporaryFolder folder;
  for (uint32_t from = 1; from <= 8; ++from) {
    // Full scale on every channel must not exceed full scale after the mix.
    const std::vector<float> samples(size_t{1000} * from, 1.0f);
    ASSERT_TRUE(
        save(folder.path("a.wav"), {.channels = from, .type = AudioSampleType::float32}, samples).ok());
    for (uint32_t to : {1u, 2u, 6u}) {
      const Sound sound = load(folder.path("a.wav"), {.channels = to});
      EXPECT_TRUE(sound.status.ok()) << sound.status.message();
      ASSERT_EQ(sound.samples.size(), size_t{1000} * to) << from << " to " << to;
      const auto [low, high] = std::minmax_element(sound.samples.begin(), sound.samples.end());
      EXPECT_GE(*low, -1e-6f);
      EXPECT_LE(*high, 1.0001f) << from << " to " << to;
      EXPECT_GE(*high, 0.7f) << from << " to " << to;
    }
  }
}

TEST(AudioIo, NoSampleAndOneSample) {
  test::TemporaryFolder folder;
  for (const char* name : {"a.wav", "a.flac"}) {
    for (size_t frames : {size_t{0}, size_t{1}}) {
      ASSERT_TRUE(save(folder.path(name), {}, std::vector<float>(frames, 0.25f)).ok());
      const Sound sound = load(folder.path(name));
      EXPECT_TRUE(sound.status.ok()) << name << ": " << sound.status.message();
      EXPECT_EQ(sound.samples, std::vector<float>(frames, 0.25f)) << name;
    }
  }
  for (const char* name : {"b.opus", "b.mp4"}) {  // no packets at all
    const Status saved = save(folder.path(name), {}, {});
    ASSERT_TRUE(saved.ok()) << saved.message();
    EXPECT_TRUE(load(folder.path(name)).samples.empty());
  }
}

TEST(AudioIo, NotANumber) {
  test::TemporaryFolder folder;
  auto samples = tones(48000, 1, 1000);
  samples[10] = std::numeric_limits<float>::quiet_NaN();
  samples[20] = std::numeric_limits<float>::infinity();
  samples[30] = -std::numeric_limits<float>::infinity();
  test::put_file(folder.path("a.wav"), test::float_wav(48000, 1, samples));
  auto reader = AudioReader::open(folder.path("a.wav"), {.sample_rate = 24000});
  ASSERT_TRUE(reader);
  std::vector<float> read(2000);
  EXPECT_EQ(*reader->read(read), 500u);
  EXPECT_EQ(reader->replaced_samples(), 3u);
  EXPECT_TRUE(std::all_of(read.begin(), read.end(), [](float x) { return std::isfinite(x); }));

  auto writer = AudioWriter::open(folder.path("b.wav"), {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->write(samples).ok());
  ASSERT_TRUE(writer->finish().ok());
  EXPECT_EQ(writer->replaced_samples(), 3u);
  EXPECT_EQ(load(folder.path("b.wav")).samples[10], 0);
}

// A look ahead leaves what is read as it would have been, whatever its length, rate and channels.
TEST(AudioIo, PreviewLeavesTheSoundWhole) {
  test::TemporaryFolder folder;
  for (const size_t frames : {size_t{0}, size_t{1}, size_t{700}, size_t{30000}}) {
    const auto samples = tones(44100, 2, frames);
    ASSERT_TRUE(save(folder.path("a.flac"), {.sample_rate = 44100, .channels = 2}, samples).ok());
    const Sound whole = load(folder.path("a.flac"), {.sample_rate = 48000, .channels = 1});
    for (const double seconds : {0.0, 0.1, 0.5, 100.0}) {
      auto reader = AudioReader::open(folder.path("a.flac"));
      ASSERT_TRUE(reader) << reader.status().message();
      const auto preview = reader->preview(seconds, {.sample_rate = 16000, .channels = 1});
      ASSERT_TRUE(preview) << preview.status().message();
      const double length = std::min(seconds, static_cast<double>(frames) / 44100) * 16000;
      EXPECT_NEAR(static_cast<double>(preview->size()), length, 2) << frames << " " << seconds;
      ASSERT_TRUE(reader->ask({.sample_rate = 48000, .channels = 1}).ok());
      std::vector<float> read(whole.samples.size() + 100);
      const auto count = reader->read(read);
      ASSERT_TRUE(count);
      read.resize(*count);
      EXPECT_EQ(read, whole.samples) << frames << " " << seconds;
    }
  }
  auto reader = AudioReader::open(folder.path("a.flac"));
  EXPECT_EQ(reader->preview(1, {.sample_rate = 1000000}).status().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(reader->preview(1, {.channels = 9}).status().code(), ErrorCode::invalid_argument);
}

TEST(AudioIo, Clipping) {
  test::TemporaryFolder folder;
  const std::vector<float> samples = {2.0f, 1.0f, -1.0f, -3.0f, 0.5f};
  for (const char* name : {"a.wav", "a.flac"}) {
    auto writer = AudioWriter::open(folder.path(name), {});
    ASSERT_TRUE(writer->write(samples).ok());
    ASSERT_TRUE(writer->finish().ok());
    EXPECT_EQ(writer->clipped_samples(), 2u);
    const float top = 32767.0f / 32768;
    EXPECT_EQ(load(folder.path(name)).samples, (std::vector<float>{top, top, -1.0f, -1.0f, 0.5f}));
  }
  ASSERT_TRUE(save(folder.path("b.wav"), {.type = AudioSampleType::float32}, samples).ok());
  EXPECT_EQ(load(folder.path("b.wav")).samples, samples) << "float files have room above full scale";
}

TEST(AudioIo, TruncatedAndDamagedFiles) {
  test::TemporaryFolder folder;
  for (const char* name : {"a.wav", "a.flac", "a.opus", "a.mp4"}) {
    ASSERT_TRUE(save(folder.path(name), {}, tones(48000, 1, 30000)).ok());
    const std::string whole = test::get_file(folder.path(name));
    for (size_t part = 0; part < 16; ++part) {
      SCOPED_TRACE(std::string(name) + " " + std::to_string(part));
      const std::string cut = folder.path("cut");
      test::put_file(cut, whole.substr(0, whole.size() * part / 16));
      const Sound sound = load(cut);
      EXPECT_LE(sound.samples.size(), 31000u);
      if (!sound.status.ok()) {
        EXPECT_NE(sound.status.message().find("cut: "), std::string::npos);
      }
      std::string broken = whole;
      for (size_t i = whole.size() * part / 16; i < broken.size() && i < whole.size() * part / 16 + 40; ++i) {
        broken[i] = static_cast<char>(broken[i] ^ static_cast<char>(i * 37 + 1));
      }
      test::put_file(cut, broken);
      (void)load(cut);
    }
  }
  // Nothing before the damage is lost.
  ASSERT_TRUE(save(folder.path("b.wav"), {}, tones(48000, 1, 30000)).ok());
  const std::string whole = test::get_file(folder.path("b.wav"));
  test::put_file(folder.path("c.wav"), whole.substr(0, whole.size() - 40000));
  EXPECT_EQ(load(folder.path("c.wav")).samples.size(), 10000u);
}

TEST(AudioIo, WhatIsNoSound) {
  test::TemporaryFolder folder;
  const auto status = [](const std::string& path) { return AudioReader::open(path).status(); };
  EXPECT_EQ(status(folder.path("missing.wav")).code(), ErrorCode::io);
  EXPECT_EQ(status(folder.path("missing.wav")).message(),
            folder.path("missing.wav") + ": cannot open: No such file or directory");
  EXPECT_EQ(status(folder.folder()).code(), ErrorCode::io);
  EXPECT_EQ(status("concat:/dev/null|/dev/null").code(), ErrorCode::io) << "no protocols";
  test::put_file(folder.path("empty.wav"), "");
  EXPECT_EQ(status(folder.path("empty.wav")).code(), ErrorCode::corrupt);
  EXPECT_EQ(status(folder.path("empty.wav")).message(), folder.path("empty.wav") + ": the file is empty");
  std::string garbage;
  for (uint32_t i = 0, state = 1; i < 50000; ++i) {
    state = state * 1664525 + 1013904223;
    garbage.push_back(static_cast<char>(state >> 24));
  }
  test::put_file(folder.path("garbage"), garbage);
  EXPECT_FALSE(status(folder.path("garbage")).ok());
  test::put_file(folder.path("list.m3u8"), "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n");
  EXPECT_FALSE(status(folder.path("list.m3u8")).ok());
  test::put_file(folder.path("a.y4m"), "YUV4MPEG2 W2 H2 F25:1 C420jpeg\nFRAME\nabcdef");
  EXPECT_EQ(status(folder.path("a.y4m")).code(), ErrorCode::unsupported);
  EXPECT_EQ(status(folder.path("a.y4m")).message(), folder.path("a.y4m") + ": no audio stream");
}

TEST(AudioIo, UnwritablePlaces) {
  test::TemporaryFolder folder;
  const auto samples = tones(48000, 1, 100000);
  EXPECT_EQ(save("/nowhere/a.wav", {}, samples).code(), ErrorCode::io);
  EXPECT_EQ(save(folder.path("a.xyz"), {}, samples).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(save(folder.path("a.wav"), {.sample_rate = 0}, samples).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(save(folder.path("a.wav"), {.channels = 9}, samples).code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(folder.names().empty());
  for (const char* name : {"full.wav", "full.flac", "full.opus", "full.mp4"}) {
    ASSERT_EQ(::symlink("/dev/full", folder.path(name).c_str()), 0);
    const Status status = save(folder.path(name), {}, samples);
    EXPECT_EQ(status.code(), ErrorCode::io) << name;
    EXPECT_NE(status.message().find("No space left"), std::string::npos) << status.message();
  }
}

TEST(AudioIo, AnUnfinishedFileLeavesNothing) {
  test::TemporaryFolder folder;
  test::put_file(folder.path("a.wav"), "before");
  {
    auto writer = AudioWriter::open(folder.path("a.wav"), {});
    ASSERT_TRUE(writer->write(tones(48000, 1, 100000)).ok());
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a.wav"});
  EXPECT_EQ(test::get_file(folder.path("a.wav")), "before");
}

TEST(AudioIo, WavThroughStandardStreams) {
  test::TemporaryFolder folder;
  const auto samples = tones(48000, 1, 5000);
  const std::string path = folder.path("piped");
  const int output = ::dup(STDOUT_FILENO);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT, 0600);
  ::fflush(stdout);
  ::dup2(file, STDOUT_FILENO);
  const Status saved = save("-", {}, samples);
  ::dup2(output, STDOUT_FILENO);
  ::close(output);
  ::close(file);
  ASSERT_TRUE(saved.ok()) << saved.message();
  const int input = ::dup(STDIN_FILENO);
  const int again = ::open(path.c_str(), O_RDONLY);
  ::dup2(again, STDIN_FILENO);
  const Sound sound = load("-");
  if (input >= 0) ::dup2(input, STDIN_FILENO);
  ::close(again);
  ::close(input);
  EXPECT_TRUE(sound.status.ok()) << sound.status.message();
  ASSERT_EQ(sound.samples.size(), samples.size());
  EXPECT_LE(largest_difference(sound.samples, samples), 0.50001 / 32768);
}

}  // namespace
}  // namespace tessera::media
