// Sound through the whole program, with small random networks of 8 kHz: files of every kind in and out, pipes, damage, bad input.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/audio_reader.h"
#include "data/audio_writer.h"
#include "tests/apps/run_program.h"
#include "tests/codec/sounds.h"
#include "tests/data/av_samples.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

class CliSound : public testing::Test {
 protected:
  CliSound() { write_weights(folder_.folder()); }

  Outcome run(std::vector<std::string> arguments, const std::string& input = {}) const {
    return run_program(arguments, input, {}, {"TESSERA_WEIGHTS=" + folder_.folder()});
  }

  std::string wav(const std::string& name, uint32_t rate, uint16_t channels, size_t frames) const {
    put_text_file(folder_.path(name), float_wav(rate, channels, voice(rate, channels, frames)));
    return folder_.path(name);
  }

  // Encodes and decodes; gives the number of decoded frames.
  size_t round_trip(const std::string& in, std::vector<std::string> options = {}, uint32_t channels = 1) const {
    std::vector<std::string> words = {"encode", in, folder_.path("r.tsr"), "--quiet"};
    words.insert(words.end(), options.begin(), options.end());
    const Outcome encoded = run(words);
    EXPECT_EQ(encoded.code, 0) << encoded.err;
    const Outcome decoded = run({"decode", folder_.path("r.tsr"), folder_.path("r.wav"), "--quiet"});
    EXPECT_EQ(decoded.code, 0) << decoded.err;
    return frames_of(folder_.path("r.wav"), channels);
  }

  static size_t frames_of(const std::string& path, uint32_t channels) {
    auto reader = media::AudioReader::open(path);
    EXPECT_TRUE(reader) << reader.status().message();
    if (!reader) return 0;
    EXPECT_EQ(reader->channels(), channels);
    std::vector<float> samples(channels * size_t{1} << 16);
    size_t frames = 0;
    for (;;) {
      const auto count = reader->read(samples);
      EXPECT_TRUE(count) << count.status().message();
      if (!count || *count == 0) return frames;
      for (size_t i = 0; i < *count * channels; ++i) EXPECT_TRUE(std::isfinite(samples[i]));
      frames += *count;
    }
  }

  void expect_nothing_left(const std::string& output) const {
    EXPECT_FALSE(exists(folder_.path(output)));
    for (const auto& name : folder_.names()) EXPECT_EQ(name.find(".part"), std::string::npos) << name;
  }

  TemporaryFolder folder_;
};

TEST_F(CliSound, RatesAndChannelsAndLengths) {
  EXPECT_EQ(round_trip(wav("a.wav", 8000, 1, 12345), {"--bitrate", "3200"}), 12345u);
  EXPECT_EQ(round_trip(wav("b.wav", 44100, 1, 44100), {"--bitrate", "3200"}), 8000u);
  EXPECT_EQ(round_trip(wav("c.wav", 192000, 2, 19200), {"--bitrate", "6k"}, 2), 800u);
  EXPECT_EQ(round_trip(wav("d.wav", 48000, 8, 4800), {"--bitrate", "6k"}, 2), 800u);
  EXPECT_EQ(round_trip(wav("e.wav", 48000, 6, 4800), {"--bitrate", "3.2k", "--model", "speech"}), 800u);
  EXPECT_EQ(round_trip(wav("f.wav", 8000, 1, 1), {"--bitrate", "3200"}), 1u);
  EXPECT_EQ(round_trip(wav("g.wav", 8000, 1, 9999), {"--bitrate", "3200", "--low-delay"}), 9999u);
}

TEST_F(CliSound, NoSamplesAtAll) {
  const std::string in = wav("none.wav", 8000, 1, 0);
  const Outcome encoded = run({"encode", in, folder_.path("none.tsr"), "--bitrate", "3200"});
  if (encoded.code != 0) {  // FFmpeg may refuse such a file: then in one sentence
    EXPECT_EQ(encoded.error_lines(), 1u) << encoded.err;
    return expect_nothing_left("none.tsr");
  }
  EXPECT_EQ(run({"decode", folder_.path("none.tsr"), folder_.path("none.out.wav")}).code, 0);
}

TEST_F(CliSound, SilenceClippingAndNaN) {
  std::vector<float> samples(8000, 0.f);
  put_text_file(folder_.path("s.wav"), float_wav(8000, 1, samples));
  EXPECT_EQ(round_trip(folder_.path("s.wav"), {"--bitrate", "3200"}), 8000u);
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = i % 100 < 50 ? 1e20f : -30.f;
  samples[77] = std::numeric_limits<float>::quiet_NaN();
  samples[78] = std::numeric_limits<float>::infinity();
  put_text_file(folder_.path("n.wav"), float_wav(8000, 1, samples));
  EXPECT_EQ(round_trip(folder_.path("n.wav"), {"--bitrate", "3200"}), 8000u);
}

