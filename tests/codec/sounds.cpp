#include "tests/codec/sounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/models/tiny_speech.h"

namespace tessera::test {

std::vector<float> voice(uint32_t rate, uint32_t channels, size_t frames, uint32_t seed) {
  std::vector<float> samples;
  samples.reserve(frames * channels);
  uint32_t noise = seed;
  double phase = 0;
  for (size_t i = 0; i < frames; ++i) {
    const double t = static_cast<double>(i) / rate, pitch = 120 + 40 * std::sin(2 * M_PI * 0.7 * t);
    phase += 2 * M_PI * pitch / rate;
    const double loud = std::max(0.0, std::sin(2 * M_PI * 1.3 * t)) * 0.2;
    for (uint32_t c = 0; c < channels; ++c) {
      double v = 0;
      for (int h = 1; h <= 5; ++h) v += std::sin(h * phase + c) / h;
      noise = noise * 1664525u + 1013904223u;
      samples.push_back(static_cast<float>(loud * v + 0.01 * (static_cast<double>(noise >> 8) / (1 << 24) - 0.5)));
    }
  }
  return samples;
}

void write_weights(const std::string& folder) {
  models::test::write_tiny_speech(folder, "speech", models::test::tiny_speech());
  models::test::write_tiny_speech(folder, "speech-hq", models::test::tiny_speech());
  models::test::write_tiny_speech(folder, "speech-live", models::test::tiny_speech(true));
  models::test::write_tiny_speech(folder, "sound", models::test::tiny_speech(false, 2));
  models::test::write_tiny_speech_with_index(folder, "coded", models::test::tiny_speech());
}

Bytes AudioStream::bytes() const {
  Bytes all = header;
  for (const AudioPacket& packet : packets) all.insert(all.end(), packet.bytes.begin(), packet.bytes.end());
  return all;
}

AudioStream encoded(const AudioEncoderOptions& options, const std::vector<float>& samples, size_t piece) {
  AudioStream stream;
  auto encoder = AudioEncoder::create(options);
  EXPECT_TRUE(encoder) << encoder.status().message();
  if (!encoder) return stream;
  stream.header = encoder->header();
  const auto collect = [&] {
    while (auto packet = encoder->receive()) stream.packets.push_back(std::move(*packet));
  };
  const size_t step = piece * options.channels;
  for (size_t at = 0; at < samples.size(); at += step) {
    const Status status = encoder->send({std::span(samples).subspan(at, std::min(step, samples.size() - at)), options.channels, encoder->sample_rate()});
    EXPECT_TRUE(status.ok()) << status.message();
    collect();
  }
  const Status status = encoder->flush();
  EXPECT_TRUE(status.ok()) << status.message();
  collect();
  stream.report = encoder->report();
  return stream;
}

std::vector<float> decoded(const AudioDecoderOptions& options, const AudioStream& stream, const std::vector<size_t>& lost, AudioReport* report) {
  std::vector<float> samples;
  auto decoder = AudioDecoder::create(options);
  const auto good = [](const Status& status) { EXPECT_TRUE(status.ok()) << status.message(); };
  good(decoder->open(stream.header));
  const auto collect = [&] {
    while (auto block = decoder->receive()) samples.insert(samples.end(), block->samples.begin(), block->samples.end());
  };
  for (size_t i = 0; i < stream.packets.size(); ++i) {
    good(std::find(lost.begin(), lost.end(), i) == lost.end() ? decoder->send(stream.packets[i].bytes) : decoder->lost(1));
    collect();
  }
  good(decoder->flush());
  collect();
  if (report != nullptr) *report = decoder->report();
  return samples;
}

}  // namespace tessera::test
