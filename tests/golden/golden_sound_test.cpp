// Streams of sound that were stored when the shipped weights were made: every later build, on every machine, has to decode them to the
// same indices. `golden_sound_test --regenerate` stores new ones, which a change of the weights asks for.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bitstream/stream_reader.h"
#include "codec/tessera.h"
#include "data/byte_file.h"

namespace tessera::test {
namespace {

const std::string kFolder = TESSERA_GOLDEN;
constexpr const char* kHow = "; where the weights were meant to change, run golden_sound_test --regenerate and commit tests/golden";

struct Golden {
  const char* name;
  const char* model;
  double bit_rate;
  bool low_delay;
  size_t samples;
  double loudness_db = 6;  // how far the decoded loudness may be from the source's
};
constexpr Golden kStreams[] = {{"speech_6k", "speech", 6000, false, 50001}, {"speech_1k5", "speech", 1500, false, 40000},
                               {"speech_live", "speech", 8000, true, 12345}, {"speech_one", "speech", 6000, false, 1},
                               {"speech_hq", "speech-hq", 9000, false, 30001},
                               // Revision 1 of sound renders this voice 6.4 dB too softly.
                               {"sound_12k", "sound", 12000, false, 60001, 8}};

// Gliding harmonics, in and out.
std::vector<float> source(const Golden& g, uint32_t rate) {
  std::vector<float> samples;
  double phase = 0;
  for (size_t i = 0; i < g.samples; ++i) {
    const double t = static_cast<double>(i) / rate;
    phase += 2 * M_PI * (140 + 50 * std::sin(5 * t)) / rate;
    double v = 0;
    for (int h = 1; h <= 12; ++h) v += std::sin(h * phase) / h;
    samples.push_back(static_cast<float>(0.15 * v * (0.6 + 0.4 * std::sin(17 * t))));
  }
  return samples;
}

std::string path(const Golden& g) { return kFolder + "/" + g.name + ".tsr"; }

std::string hex(uint32_t value) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", value);
  return text;
}

nlohmann::json stored() {
  const auto bytes = media::read_file(kFolder + "/golden_sound.json");
  EXPECT_TRUE(bytes) << bytes.status().message();
  return bytes ? nlohmann::json::parse(bytes->begin(), bytes->end(), nullptr, false) : nlohmann::json();
}

// Samples decoded; fails on any damage.
Result<std::vector<float>> decode(std::span<const uint8_t> bytes, AudioReport& report) {
  auto decoder = AudioDecoder::create({});
  if (!decoder) return decoder.status();
  std::vector<float> samples;
  bitstream::StreamReader reader;
  reader.push(bytes);
  reader.finish();
  for (;;) {
    const auto event = reader.next();
    if (event.kind == bitstream::StreamReader::Kind::header) TESSERA_RETURN_IF_ERROR(decoder->open(event.bytes));
    if (event.kind == bitstream::StreamReader::Kind::packet) TESSERA_RETURN_IF_ERROR(decoder->send(event.bytes));
    if (event.kind == bitstream::StreamReader::Kind::lost) return event.damage;
    if (event.kind == bitstream::StreamReader::Kind::end) {
      TESSERA_RETURN_IF_ERROR(event.damage);
      TESSERA_RETURN_IF_ERROR(decoder->flush());
    }
    while (auto block = decoder->receive()) samples.insert(samples.end(), block->samples.begin(), block->samples.end());
    if (event.kind != bitstream::StreamReader::Kind::end) continue;
    report = decoder->report();
    return samples;
  }
}

class GoldenSound : public testing::TestWithParam<Golden> {
 protected:
  void TearDown() override { ::unsetenv("TESSERA_SIMD"); }
};

TEST_P(GoldenSound, DecodesToTheSameIndices) {
  const Golden& g = GetParam();
  const auto stream = media::read_file(path(g));
  ASSERT_TRUE(stream) << stream.status().message();
  const nlohmann::json json = stored();
  ASSERT_TRUE(json.is_object() && json.contains(g.name)) << g.name << kHow;
  for (const char* simd : {"scalar", "best"}) {
    ::setenv("TESSERA_SIMD", simd, 1);
    AudioReport report;
    const auto samples = decode(*stream, report);
    ASSERT_TRUE(samples) << samples.status().message() << kHow;
    EXPECT_EQ(hex(report.symbol_checksum), json[g.name]) << simd;
    EXPECT_EQ(report.checked, report.packets);
    ASSERT_EQ(samples->size(), g.samples);
  }
}

// The samples are floating-point: alike, not equal. Loudness shows whether the network still speaks the same language.
TEST_P(GoldenSound, SoundsLikeTheSource) {
  const Golden& g = GetParam();
  if (g.samples < 1000) return;
  const auto stream = media::read_file(path(g));
  AudioReport report;
  const auto samples = decode(*stream, report);
  ASSERT_TRUE(samples) << samples.status().message();
  double in = 0, out = 0;
  for (const float v : source(g, 24000)) in += v * v;
  for (const float v : *samples) out += v * v;
  EXPECT_NEAR(10 * std::log10(out / in), 0, g.loudness_db) << "dB";
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenSound, testing::ValuesIn(kStreams), [](const auto& g) { return std::string(g.param.name); });

Status regenerate() {
  nlohmann::ordered_json json;
  for (const Golden& g : kStreams) {
    AudioEncoderOptions options;
    options.model = g.model;
    options.bit_rate = g.bit_rate;
    options.low_delay = g.low_delay;
    auto encoder = AudioEncoder::create(options);
    if (!encoder) return encoder.status();
    TESSERA_RETURN_IF_ERROR(encoder->send({source(g, encoder->sample_rate()), 1, encoder->sample_rate()}));
    TESSERA_RETURN_IF_ERROR(encoder->flush());
    std::vector<uint8_t> bytes = encoder->header();
    while (const auto packet = encoder->receive()) bytes.insert(bytes.end(), packet->bytes.begin(), packet->bytes.end());
    TESSERA_RETURN_IF_ERROR(media::write_file(path(g), bytes));
    json[g.name] = hex(encoder->report().symbol_checksum);
  }
  const std::string text = json.dump(2) + "\n";
  return media::write_file(kFolder + "/golden_sound.json", std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace
}  // namespace tessera::test

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--regenerate") == 0) {
    const tessera::Status status = tessera::test::regenerate();
    if (!status.ok()) std::cerr << "golden_sound_test: " << status.message() << "\n";
    return status.ok() ? 0 : 1;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