TEST_F(CliSound, OutputFormatsAndDefaultNames) {
  const std::string in = wav("talk.wav", 8000, 1, 16000);
  ASSERT_EQ(run({"encode", in, "--bitrate", "3200", "--quiet"}).code, 0);
  ASSERT_TRUE(exists(folder_.path("talk.tsr")));
  for (const char* name : {"o.wav", "o.flac", "o.opus", "o.mp4"}) {
    const Outcome outcome = run({"decode", folder_.path("talk.tsr"), folder_.path(name)});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const size_t frames = frames_of(folder_.path(name), 1);
    EXPECT_EQ(frames, name == std::string("o.opus") ? 96000u : 16000u) << name;  // Opus knows 48 kHz only
  }
  ASSERT_EQ(run({"decode", folder_.path("talk.tsr"), "--out-dir", folder_.path("out"), "--quiet"}).code, 0);
  EXPECT_EQ(frames_of(folder_.path("out/talk.wav"), 1), 16000u);
  const Outcome picture = run({"decode", folder_.path("talk.tsr"), folder_.path("o.png")});
  EXPECT_EQ(picture.code, 18) << picture.err;
  EXPECT_EQ(picture.error_lines(), 1u);
  expect_nothing_left("o.png");
}

TEST_F(CliSound, Pipes) {
  const std::string bytes = float_wav(8000, 1, voice(8000, 1, 20000));
  const Outcome encoded = run({"encode", "-", "--bitrate", "3200"}, bytes);
  ASSERT_EQ(encoded.code, 0) << encoded.err;
  const Outcome decoded = run({"decode", "-"}, encoded.out);
  ASSERT_EQ(decoded.code, 0) << decoded.err;
  put_text_file(folder_.path("p.wav"), decoded.out);
  EXPECT_EQ(frames_of(folder_.path("p.wav"), 1), 20000u);
}

TEST_F(CliSound, RateIsWhatWasAsked) {
  const std::string in = wav("r.wav", 8000, 1, 80000);
  for (const char* rate : {"1500", "2.5k", "3200"}) {
    ASSERT_EQ(run({"encode", in, folder_.path("q.tsr"), "--bitrate", rate}).code, 0);
    const Outcome info = run({"info", "--json", folder_.path("q.tsr")});
    const auto json = nlohmann::json::parse(info.out);
    const double asked = std::string(rate) == "2.5k" ? 2500 : std::stod(rate);
    EXPECT_NEAR(json["bit_rate"].get<double>() / asked, 1, 0.03);
    EXPECT_EQ(json["samples"], 80000);
    EXPECT_EQ(json["media"], "audio");
    EXPECT_FALSE(json.contains("width"));
  }
}

TEST_F(CliSound, InfoVerifyBenchModels) {
  const std::string in = wav("r.wav", 8000, 1, 30000), stream = folder_.path("r.tsr");
  ASSERT_EQ(run({"encode", in, stream, "--bitrate", "3200"}).code, 0);
  const Outcome info = run({"info", "--check", stream}), verified = run({"verify", stream}), bench = run({"bench", in, "--bitrate", "1600,3200", "--repeat", "1"}),
                json = run({"bench", in, "--bitrate", "3200", "--repeat", "1", "--json"}), models = run({"models"});
  EXPECT_NE(info.out.find("8000 Hz, 1 channel"), std::string::npos) << info.out << info.err;
  EXPECT_EQ(verified.code, 0);
  EXPECT_NE(verified.out.find("checksum"), std::string::npos) << verified.out;
  EXPECT_EQ(bench.code, 0) << bench.err;
  EXPECT_NEAR(nlohmann::json::parse(json.out)[0]["bit_rate"].get<double>(), 3200, 96);
  EXPECT_NE(models.out.find("audio"), std::string::npos);
  EXPECT_NE(models.out.find("speech-live"), std::string::npos);
}

TEST_F(CliSound, CutOffStreamsGiveWhatIsThere) {
  ASSERT_EQ(run({"encode", wav("r.wav", 8000, 1, 40000), folder_.path("r.tsr"), "--bitrate", "3200"}).code, 0);
  const std::string good = text_of(folder_.path("r.tsr"));
  put_text_file(folder_.path("cut.tsr"), good.substr(0, good.size() * 6 / 10));
  const Outcome decoded = run({"decode", folder_.path("cut.tsr"), folder_.path("cut.wav")});
  EXPECT_EQ(decoded.code, 11) << decoded.err;
  EXPECT_EQ(decoded.error_lines(), 1u) << decoded.err;
  const size_t frames = frames_of(folder_.path("cut.wav"), 1);
  EXPECT_GE(frames, 20000u);
  EXPECT_LT(frames, 24001u);
  EXPECT_EQ(run({"verify", folder_.path("cut.tsr")}).code, 11);
  for (const size_t size : {0u, 3u, 20u}) {
    put_text_file(folder_.path("cut.tsr"), good.substr(0, size));
    const Outcome nothing = run({"decode", folder_.path("cut.tsr"), folder_.path("n.wav")});
    EXPECT_EQ(nothing.code, 11) << size << nothing.err;
    EXPECT_EQ(nothing.error_lines(), 1u);
    expect_nothing_left("n.wav");
  }
}

