// Streams of video that were stored when the shipped weights were made: every later build, on every machine, has to decode them to the
// same symbols. `golden_video_test --regenerate` stores new ones, which a change of the weights asks for.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bitstream/stream_reader.h"
#include "codec/video.h"
#include "data/byte_file.h"

namespace tessera::test {
namespace {

const std::string kFolder = TESSERA_GOLDEN;
constexpr const char* kHow = "; where the weights were meant to change, run golden_video_test --regenerate and commit tests/golden";

struct Golden {
  const char* name;
  const char* model;
  uint32_t width, height, bit_depth;
  size_t frames;
  int quality;
  double bit_rate;
  uint32_t keyint;
  double psnr;  // dB of luma, at least
};
constexpr Golden kStreams[] = {{"lite_q32", "motion-lite", 96, 64, 8, 20, 32, 0, 0, 27},    {"lite_odd10", "motion-lite", 75, 41, 10, 11, 48, 0, 4, 30},
                               {"lite_rate", "motion-lite", 96, 64, 8, 20, 32, 60000, 0, 20}, {"lite_best", "motion-lite", 176, 144, 8, 3, 63, 0, 0, 36},
                               {"motion_q32", "motion", 96, 64, 8, 12, 32, 0, 0, 27},         {"stem_q32", "stem", 96, 64, 8, 12, 32, 0, 0, 27}};

// Planes Y, Cb, Cr of a texture that moves.
std::vector<uint8_t> source(const Golden& g, const VideoFormat& f, size_t frame) {
  std::vector<uint8_t> samples;
  const double peak = (1 << g.bit_depth) - 1, t = static_cast<double>(frame);
  for (int p = 0; p < 3; ++p) {
    const double step = p == 0 ? 1 : 2, swing = p == 0 ? 0.14 : 0.04;  // colours as muted as in footage
    for (uint32_t i = 0; i < f.plane_height(p); ++i) {
      for (uint32_t j = 0; j < f.plane_width(p); ++j) {
        const double x = j * step - 1.25 * t, y = i * step + 0.5 * t;
        const double v = std::sin(0.31 * x + 0.05 * y + p) + std::sin(0.11 * y - 0.07 * x) + std::sin(0.23 * y + 0.032 * x);
        const auto sample = static_cast<uint16_t>(std::lround(peak * (0.5 + swing * v)));
        samples.push_back(static_cast<uint8_t>(sample));
        if (g.bit_depth > 8) samples.push_back(static_cast<uint8_t>(sample >> 8));
      }
    }
  }
  return samples;
}

std::string path(const Golden& g) { return kFolder + "/" + g.name + ".tsr"; }

std::string hex(uint32_t value) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", value);
  return text;
}

bool installed(const std::string& model) {
  VideoEncoderOptions options;
  options.model = model;
  options.format.width = options.format.height = 16;
  return VideoEncoder::create(options).ok();
}

// All frames; fails on any damage.
Result<std::vector<VideoFrame>> decode(std::span<const uint8_t> bytes, int threads, VideoReport& report) {
  VideoDecoderOptions options;
  options.threads = threads;
  options.strict = true;
  auto decoder = VideoDecoder::create(options);
  if (!decoder) return decoder.status();
  std::vector<VideoFrame> frames;
  bitstream::StreamReader reader;
  reader.push(bytes);
  reader.finish();
  for (;;) {
    const auto event = reader.next();
    if (event.kind == bitstream::StreamReader::Kind::header) TESSERA_RETURN_IF_ERROR(decoder->open(event.bytes));
    if (event.kind == bitstream::StreamReader::Kind::packet) TESSERA_RETURN_IF_ERROR(decoder->send(event.bytes));
    if (event.kind == bitstream::StreamReader::Kind::lost) return event.damage;
    while (auto frame = decoder->receive()) frames.push_back(std::move(*frame));
    if (event.kind != bitstream::StreamReader::Kind::end) continue;
    TESSERA_RETURN_IF_ERROR(event.damage);
    report = decoder->report();
    return frames;
  }
}

class GoldenVideo : public testing::TestWithParam<Golden> {
 protected:
  void SetUp() override {
    if (!installed(GetParam().model)) GTEST_SKIP() << "the model " << GetParam().model << " is not in the box";
  }
  void TearDown() override { ::unsetenv("TESSERA_SIMD"); }
};

TEST_P(GoldenVideo, DecodesToTheSameSymbols) {
  const Golden& g = GetParam();
  const auto stream = media::read_file(path(g));
  ASSERT_TRUE(stream) << stream.status().message() << kHow;
  const auto json_bytes = media::read_file(kFolder + "/golden_video.json");
  ASSERT_TRUE(json_bytes) << json_bytes.status().message() << kHow;
  const nlohmann::json json = nlohmann::json::parse(json_bytes->begin(), json_bytes->end(), nullptr, false);
  ASSERT_TRUE(json.is_object() && json.contains(g.name)) << g.name << kHow;
  for (const auto& [simd, threads] : {std::pair{"scalar", 1}, {"avx2", 2}, {"best", 2}}) {
    ::setenv("TESSERA_SIMD", simd, 1);
    VideoReport report;
    const auto frames = decode(*stream, threads, report);
    ASSERT_TRUE(frames) << frames.status().message() << kHow;
    EXPECT_EQ(hex(report.symbol_checksum), json[g.name]) << simd;
    EXPECT_EQ(report.checked, g.frames);
    EXPECT_EQ(frames->size(), g.frames);
  }
}

// The pictures are floating-point: alike, not equal.
TEST_P(GoldenVideo, LooksLikeTheSource) {
  const Golden& g = GetParam();
  const auto stream = media::read_file(path(g));
  ASSERT_TRUE(stream) << stream.status().message() << kHow;
  VideoReport report;
  const auto frames = decode(*stream, 2, report);
  ASSERT_TRUE(frames) << frames.status().message() << kHow;
  VideoFormat f;
  f.width = g.width;
  f.height = g.height;
  for (size_t t = 0; t < frames->size(); ++t) {
    const std::vector<uint8_t> right = source(g, f, t), &got = (*frames)[t].samples;
    ASSERT_EQ(got.size(), right.size());
    double sum = 0;
    const size_t count = size_t{g.width} * g.height, bytes = g.bit_depth > 8 ? 2 : 1;
    const auto at = [bytes](const std::vector<uint8_t>& s, size_t i) { return bytes == 1 ? s[i] : s[2 * i] | s[2 * i + 1] << 8; };
    for (size_t i = 0; i < count; ++i) sum += std::pow(at(right, i) - at(got, i), 2);
    const double peak = (1 << g.bit_depth) - 1;
    EXPECT_GT(10 * std::log10(peak * peak * static_cast<double>(count) / sum), g.psnr) << "frame " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenVideo, testing::ValuesIn(kStreams), [](const auto& g) { return std::string(g.param.name); });

Status regenerate() {
  nlohmann::ordered_json json;
  for (const Golden& g : kStreams) {
    if (!installed(g.model)) {
      std::cerr << g.name << ": the model " << g.model << " is not in the box; left out\n";
      continue;
    }
    VideoEncoderOptions options;
    options.model = g.model;
    options.format.width = g.width;
    options.format.height = g.height;
    options.format.bit_depth = g.bit_depth;
    options.quality = g.quality;
    options.bit_rate = g.bit_rate;
    options.keyint = g.keyint;
    auto encoder = VideoEncoder::create(options);
    if (!encoder) return encoder.status();
    std::vector<uint8_t> bytes = encoder->header();
    const auto collect = [&] {
      while (const auto packet = encoder->receive()) bytes.insert(bytes.end(), packet->bytes.begin(), packet->bytes.end());
    };
    for (size_t t = 0; t < g.frames; ++t) {
      const std::vector<uint8_t> samples = source(g, options.format, t);
      VideoFrameView view;
      const uint8_t* at = samples.data();
      for (int p = 0; p < 3; ++p) {
        view.planes[p] = at;
        view.strides[p] = options.format.plane_width(p) * options.format.sample_bytes();
        at += options.format.plane_bytes(p);
      }
      view.time = t;
      TESSERA_RETURN_IF_ERROR(encoder->send(view));
      collect();
    }
    TESSERA_RETURN_IF_ERROR(encoder->flush());
    collect();
    TESSERA_RETURN_IF_ERROR(media::write_file(path(g), bytes));
    json[g.name] = hex(encoder->report().symbol_checksum);
  }
  const std::string text = json.dump(2) + "\n";
  return media::write_file(kFolder + "/golden_video.json", std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace
}  // namespace tessera::test

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--regenerate") == 0) {
    const tessera::Status status = tessera::test::regenerate();
    if (!status.ok()) std::cerr << "golden_video_test: " << status.message() << "\n";
    return status.ok() ? 0 : 1;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
