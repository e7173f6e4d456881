// Streams of the Bayesian codec that every later build, on every machine, has to decode to the same symbols. After a change of data/weights/bayes*.safetensors:
// `golden_bayes_test --regenerate`, and the checksums that it prints go into the table below.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <iostream>

#include "bitstream/stream_reader.h"
#include "data/byte_file.h"
#include "tests/codec/pictures.h"

namespace tessera::test {
namespace {

struct Golden {
  const char* name;
  uint32_t width, height, channels;
  uint32_t checksum;  // of the decoded symbols
};
constexpr Golden kStreams[] = {{"bayes_rgb", 27, 21, 3, 0x9bf7608b}, {"bayes_grey", 17, 33, 1, 0x3a05f5c0}};
constexpr uint32_t kSoundChecksum = 0x247fd864;
constexpr size_t kSoundSamples = 3000;

std::string path(const char* name) { return std::string(TESSERA_GOLDEN) + "/" + name + ".tsr"; }

std::vector<float> chirp() {
  std::vector<float> samples;
  for (size_t i = 0; i < kSoundSamples; ++i) {
    const double t = static_cast<double>(i) / 24000;
    samples.push_back(static_cast<float>(0.3 * std::sin(2 * M_PI * (300 + 2000 * t) * t)));
  }
  return samples;
}

class GoldenBayes : public testing::TestWithParam<Golden> {};

TEST_P(GoldenBayes, DecodesToTheSameSymbols) {
  const Golden& g = GetParam();
  const auto bytes = media::read_file(path(g.name));
  ASSERT_TRUE(bytes) << bytes.status().message();
  Report report;
  const Image image = decoded(*bytes, {}, &report);
  EXPECT_EQ(report.symbol_checksum, g.checksum);
  EXPECT_GT(psnr(photo(g.width, g.height, g.channels), image), 25);
}

INSTANTIATE_TEST_SUITE_P(Streams, GoldenBayes, testing::ValuesIn(kStreams), [](const auto& test) { return std::string(test.param.name); });

TEST(GoldenBayesSound, DecodesToTheSameSymbols) {
  const auto bytes = media::read_file(path("bayes_sound"));
  ASSERT_TRUE(bytes) << bytes.status().message();
  auto decoder = AudioDecoder::create({});
  ASSERT_TRUE(decoder);
  bitstream::StreamReader reader;
  reader.push(*bytes);
  reader.finish();
  for (;;) {
    const bitstream::StreamReader::Event event = reader.next();
    if (event.kind == bitstream::StreamReader::Kind::end) break;
    ASSERT_TRUE((event.kind == bitstream::StreamReader::Kind::header ? decoder->open(event.bytes) : decoder->send(event.bytes)).ok());
  }
  ASSERT_TRUE(decoder->flush().ok());
  EXPECT_EQ(decoder->report().symbol_checksum, kSoundChecksum);
  const auto block = decoder->receive();
  ASSERT_TRUE(block);
  const std::vector<float> expected = chirp();
  ASSERT_EQ(block->samples.size(), expected.size());
  double signal = 0, error = 0;
  for (size_t i = 0; i < expected.size(); ++i) signal += expected[i] * expected[i], error += std::pow(block->samples[i] - expected[i], 2);
  EXPECT_LT(error, signal / 10);
}

int regenerate() {
  for (const Golden& g : kStreams) {
    EncoderOptions options;
    options.model = "bayes";
    options.quality = 36;
    options.effort = 2;
    Report report;
    const Bytes stream = encoded(photo(g.width, g.height, g.channels), options, {}, &report);
    if (!media::write_file(path(g.name), stream).ok()) return 1;
    std::printf("%s: %zu bytes, checksum 0x%08x\n", g.name, stream.size(), report.symbol_checksum);
  }
  AudioEncoderOptions options;
  options.model = "bayes-sound";
  options.effort = 2;
  auto encoder = AudioEncoder::create(options);
  if (!encoder || !encoder->send({chirp(), 1, 24000}).ok() || !encoder->flush().ok()) return 1;
  Bytes stream = encoder->header();
  while (const auto packet = encoder->receive()) stream.insert(stream.end(), packet->bytes.begin(), packet->bytes.end());
  if (!media::write_file(path("bayes_sound"), stream).ok()) return 1;
  std::printf("bayes_sound: %zu bytes, checksum 0x%08x\n", stream.size(), encoder->report().symbol_checksum);
  return 0;
}

}  // namespace
}  // namespace tessera::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return argc > 1 && std::strcmp(argv[1], "--regenerate") == 0 ? tessera::test::regenerate() : RUN_ALL_TESTS();
}
