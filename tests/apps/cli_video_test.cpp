// Video through the whole program, with small networks: y4m and files of FFmpeg's kinds in and out, pipes, damage, bad input.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bitstream/file.h"
#include "data/audio_reader.h"
#include "data/video_reader.h"
#include "data/video_writer.h"
#include "tests/apps/run_program.h"
#include "tests/codec/sounds.h"
#include "tests/codec/videos.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

// A y4m file made by hand.
std::string y4m(const Clip& clip, const std::string& rate = "25:1") {
  const VideoFormat& f = clip.format;
  std::string bytes = "YUV4MPEG2 W" + std::to_string(f.width) + " H" + std::to_string(f.height) + " F" + rate + " Ip A1:1 C" +
                      (f.bit_depth > 8 ? "420p10" : "420mpeg2") + "\n";
  for (const auto& frame : clip.frames) {
    bytes += "FRAME\n";
    bytes.append(frame.begin(), frame.end());
  }
  return bytes;
}

class CliVideo : public testing::Test {
 protected:
  CliVideo() { write_video_weights(folder_.folder()); }

  Outcome run(std::vector<std::string> arguments, const std::string& input = {}) const {
    return run_program(arguments, input, {}, {"TESSERA_WEIGHTS=" + folder_.folder()});
  }
  std::string put(const std::string& name, const std::string& bytes) const {
    put_text_file(folder_.path(name), bytes);
    return folder_.path(name);
  }

  struct Read {
    media::VideoProperties properties;
    std::vector<media::VideoFrame> frames;
  };
  static Read read(const std::string& path) {
    Read out;
    auto reader = media::VideoReader::open(path);
    EXPECT_TRUE(reader) << reader.status().message();
    if (!reader) return out;
    out.properties = reader->properties();
    for (;;) {
      media::VideoFrame frame;
      const auto got = reader->read(frame);
      EXPECT_TRUE(got) << got.status().message();
      if (!got || !*got) return out;
      out.frames.push_back(std::move(frame));
    }
  }

  void expect_nothing_left(const std::string& output) const {
    EXPECT_FALSE(exists(folder_.path(output)));
    for (const auto& name : folder_.names()) EXPECT_EQ(name.find(".part"), std::string::npos) << name;
  }

  TemporaryFolder folder_;
};

TEST_F(CliVideo, SizesDepthsAndLengths) {
  for (const auto& [width, height, depth, frames] : {std::tuple{64u, 48u, 8u, 12u}, {33u, 17u, 10u, 3u}, {319u, 241u, 8u, 1u}}) {
    const Clip clip = moving_clip(width, height, frames, depth);
    const std::string in = put("in.y4m", y4m(clip, "30000:1001"));
    const Outcome encoded = run({"encode", in, folder_.path("v.tsr"), "-q", "50", "--quiet"});
    ASSERT_EQ(encoded.code, 0) << encoded.err;
    ASSERT_EQ(run({"verify", folder_.path("v.tsr")}).code, 0);
    for (const char* name : {"o.y4m", "o.mkv", "o.mp4"}) {
      const Outcome decoded = run({"decode", folder_.path("v.tsr"), folder_.path(name), "--quiet"});
      ASSERT_EQ(decoded.code, 0) << decoded.err;
      const Read out = read(folder_.path(name));
      ASSERT_EQ(out.frames.size(), frames) << name;
      EXPECT_NEAR(static_cast<double>(out.properties.frame_rate.num) / static_cast<double>(out.properties.frame_rate.den), 29.97, 0.01) << name;
      if (name != std::string("o.mp4") || width % 2 == 0) {
        EXPECT_EQ(out.frames[0].format, (media::VideoFormat{width, height, media::Chroma::yuv420, depth})) << name;
      }
      if (name == std::string("o.y4m")) {
        for (size_t t = 0; t < frames; ++t) {
          VideoFrame frame;
          frame.samples = out.frames[t].samples;
          EXPECT_GT(luma_psnr(clip, t, frame), 30) << t;
        }
      }
    }
    EXPECT_EQ(read(folder_.path("o.y4m")).frames[0].samples, read(folder_.path("o.mkv")).frames[0].samples);  // both without loss
  }
}

