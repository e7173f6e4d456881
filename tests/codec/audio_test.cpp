// The audio codec with a network of a few thousand random weights: what is coded comes back sample by sample in time, in pieces as
// whole, over rates, lengths and channels.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>

#include "tests/codec/sounds.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

class Audio : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    write_weights(folder->folder());
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
  static AudioDecoderOptions decoding(bool symbols_only = false) { return {.weights_dir = folder->folder(), .symbols_only = symbols_only}; }

  static constexpr uint32_t kRate = 8000;
  static TemporaryFolder* folder;
};
TemporaryFolder* Audio::folder = nullptr;

TEST_F(Audio, EveryLengthComesBack) {
  for (const std::string model : {"speech", "sound", "coded"}) {
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
  for (const auto& [low_delay, effort] : {std::pair{false, 5}, {true, 5}, {false, 7}, {true, 7}}) {
    AudioEncoderOptions o = options();
    o.low_delay = low_delay;
    o.effort = effort;
    const std::vector<float> samples = voice(kRate, 1, 20000);
    const Bytes whole = encoded(o, samples, samples.size()).bytes();
    for (const size_t piece : {1u, 17u, 4000u}) EXPECT_EQ(encoded(o, samples, piece).bytes(), whole) << piece;
  }
}

TEST_F(Audio, StereoAndMonoOfOneModel) {
  const AudioStream stereo = encoded(options("sound", 6000, 2), voice(kRate, 2, 10000));
  EXPECT_EQ(decoded(decoding(), stereo).size(), 20000u);
  // Mono is coded as two equal channels, and the first of them comes back.
  const std::vector<float> mono = voice(kRate, 1, 10000);
  std::vector<float> twice;
  for (const float v : mono) twice.insert(twice.end(), {v, v});
  const AudioStream one = encoded(options("sound", 6000, 1), mono), two = encoded(options("sound", 6000, 2), twice);
  const std::vector<float> a = decoded(decoding(), one), b = decoded(decoding(), two);
  ASSERT_EQ(a.size(), 10000u);
  ASSERT_EQ(b.size(), 20000u);
  EXPECT_EQ(one.report.symbol_checksum, two.report.symbol_checksum);
  for (size_t i = 0; i < a.size(); ++i) ASSERT_FLOAT_EQ(a[i], b[2 * i]);
  // A mono model takes the mean of two channels.
  EXPECT_EQ(encoded(options("speech", 3200, 2), twice).packets.size(), encoded(options("speech", 3200, 1), mono).packets.size());
}

TEST_F(Audio, TheFileHasTheRateThatWasAsked) {
  for (const double rate : {1000.0, 1500.0, 2222.0, 3200.0, 4500.0}) {
    for (const auto& [seconds, lookahead] : {std::pair{5u, 10.0}, {5u, 0.0}, {30u, 10.0}, {30u, 0.0}, {3u, 2.0}}) {
      const std::vector<float> samples = voice(kRate, 1, seconds * kRate + 77);
      AudioEncoderOptions o = options("speech", rate);
      o.lookahead = lookahead;
      const AudioStream stream = encoded(o, samples);
      const double real = 8.0 * static_cast<double>(stream.bytes().size()) * kRate / static_cast<double>(samples.size());
      EXPECT_NEAR(real / rate, 1.0, 0.03) << rate << " bit/s, " << seconds << " s, " << lookahead << " s ahead";
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

TEST_F(Audio, TimeIsOver) {
  const AudioStream stream = encoded(options(), voice(kRate, 1, 8000));
  AudioDecoderOptions o = decoding();
  o.max_seconds = 1e-9;
  auto decoder = AudioDecoder::create(o);
  ASSERT_TRUE(decoder->open(stream.header).ok());  // the clock starts here
  for (const AudioPacket& packet : stream.packets) EXPECT_EQ(decoder->send(packet.bytes).code(), ErrorCode::limit);
  EXPECT_EQ(decoder->lost(1).code(), ErrorCode::limit);
  EXPECT_FALSE(decoder->receive());
  o.max_seconds = 3600;
  EXPECT_EQ(decoded(o, stream).size(), 8000u);
}

TEST_F(Audio, SilenceAndNoiseAndBadSamples) {
  const std::vector<float> silence(20000, 0.f);
  const std::vector<float> quiet = decoded(decoding(), encoded(options(), silence));
  ASSERT_EQ(quiet.size(), silence.size());
  std::vector<float> bad = voice(kRate, 1, 20000), replaced = bad;
  const float values[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  for (size_t i = 100; i < bad.size(); i += 1000) bad[i] = values[i / 1000 % 3], replaced[i] = 0;
  const AudioStream stream = encoded(options(), bad);
  EXPECT_EQ(stream.report.replaced, 20u);
  EXPECT_EQ(stream.bytes(), encoded(options(), replaced).bytes());
  for (const float v : decoded(decoding(), stream)) ASSERT_TRUE(std::isfinite(v));
  std::vector<float> loud = voice(kRate, 1, 9000);
  for (float& v : loud) v *= 1e30f;
  for (const float v : decoded(decoding(), encoded(options(), loud))) ASSERT_TRUE(std::isfinite(v));
}

TEST_F(Audio, MistakesOfTheCallerAreNamed) {
  auto encoder = AudioEncoder::create(options());
  ASSERT_TRUE(encoder);
  const std::vector<float> samples(3, 0.f);
  EXPECT_EQ(encoder->send({samples, 2, kRate}).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(encoder->send({samples, 1, 44100}).code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(encoder->flush().ok());
  EXPECT_EQ(encoder->flush().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(encoder->send({samples, 1, kRate}).code(), ErrorCode::invalid_argument);
  AudioEncoderOptions o = options("none");
  EXPECT_EQ(AudioEncoder::create(o).status().code(), ErrorCode::model_missing);
  o = options();
  o.channels = 3;
  EXPECT_EQ(AudioEncoder::create(o).status().code(), ErrorCode::invalid_argument);
  o.channels = 1;
  o.lookahead = -1;
  EXPECT_EQ(AudioEncoder::create(o).status().code(), ErrorCode::invalid_argument);
  o.lookahead = 10;
  o.effort = 10;
  EXPECT_EQ(AudioEncoder::create(o).status().code(), ErrorCode::invalid_argument);
  o.effort = 5;
  o.source_bit_depth = 0;
  EXPECT_EQ(AudioEncoder::create(o).status().code(), ErrorCode::invalid_argument);
  auto decoder = AudioDecoder::create(decoding());
  EXPECT_EQ(decoder->send({}).code(), ErrorCode::invalid_argument);
  EXPECT_EQ(decoder->flush().code(), ErrorCode::invalid_argument);
  EXPECT_FALSE(decoder->receive());
  const Bytes header = encoded(options(), {}).header;
  EXPECT_TRUE(decoder->open(header).ok());
  EXPECT_EQ(decoder->open(header).code(), ErrorCode::invalid_argument);
}

TEST_F(Audio, LookAheadHoldsPacketsBack) {
  for (const double seconds : {0.0, 3.0}) {
    AudioEncoderOptions o = options();
    o.lookahead = seconds;
    auto encoder = AudioEncoder::create(o);
    ASSERT_TRUE(encoder);
    const std::vector<float> samples = voice(kRate, 1, 2 * kRate);
    ASSERT_TRUE(encoder->send({samples, 1, kRate}).ok());
    EXPECT_EQ(encoder->receive().has_value(), seconds == 0);
  }
}

TEST_F(Audio, LowDelayTakesTheCausalModel) {
  AudioEncoderOptions o = options();
  o.low_delay = true;
  const auto live = AudioEncoder::create(o), usual = AudioEncoder::create(options());
  ASSERT_TRUE(live && usual);
  EXPECT_LE(live->delay(), 0.040);
  EXPECT_GT(usual->delay(), 0.5);
  auto decoder = AudioDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(live->header()).ok());
  EXPECT_TRUE(decoder->causal());
  // Without such a variant the ordinary model serves.
  o.model = "coded";
  EXPECT_TRUE(AudioEncoder::create(o));
}

// The weights are random: it cannot save anything, and costs nothing, since what is larger than plain indices is not used.
// As an encoder gives it out: packet by packet, the index last.
TEST_F(Audio, ADecoderTakesTheIndexOfLongStreams) {
  const std::vector<float> samples = voice(kRate, 1, 22 * kRate);
  const AudioStream stream = encoded(options(), samples);
  ASSERT_TRUE(stream.packets.back().index);
  auto decoder = AudioDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream.header).ok());
  for (const AudioPacket& packet : stream.packets) {
    const Status status = decoder->send(packet.bytes);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  EXPECT_TRUE(decoder->flush().ok());
}

TEST_F(Audio, EveryEffortMakesAStreamOfTheSameRate) {
  const std::vector<float> samples = voice(kRate, 1, 6 * kRate);
  for (const int effort : {0, 1, 5, 6, 7, 8}) {
    AudioEncoderOptions o = options("speech", 3200);
    o.effort = effort;
    const AudioStream stream = encoded(o, samples);
    EXPECT_NEAR(8.0 * static_cast<double>(stream.bytes().size()) / 6, 3200, 100) << effort;
    EXPECT_EQ(decoded(decoding(), stream).size(), samples.size()) << effort;
  }
}

TEST_F(Audio, AnIndexModelThatSavesNothingCostsNothing) {
  const std::vector<float> samples = voice(kRate, 1, 40000);
  const AudioStream plain = encoded(options("speech"), samples), coded = encoded(options("coded"), samples);
  EXPECT_NEAR(coded.report.levels, plain.report.levels, 0.1);
  EXPECT_EQ(decoded(decoding(), coded).size(), samples.size());
}

TEST_F(Audio, StreamsDescribeThemselves) {
  const AudioStream stream = encoded(options("sound", 6000, 2), voice(kRate, 2, 30001));
  const auto info = inspect(stream.bytes(), folder->folder());
  ASSERT_TRUE(info) << info.status().message();
  EXPECT_EQ(info->media, "audio");
  EXPECT_EQ(info->model, "sound");
  EXPECT_TRUE(info->model_available);
  EXPECT_EQ(info->sample_rate, kRate);
  EXPECT_EQ(info->channels, 2u);
  EXPECT_EQ(info->samples, 30001u);
  EXPECT_EQ(info->packets, stream.packets.size());
  EXPECT_NEAR(info->bit_rate, 6000, 180);
  EXPECT_GT(info->decode_mmac_per_second, 0);
  const auto nothing = inspect(encoded(options(), {}).bytes(), folder->folder());
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->samples, 0u);
  AudioEncoderOptions live = options();
  live.low_delay = true;
  EXPECT_EQ(inspect(encoded(live, voice(kRate, 1, 777)).bytes())->samples, 777u);
}

TEST_F(Audio, ModelsAreListed) {
  const auto models = list_models(folder->folder());
  ASSERT_TRUE(models);
  ASSERT_EQ(models->size(), 5u);
  for (const ModelInfo& model : *models) {
    EXPECT_EQ(model.media, "audio");
    EXPECT_GT(model.decode_mmac_per_second, 0);
  }
}

TEST(AudioModel, IsChosenByChannelsAndRate) {
  EXPECT_EQ(choose_audio_model(1, 0), "speech-hq");
  EXPECT_EQ(choose_audio_model(1, 3000), "speech");
  EXPECT_EQ(choose_audio_model(1, 6000), "speech-hq");
  EXPECT_EQ(choose_audio_model(1, 12000), "sound");
  EXPECT_EQ(choose_audio_model(2, 0), "sound");
  EXPECT_EQ(choose_audio_model(2, 1500), "speech");
  // What one channel holds, where it is known.
  EXPECT_EQ(choose_audio_model(1, 0, SoundKind::speech), "speech-hq");
  EXPECT_EQ(choose_audio_model(1, 4000, SoundKind::speech), "speech");
  EXPECT_EQ(choose_audio_model(1, 12000, SoundKind::speech), "speech-hq");
  EXPECT_EQ(choose_audio_model(1, 12001, SoundKind::speech), "sound");
  for (const double rate : {0.0, 3000.0, 6000.0, 24000.0}) EXPECT_EQ(choose_audio_model(1, rate, SoundKind::other), "sound") << rate;
  EXPECT_EQ(choose_audio_model(1, 1500, SoundKind::other), "speech");  // `sound` begins at 3 kbit/s
  EXPECT_EQ(choose_audio_model(2, 0, SoundKind::speech), "sound");
}

TEST(AudioModel, KindOfWhatIsTooShortOrSilentIsUnknown) {
  EXPECT_EQ(sound_kind({}), SoundKind::unknown);
  EXPECT_EQ(sound_kind(std::vector<float>(48000, 0.0f)), SoundKind::unknown);
  std::vector<float> tone(20 * kSoundKindRate);
  for (size_t i = 0; i < tone.size(); ++i) tone[i] = 0.3f * std::sin(0.2f * static_cast<float>(i));
  EXPECT_EQ(sound_kind(tone), SoundKind::other);
}

}  // namespace
}  // namespace tessera::test