TEST_F(CliSound, SoundGoesOnBehindDamage) {
  ASSERT_EQ(run({"encode", wav("r.wav", 8000, 1, 40000), folder_.path("r.tsr"), "--bitrate", "3200"}).code, 0);
  ASSERT_EQ(run({"decode", folder_.path("r.tsr"), folder_.path("good.wav")}).code, 0);
  std::string bytes = text_of(folder_.path("r.tsr"));
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x41);
  put_text_file(folder_.path("bad.tsr"), bytes);
  const Outcome decoded = run({"decode", folder_.path("bad.tsr"), folder_.path("bad.wav")});
  EXPECT_EQ(decoded.code, 12) << decoded.err;
  EXPECT_NE(decoded.err.find("1 packet lost"), std::string::npos) << decoded.err;
  const std::string good = text_of(folder_.path("good.wav")), bad = text_of(folder_.path("bad.wav"));
  ASSERT_EQ(good.size(), bad.size());
  EXPECT_EQ(good.substr(0, 20000), bad.substr(0, 20000));
  EXPECT_EQ(good.substr(good.size() - 20000), bad.substr(bad.size() - 20000));
  EXPECT_NE(good, bad);
  EXPECT_EQ(run({"verify", folder_.path("bad.tsr")}).code, 12);
}

TEST_F(CliSound, WrongOptionsAndInputs) {
  const std::string in = wav("r.wav", 8000, 1, 8000), out = folder_.path("w.tsr");
  const auto fails = [&](std::vector<std::string> words, int code) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_EQ(outcome.error_lines(), 1u) << outcome.err;
    expect_nothing_left("w.tsr");
  };
  for (const char* rate : {"x", "6q", "-1", "0", "k"}) fails({"encode", in, out, "--bitrate", rate}, 2);
  fails({"encode", in, out, "--bitrate", "900k"}, 18);
  fails({"encode", in, out, "--model", "none"}, 15);
  fails({"encode", in, out, "--model", "overfit"}, 18);
  fails({"encode", in, out, "--bpp", "1"}, 18);
  fails({"encode", in, folder_.path("w.tsr.mkv")}, 18);
  EXPECT_FALSE(exists(folder_.path("w.tsr.mkv")));
  const Outcome picture_model = run({"encode", write_photo(folder_.path("p.png")), out, "--model", "speech"});
  EXPECT_EQ(picture_model.code, 18);
  EXPECT_NE(picture_model.err.find("codes sound, not pictures"), std::string::npos) << picture_model.err;
  fails({"bench", in, "--model", "overfit"}, 18);
  fails({"bench", folder_.path("p.png"), "--model", "speech"}, 18);
  fails({"encode", in, out, "--device", "cuda"}, 17);
  fails({"encode", write_photo(folder_.path("p.png")), out, "--bitrate", "6k"}, 18);
  fails({"encode", write_photo(folder_.path("p.png")), out, "--low-delay"}, 18);
  put_text_file(folder_.path("t.wav"), "this is no sound");
  const Outcome text = run({"encode", folder_.path("t.wav"), out});
  EXPECT_NE(text.code, 0);
  EXPECT_EQ(text.error_lines(), 1u) << text.err;
  const std::string whole = text_of(in);
  put_text_file(folder_.path("h.wav"), whole.substr(0, 30));
  const Outcome head = run({"encode", folder_.path("h.wav"), out});
  EXPECT_NE(head.code, 0);
  EXPECT_EQ(head.error_lines(), 1u) << head.err;
  expect_nothing_left("w.tsr");
  // A file that ends early gives the sound that it has.
  put_text_file(folder_.path("e.wav"), whole.substr(0, whole.size() / 2));
  EXPECT_EQ(run({"encode", folder_.path("e.wav"), folder_.path("e.tsr"), "--bitrate", "3200"}).code, 0);
}

TEST_F(CliSound, SeveralFilesAtOnce) {
  const std::string a = wav("a.wav", 8000, 1, 9000), b = wav("b.wav", 8000, 1, 7000);
  const Outcome encoded = run({"encode", a, b, "--out-dir", folder_.path("o"), "--bitrate", "3200"});
  ASSERT_EQ(encoded.code, 0) << encoded.err;
  EXPECT_NE(encoded.err.find("2 of 2 files"), std::string::npos) << encoded.err;
  ASSERT_EQ(run({"decode", folder_.path("o/a.tsr"), folder_.path("o/b.tsr"), "--out-dir", folder_.path("o")}).code, 0);
  EXPECT_EQ(frames_of(folder_.path("o/a.wav"), 1), 9000u);
  EXPECT_EQ(frames_of(folder_.path("o/b.wav"), 1), 7000u);
}

}  // namespace
}  // namespace tessera::test
