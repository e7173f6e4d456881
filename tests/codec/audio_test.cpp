// The audio codec with a network of a few thousand random weights: what is coded comes back sample by sample in time, in pieces as
// whole, over rates, lengths and channels.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/codec/sounds.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/tiny_speech.h"

namespace tessera::test {
namespace {

class Audio : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    models::test::write_tiny_speech(folder->folder(), "speech", models::test::tiny_speech());
    models::test::write_tiny_speech(folder->folder(), "speech-live", models::test::tiny_speech(true));
    models::test::write_tiny_speech(folder->folder(), "sound", models::test::tiny_speech(false, 2));
  }
  static void TearDownTestSuite() { delete folder; }

  static AudioEncoderOptions options(const std::string& model = "speech", double bit_rate = 3200, uint32_t channels = 1) {
    AudioEncoderOptions o;
    o.model = model;
    o.bit_rate = bit_rate;
    o.channels = channels;
    o.weights_dir = folder->folder();
    return o;
  }
  static AudioDecoderOptions decoding(bool symbols_only = false) { return {folder->folder(), symbols_only}; }

  static constexpr uint32_t kRate = 8000;
  static TemporaryFolder* folder;
};
TemporaryFolder* Audio::folder = nullptr;

TEST_F(Audio, EveryLengthComesBack) {
  for (const std::string model : {"speech", "sound"}) {
    for (const bool low_delay : {false, true}) {
      for (const size_t length : {0u, 1u, 39u, 40u, 41u, 3999u, 4000u, 4001u, 8000u, 12345u}) {
        AudioEncoderOptions o = options(model, 3200);
        o.low_delay = low_delay;
        const AudioStream stream = encoded(o, voice(kRate, 1, length));
        AudioReport report;
        EXPECT_EQ(decoded(decoding(), stream, {}, &report).size(), length) << model << low_delay;
        EXPECT_EQ(report.samples, length);
        EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
        EXPECT_EQ(report.indices, stream.report.indices);
        EXPECT_EQ(stream.report.bytes, stream.bytes().size());
      }
    }
  }
}

TEST_F(Audio, PiecesDoNotMatter) {
  for (const bool low_delay : {false, true}) {
    AudioEncoderOptions o = options();
    o.low_delay = low_delay;
    const std::vector<float> samples = voice(kRate, 1, 20000);
    const Bytes whole = encoded(o, samples, samples.size()).bytes();
    for (const size_t piece : {1u, 17u, 4000u}) EXPECT_EQ(encoded(o, samples, piece).bytes(), whole) << piece;
  }
}

TEST_F(Audio, StereoAndMonoOfOneModel) {
  const AudioStream stereo = encoded(options("sound", 6000, 2), voice(kRate, 2, 10000));
  EXPECT_EQ(decoded(decoding(), stereo).size(), 20000u);
  // Mono is coded as two equal channels, and comes back as one.
  const std::vector<float> mono = voice(kRate, 1, 10000);
  std::vector<float> twice;
  for (const float v : mono) twice.insert(twice.end(), {v, v});
  const AudioStream one = encoded(options("sound", 6000, 1), mono), two = encoded(options("sound", 6000, 2), twice);
  const std::vector<float> a = decoded(decoding(), one), b = decoded(decoding(), two);
  ASSERT_EQ(a.size(), 10000u);
  ASSERT_EQ(b.size(), 20000u);
  EXPECT_EQ(one.report.symbol_checksum, two.report.symbol_checksum);
  for (size_t i = 0; i < a.size(); ++i) ASSERT_FLOAT_EQ(a[i], (b[2 * i] + b[2 * i + 1]) * 0.5f);
  // A mono model takes the mean of two channels.
  EXPECT_EQ(encoded(options("speech", 3200, 2), twice).packets.size(), encoded(options("speech", 3200, 1), mono).packets.size());
}

TEST_F(Audio, TheFileHasTheRateThatWasAsked) {
  for (const double rate : {1000.0, 1500.0, 2222.0, 3200.0, 4500.0}) {
    for (const size_t seconds : {5u, 30u}) {
      const std::vector<float> samples = voice(kRate, 1, seconds * kRate + 77);
      const AudioStream stream = encoded(options("speech", rate), samples);
      const double real = 8.0 * static_cast<double>(stream.bytes().size()) * kRate / static_cast<double>(samples.size());
      EXPECT_NEAR(real / rate, 1.0, 0.03) << rate << " bit/s, " << seconds << " s";
    }
  }
}

TEST_F(Audio, RatesOutOfReachAreRefused) {
  for (const double rate : {1.0, 100.0, 1e6, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    const auto encoder = AudioEncoder::create(options("speech", rate));
    ASSERT_FALSE(encoder) << rate;
    EXPECT_EQ(encoder.status().code(), ErrorCode::invalid_argument);
  }
}

TEST_F(Audio, SymbolsAloneCanBeProved) {
  const AudioStream stream = encoded(options(), voice(kRate, 1, 12000));
  AudioReport report;
  EXPECT_TRUE(decoded(decoding(true), stream, {}, &report).empty());
  EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
  EXPECT_GT(report.indices, 0u);
}

}  // namespace
}  // namespace tessera::test