TEST_F(CliVideo, PipesAndDefaultNames) {
  const std::string in = y4m(moving_clip(48, 32, 6));
  const Outcome encoded = run({"encode", "-", "-q", "40"}, in);
  ASSERT_EQ(encoded.code, 0) << encoded.err;
  const Outcome decoded = run({"decode", "-"}, encoded.out);
  ASSERT_EQ(decoded.code, 0) << decoded.err;
  EXPECT_EQ(decoded.out.size() + 0, read(put("p.y4m", decoded.out)).frames.size() * (48 * 32 * 3 / 2 + 6) + decoded.out.find('\n') + 1);
  put("clip.y4m", in);
  ASSERT_EQ(run({"encode", folder_.path("clip.y4m"), "--quiet"}).code, 0);
  ASSERT_TRUE(exists(folder_.path("clip.tsr")));
  ASSERT_EQ(run({"decode", folder_.path("clip.tsr"), "--quiet"}).code, 0);
  EXPECT_EQ(read(folder_.path("clip.mp4")).frames.size(), 6u);
  ASSERT_EQ(run({"decode", folder_.path("clip.tsr"), "--out-dir", folder_.path("o"), "--format", "y4m", "--quiet"}).code, 0);
  EXPECT_EQ(read(folder_.path("o/clip.y4m")).frames.size(), 6u);
}

TEST_F(CliVideo, FinerChromaAndWhatFFmpegReads) {
  for (const media::Chroma chroma : {media::Chroma::yuv422, media::Chroma::yuv444}) {
    media::VideoWriterOptions options;
    options.format = {48, 32, chroma, 10};
    options.lossless = true;
    options.sample_aspect = {4, 3};
    auto writer = media::VideoWriter::open(folder_.path("in.mkv"), options);
    ASSERT_TRUE(writer) << writer.status().message();
    for (int t = 0; t < 4; ++t) {
      media::VideoFrame frame = media::make_video_frame(options.format);
      frame.time = t;
      ASSERT_TRUE(writer->write(frame).ok());
    }
    ASSERT_TRUE(writer->finish().ok());
    ASSERT_EQ(run({"encode", folder_.path("in.mkv"), folder_.path("v.tsr"), "--quiet"}).code, 0);
    ASSERT_EQ(run({"decode", folder_.path("v.tsr"), folder_.path("o.mkv"), "--quiet"}).code, 0);
    const Read out = read(folder_.path("o.mkv"));
    EXPECT_EQ(out.frames.size(), 4u);
    EXPECT_EQ(out.frames[0].format, (media::VideoFormat{48, 32, media::Chroma::yuv420, 10}));
    EXPECT_EQ(out.properties.sample_aspect, (media::Rational{4, 3}));
  }
}

TEST_F(CliVideo, VariableRateKeepsItsTimes) {
  media::VideoWriterOptions options;
  options.format = {48, 32, media::Chroma::yuv420, 8};
  options.lossless = true;
  options.time_base = {1, 1000};
  options.frame_rate = {0, 1};
  const int64_t times[] = {0, 40, 53, 200, 1000, 1001};
  auto writer = media::VideoWriter::open(folder_.path("in.mkv"), options);
  ASSERT_TRUE(writer) << writer.status().message();
  for (const int64_t time : times) {
    media::VideoFrame frame = media::make_video_frame(options.format);
    frame.time = time;
    ASSERT_TRUE(writer->write(frame).ok());
  }
  ASSERT_TRUE(writer->finish().ok());
  ASSERT_EQ(run({"encode", folder_.path("in.mkv"), folder_.path("v.tsr"), "--quiet"}).code, 0);
  ASSERT_EQ(run({"decode", folder_.path("v.tsr"), folder_.path("o.mkv"), "--quiet"}).code, 0);
  const Read out = read(folder_.path("o.mkv"));
  ASSERT_EQ(out.frames.size(), std::size(times));
  for (size_t t = 0; t < out.frames.size(); ++t) EXPECT_EQ(out.frames[t].time - out.frames[0].time, times[t]) << t;
}

TEST_F(CliVideo, RatesKeyFramesAndInfo) {
  const std::string in = put("in.y4m", y4m(moving_clip(64, 64, 100))), stream = folder_.path("v.tsr");
  ASSERT_EQ(run({"encode", in, stream, "-q", "30", "--quiet"}).code, 0);
  const auto plain = nlohmann::json::parse(run({"info", "--json", stream}).out);
  EXPECT_EQ(plain["media"], "video");
  EXPECT_EQ(plain["frames"], 100);
  EXPECT_EQ(plain["key_frames"], 1);
  const double rate = plain["bit_rate"];
  ASSERT_EQ(run({"encode", in, stream, "--bitrate", std::to_string(rate / 1000) + "k", "--keyint", "50", "--quiet"}).code, 0);
  const auto asked = nlohmann::json::parse(run({"info", "--check", "--json", stream}).out);
  EXPECT_NEAR(asked["bit_rate"].get<double>() / rate, 1, 0.1);
  EXPECT_EQ(asked["key_frames"], 2);
  EXPECT_TRUE(asked.contains("decoded_checksum"));
  const Outcome text = run({"info", stream});
  EXPECT_NE(text.out.find("64x64"), std::string::npos) << text.out;
  const Outcome models = run({"models"});
  EXPECT_NE(models.out.find("video"), std::string::npos) << models.out;
  const std::string empty = folder_.path("empty");
  std::filesystem::create_directory(empty);
  const Outcome none = run({"models", "--weights-dir", empty});
  EXPECT_EQ(none.code, 15);
  EXPECT_EQ(none.err, "tessera: no model is installed in " + empty + "\n");
  EXPECT_EQ(run({"models", "--json", "--weights-dir", empty}).out, "[]\n");
}

TEST_F(CliVideo, Bench) {
  const std::string in = put("in.y4m", y4m(moving_clip(64, 48, 5)));
  const Outcome table = run({"bench", in, "-q", "20,50", "--repeat", "1"}), json = run({"bench", in, "-q", "20,50", "--repeat", "1", "--json", "--frames", "3"});
  EXPECT_EQ(table.code, 0) << table.err;
  const auto rows = nlohmann::json::parse(json.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["frames"], 3);
  EXPECT_GT(rows[1]["psnr_611_db"].get<double>(), rows[0]["psnr_611_db"].get<double>());
  EXPECT_NEAR(rows[0]["psnr_611_db"].get<double>(),
              (6 * rows[0]["psnr_y_db"].get<double>() + rows[0]["psnr_u_db"].get<double>() + rows[0]["psnr_v_db"].get<double>()) / 8, 1e-9);
  EXPECT_GT(rows[0]["decode_frames_per_second"], 0);
}

TEST_F(CliVideo, MatroskaHoldsTheSamePackets) {
  const std::string in = put("in.y4m", y4m(moving_clip(48, 48, 12)));
  ASSERT_EQ(run({"encode", in, folder_.path("v.tsr"), "--keyint", "5", "--quiet"}).code, 0);
  const Outcome encoded = run({"encode", in, folder_.path("v.tsr.mkv"), "--keyint", "5", "--quiet"});
  ASSERT_EQ(encoded.code, 0) << encoded.err;
  const auto plain = nlohmann::json::parse(run({"info", "--check", "--json", folder_.path("v.tsr")}).out);
  const auto inside = nlohmann::json::parse(run({"info", "--check", "--json", folder_.path("v.tsr.mkv")}).out);
  for (const char* key : {"frames", "key_frames", "width", "decoded_checksum", "model"}) EXPECT_EQ(plain[key], inside[key]) << key;
  EXPECT_EQ(run({"verify", folder_.path("v.tsr.mkv")}).code, 0);
  ASSERT_EQ(run({"decode", folder_.path("v.tsr"), folder_.path("a.y4m"), "--quiet"}).code, 0);
  ASSERT_EQ(run({"decode", folder_.path("v.tsr.mkv"), folder_.path("b.y4m"), "--quiet"}).code, 0);
  EXPECT_EQ(text_of(folder_.path("a.y4m")), text_of(folder_.path("b.y4m")));
  // A second Matroska file is an input, not an output.
  ASSERT_EQ(run({"decode", folder_.path("v.tsr"), folder_.path("o.mkv"), "--quiet"}).code, 0);
  const std::string before = text_of(folder_.path("o.mkv"));
  EXPECT_EQ(run({"encode", in, folder_.path("o.mkv")}).code, 2);
  EXPECT_EQ(text_of(folder_.path("o.mkv")), before);
  const Outcome other = run({"decode", folder_.path("o.mkv"), folder_.path("c.y4m")});
  EXPECT_EQ(other.code, 13) << other.err;
  EXPECT_EQ(other.error_lines(), 1u);
  expect_nothing_left("c.y4m");
}

// The sound of a video in its file: coded beside the frames, and back into a player's file.
class CliVideoSound : public CliVideo {
 protected:
  CliVideoSound() { write_weights(folder_.folder()); }

  // A second of 12 frames; a click at 0.25 and 0.75 s.
  std::string source(const std::string& name, uint32_t channels) const {
    const Clip clip = moving_clip(48, 48, 12);
    media::VideoWriterOptions o;
    o.format = {48, 48, media::Chroma::yuv420, 8};
    o.time_base = {1, 12};
    o.frame_rate = {12, 1};
    o.lossless = name.ends_with(".mkv");
    o.sound = media::VideoSound{8000, channels, 0};
    auto writer = media::VideoWriter::open(folder_.path(name), o);
    EXPECT_TRUE(writer) << writer.status().message();
    std::vector<float> sound(8000 * channels, 0.0f);
    for (const size_t at : {2000u, 6000u}) std::fill_n(sound.begin() + static_cast<ptrdiff_t>(at * channels), 40 * channels, 0.8f);
    for (size_t i = 0; i < 12; ++i) {
      media::VideoFrame frame;
      frame.format = o.format;
      frame.samples = clip.frames[i];
      frame.time = static_cast<int64_t>(i);
      EXPECT_TRUE(writer->write(frame).ok());
    }
    EXPECT_TRUE(writer->write_sound(sound).ok());
    EXPECT_TRUE(writer->finish().ok());
    return folder_.path(name);
  }

  static std::vector<float> sound_of(const std::string& path) {
    auto reader = media::AudioReader::open(path, {8000, 1});
    if (!reader) return {};
    std::vector<float> samples(20000);
    const auto count = reader->read(samples);
    EXPECT_TRUE(count) << count.status().message();
    samples.resize(count ? *count : 0);
    return samples;
  }
};

TEST_F(CliVideoSound, ThereAndBack) {
  for (const uint32_t channels : {1u, 2u}) {
    const std::string in = source("in.mkv", channels), stream = folder_.path("v.tsr");
    const Outcome encoded = run({"encode", in, stream, "--sound-bitrate", "3200", "--keyint", "5"});
    ASSERT_EQ(encoded.code, 0) << encoded.err;
    EXPECT_NE(encoded.err.find(channels == 1 ? "sound by speech" : "sound by sound"), std::string::npos) << encoded.err;
    const auto info = nlohmann::json::parse(run({"info", "--check", "--json", stream}).out);
    EXPECT_EQ(info["sound"], channels == 1 ? "speech" : "sound");
    EXPECT_GT(info["sections"]["sound"].get<int>(), 200);
    EXPECT_EQ(info["frames"], 12);
    EXPECT_EQ(info["key_frames"], 3);
    ASSERT_EQ(run({"verify", stream}).code, 0);
    for (const char* out : {"o.mkv", "o.mp4"}) {
      const Outcome decoded = run({"decode", stream, folder_.path(out)});
      ASSERT_EQ(decoded.code, 0) << decoded.err;
      EXPECT_EQ(read(folder_.path(out)).frames.size(), 12u);
      EXPECT_NEAR(static_cast<double>(sound_of(folder_.path(out)).size()), 8000, 1100) << out;
    }
    // As the stream of sound alone decodes: only the way through the file differs.
    ASSERT_EQ(run({"encode", in, folder_.path("s.tsr"), "--model", channels == 1 ? "speech" : "sound", "--bitrate", "3200"}).code, 0);
    ASSERT_EQ(run({"decode", folder_.path("s.tsr"), folder_.path("s.wav")}).code, 0);
    EXPECT_EQ(sound_of(folder_.path("s.wav")).size(), sound_of(folder_.path("o.mkv")).size());
    ASSERT_EQ(run({"decode", stream, folder_.path("silent.mkv"), "--no-sound"}).code, 0);
    EXPECT_TRUE(sound_of(folder_.path("silent.mkv")).empty());
    ASSERT_EQ(run({"decode", stream, folder_.path("o.y4m")}).code, 0);
    // The frames are those of a stream without sound.
    ASSERT_EQ(run({"encode", in, folder_.path("n.tsr"), "--no-sound", "--keyint", "5"}).code, 0);
    EXPECT_FALSE(nlohmann::json::parse(run({"info", "--json", folder_.path("n.tsr")}).out).contains("sound"));
    ASSERT_EQ(run({"decode", folder_.path("n.tsr"), folder_.path("n.y4m")}).code, 0);
    EXPECT_EQ(text_of(folder_.path("n.y4m")), text_of(folder_.path("o.y4m")));
  }
}

TEST_F(CliVideoSound, MatroskaCopiesItAndGivesItBack) {
  const std::string in = source("in.mkv", 2);
  const Outcome encoded = run({"encode", in, folder_.path("v.tsr.mkv")});
  ASSERT_EQ(encoded.code, 0) << encoded.err;
  EXPECT_NE(encoded.err.find("sound copied"), std::string::npos) << encoded.err;
  ASSERT_EQ(run({"decode", folder_.path("v.tsr.mkv"), folder_.path("o.mkv")}).code, 0);
  EXPECT_EQ(sound_of(folder_.path("o.mkv")), sound_of(in));
  ASSERT_EQ(run({"encode", in, folder_.path("n.tsr.mkv"), "--no-sound"}).code, 0);
  EXPECT_TRUE(sound_of(folder_.path("n.tsr.mkv")).empty());
}

TEST_F(CliVideoSound, DamageCostsNoFrame) {
  const std::string stream = folder_.path("v.tsr");
  ASSERT_EQ(run({"encode", source("in.mkv", 2), stream, "--sound-bitrate", "3200"}).code, 0);
  std::string bytes = text_of(stream);
  const auto file = bitstream::parse_file({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(file);
  ASSERT_GE(file->companions.size(), 2u);
  const auto place = reinterpret_cast<const char*>(file->companions[1].data()) - bytes.data();
  bytes[static_cast<size_t>(place) + 9] = static_cast<char>(bytes[static_cast<size_t>(place) + 9] ^ 0x20);
  put("bad.tsr", bytes);
  const Outcome decoded = run({"decode", folder_.path("bad.tsr"), folder_.path("o.mkv")});
  EXPECT_EQ(decoded.code, 12) << decoded.err;
  EXPECT_EQ(decoded.err.find("concealed"), std::string::npos) << decoded.err;
  EXPECT_EQ(read(folder_.path("o.mkv")).frames.size(), 12u);
  EXPECT_EQ(run({"verify", folder_.path("bad.tsr")}).code, 12);
}

TEST_F(CliVideoSound, WithoutTheModelOfSound) {
  const std::string in = source("in.mkv", 2), stream = folder_.path("v.tsr");
  ASSERT_EQ(run({"encode", in, stream, "--sound-bitrate", "3200"}).code, 0);
  std::filesystem::remove(folder_.path("sound.safetensors"));
  const Outcome decoded = run({"decode", stream, folder_.path("o.mkv")});
  EXPECT_EQ(decoded.code, 15) << decoded.err;
  expect_nothing_left("o.mkv");
  EXPECT_EQ(run({"decode", stream, folder_.path("o.mkv"), "--no-sound"}).code, 0);
  const Outcome left_out = run({"encode", in, folder_.path("w.tsr")});
  EXPECT_EQ(left_out.code, 0) << left_out.err;
  EXPECT_NE(left_out.err.find("sound left out"), std::string::npos) << left_out.err;
  EXPECT_EQ(run({"encode", in, folder_.path("x.tsr"), "--sound-bitrate", "3200"}).code, 15);
}

TEST_F(CliVideoSound, TheRateIsOfTheWholeFile) {
  const std::string in = source("in.mkv", 2);
  const Outcome greedy = run({"encode", in, folder_.path("v.tsr"), "--bitrate", "3k", "--sound-bitrate", "3200"});
  EXPECT_EQ(greedy.code, 18) << greedy.err;
  EXPECT_EQ(greedy.error_lines(), 1u);
  expect_nothing_left("v.tsr");
  EXPECT_EQ(run({"encode", in, folder_.path("v.tsr"), "--no-sound", "--sound-bitrate", "3200"}).code, 2);
}

TEST_F(CliVideo, CutOffStreamsGiveWhatIsThere) {
  ASSERT_EQ(run({"encode", put("in.y4m", y4m(moving_clip(48, 48, 20))), folder_.path("v.tsr"), "--quiet"}).code, 0);
  const std::string good = text_of(folder_.path("v.tsr"));
  put("cut.tsr", good.substr(0, good.size() * 7 / 10));
  const Outcome decoded = run({"decode", folder_.path("cut.tsr"), folder_.path("cut.y4m")});
  EXPECT_EQ(decoded.code, 11) << decoded.err;
  EXPECT_EQ(decoded.error_lines(), 1u) << decoded.err;
  const size_t frames = read(folder_.path("cut.y4m")).frames.size();
  EXPECT_GE(frames, 4u);
  EXPECT_LT(frames, 20u);
  EXPECT_EQ(run({"verify", folder_.path("cut.tsr")}).code, 11);
  for (const size_t size : {0u, 3u, 20u, 40u}) {
    put("cut.tsr", good.substr(0, size));
    const Outcome nothing = run({"decode", folder_.path("cut.tsr"), folder_.path("n.y4m")});
    EXPECT_EQ(nothing.code, 11) << size << nothing.err;
    EXPECT_EQ(nothing.error_lines(), 1u);
    expect_nothing_left("n.y4m");
  }
}

TEST_F(CliVideo, DamageIsConcealedUpToTheNextKeyFrame) {
  ASSERT_EQ(run({"encode", put("in.y4m", y4m(moving_clip(48, 48, 20))), folder_.path("v.tsr"), "--keyint", "5", "--quiet"}).code, 0);
  ASSERT_EQ(run({"decode", folder_.path("v.tsr"), folder_.path("good.y4m"), "--quiet"}).code, 0);
  std::string bytes = text_of(folder_.path("v.tsr"));
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x41);
  put("bad.tsr", bytes);
  const Outcome decoded = run({"decode", folder_.path("bad.tsr"), folder_.path("bad.y4m")});
  EXPECT_EQ(decoded.code, 12) << decoded.err;
  EXPECT_NE(decoded.err.find("concealed"), std::string::npos) << decoded.err;
  const Read good = read(folder_.path("good.y4m")), bad = read(folder_.path("bad.y4m"));
  ASSERT_EQ(good.frames.size(), 20u);
  ASSERT_EQ(bad.frames.size(), 20u);
  size_t same = 0;
  for (size_t t = 0; t < 20; ++t) same += good.frames[t].samples == bad.frames[t].samples;
  EXPECT_GE(same, 15u);
  EXPECT_LT(same, 20u);
  EXPECT_EQ(run({"verify", folder_.path("bad.tsr")}).code, 12);
}

TEST_F(CliVideo, ASourceThatIsCutOffIsCodedUpToThere) {
  const std::string whole = y4m(moving_clip(48, 48, 6));
  const Outcome cut = run({"encode", put("cut.y4m", whole.substr(0, whole.size() - 1000)), folder_.path("v.tsr")});
  EXPECT_LE(cut.error_lines(), 1u) << cut.err;
  const Outcome decoded = run({"decode", folder_.path("v.tsr"), folder_.path("o.y4m"), "--quiet"});
  EXPECT_EQ(decoded.code, 0) << decoded.err;
  EXPECT_GE(read(folder_.path("o.y4m")).frames.size(), 5u);
}

TEST_F(CliVideo, AFullDiskKeepsWhatIsWritten) {
  const std::string in = put("in.y4m", y4m(moving_clip(96, 96, 60)));
  ASSERT_EQ(run({"encode", in, folder_.path("whole.tsr"), "-q", "60", "--quiet"}).code, 0);
  const size_t size = text_of(folder_.path("whole.tsr")).size();
  // A limit on the size of files stands for the disk; the program that is started inherits it. The second one is met by the last packet.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  for (const auto& [limit, frames] : {std::pair{size / 2, size_t{11}}, {size - 1, size_t{59}}}) {
    std::filesystem::remove(folder_.path("v.tsr"));
    const rlimit small{limit, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const Outcome full = run_program({"encode", in, folder_.path("v.tsr"), "-q", "60", "--quiet"}, {}, {}, {"TESSERA_WEIGHTS=" + folder_.folder()});
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(full.code, 19) << full.err;
    EXPECT_EQ(full.error_lines(), 1u) << full.err;
    ASSERT_TRUE(exists(folder_.path("v.tsr")));
    EXPECT_EQ(run({"decode", folder_.path("v.tsr"), folder_.path("o.y4m")}).code, 11);
    EXPECT_GE(read(folder_.path("o.y4m")).frames.size(), frames);
  }
}

TEST_F(CliVideo, WrongOptionsAndInputs) {
  const std::string in = put("in.y4m", y4m(moving_clip(32, 32, 2))), out = folder_.path("w.tsr");
  const auto fails = [&](std::vector<std::string> words, int code) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_EQ(outcome.error_lines(), 1u) << outcome.err;
    expect_nothing_left("w.tsr");
  };
  for (const char* rate : {"x", "-1", "0", "M"}) fails({"encode", in, out, "--bitrate", rate}, 2);
  fails({"encode", in, out, "--keyint", "-3"}, 2);
  fails({"encode", in, out, "--buffer", "0"}, 2);
  fails({"encode", in, out, "--bpp", "1"}, 18);
  fails({"encode", in, out, "--model", "none"}, 15);
  fails({"encode", in, out, "--model", "overfit"}, 18);
  fails({"encode", in, folder_.path("w.tsr.mkv"), "--sound-bitrate", "6k"}, 18);
  const Outcome picture_model = run({"encode", in, out, "--model", "overfit"});
  EXPECT_NE(picture_model.err.find("codes pictures, not video"), std::string::npos) << picture_model.err;
  fails({"encode", put("no.y4m", "YUV4MPEG2 nonsense"), out}, 12);
  fails({"encode", put("no.mp4", std::string("\0\0\0\x18" "ftypisom", 12) + std::string(100, 'x')), out}, 12);
  ASSERT_EQ(run({"encode", in, folder_.path("v.tsr"), "--quiet"}).code, 0);
  const Outcome picture = run({"decode", folder_.path("v.tsr"), folder_.path("o.png")});
  EXPECT_EQ(picture.code, 18) << picture.err;
  EXPECT_EQ(picture.error_lines(), 1u);
  const Outcome small = run({"decode", folder_.path("v.tsr"), folder_.path("o.y4m"), "--max-pixels", "100"});
  EXPECT_EQ(small.code, 14) << small.err;
  expect_nothing_left("o.y4m");
  const Outcome no_space = run({"decode", folder_.path("v.tsr"), "/dev/full"});
  EXPECT_EQ(no_space.code, 19) << no_space.err;
  EXPECT_EQ(no_space.error_lines(), 1u) << no_space.err;
}

}  // namespace
}  // namespace tessera::test
