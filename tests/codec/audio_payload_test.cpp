// The payload of audio packets, byte by byte, and what damage to it may do.
#include "codec/audio_payload.h"

#include <gtest/gtest.h>

#include <random>

#include "bitstream/bytes.h"
#include "tests/codec/sounds.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

using models::audio::SpeechModel;

class AudioPayload : public testing::Test {
 protected:
  AudioPayload() {
    write_weights(folder_.folder());
    plain = models::audio::load_speech(folder_.path("speech.safetensors"));
    coded = models::audio::load_speech(folder_.path("coded.safetensors"));
    stereo = models::audio::load_speech(folder_.path("sound.safetensors"));
  }

  AudioSymbols symbols(const SpeechModel& model, int64_t frames, int64_t levels, int64_t extra) {
    const auto groups = static_cast<size_t>(model.config.quantizer.groups);
    AudioSymbols s;
    s.frames = frames;
    s.levels = levels;
    s.extra = extra;
    s.indices.resize(static_cast<size_t>(frames * levels) * groups);
    s.more.resize(static_cast<size_t>(extra) * groups);
    for (auto* list : {&s.indices, &s.more}) {
      for (uint16_t& index : *list) index = static_cast<uint16_t>(random_() % 16);
    }
    return s;
  }

  std::mt19937 random_{4};
  TemporaryFolder folder_;
  std::shared_ptr<const SpeechModel> plain, coded, stereo;
};

TEST(PackedIndices, RoundTripAndRefuse) {
  std::mt19937 random(1);
  for (const int64_t codes : {2, 3, 16, 1000, 1024, 65536}) {
    for (const size_t count : {0u, 1u, 7u, 64u}) {
      std::vector<uint16_t> indices(count);
      for (uint16_t& index : indices) index = static_cast<uint16_t>(random() % static_cast<uint64_t>(codes));
      auto bytes = pack_indices(indices, index_bits(codes));
      EXPECT_EQ(unpack_indices(bytes, count, codes), indices);
      bytes.push_back(0);
      EXPECT_FALSE(unpack_indices(bytes, count, codes));
    }
  }
  EXPECT_EQ(index_bits(1024), 10);
  EXPECT_EQ(index_bits(1000), 10);
  EXPECT_EQ(index_bits(65536), 16);
  EXPECT_EQ(pack_indices(std::vector<uint16_t>{1, 1023, 2}, 10), (std::vector<uint8_t>{0x00, 0x7F, 0xF0, 0x08}));
  EXPECT_FALSE(unpack_indices(std::vector<uint8_t>{0x00, 0x7F, 0xF0, 0x09}, 3, 1024)) << "padding that is not zero";
  EXPECT_FALSE(unpack_indices(std::vector<uint8_t>{0xFF, 0xC0}, 1, 1000)) << "an index beyond the codes";
}

TEST_F(AudioPayload, RoundTripsOfAllShapes) {
  for (const auto& model : {plain, coded, stereo}) {
    for (const int64_t frames : {1, 2, 20}) {
      for (const int64_t levels : {1, 3, 6}) {
        for (const int64_t extra : {int64_t{0}, frames - 1}) {
          if (extra > 0 && levels == 6) continue;
          const AudioSymbols s = symbols(*model, frames, levels, extra);
          const CodedIndices indices = code_indices(*model, s.indices, frames, levels);
          for (const bool checksum : {false, true}) {
            const std::optional<uint64_t> samples = frames == 20 ? std::nullopt : std::optional<uint64_t>(static_cast<uint64_t>(frames) * 40 - 3);
            const auto payload = audio_payload(*model, s, indices, samples, checksum);
            EXPECT_EQ(payload.size(), payload_overhead(samples, checksum) + indices.bytes.size() + pack_indices(s.more, 4).size());
            const auto parsed = parse_audio_payload(*model, payload, 0, 800);
            ASSERT_TRUE(parsed) << parsed.status().message();
            EXPECT_EQ(parsed->symbols.indices, s.indices);
            EXPECT_EQ(parsed->symbols.more, s.more);
            EXPECT_EQ(parsed->samples, samples.value_or(800));
            EXPECT_EQ(parsed->checksum, checksum_of(s));
            EXPECT_EQ(parsed->checked, checksum);
            EXPECT_EQ(latents_of(*model, parsed->symbols).size(), static_cast<size_t>(frames * 8));
          }
        }
      }
    }
  }
}

TEST_F(AudioPayload, Example) {
  AudioSymbols s = symbols(*plain, 20, 1, 0);
  for (size_t i = 0; i < 20; ++i) s.indices[i] = static_cast<uint16_t>(i % 16);
  const auto payload = audio_payload(*plain, s, code_indices(*plain, s.indices, 20, 1), std::nullopt, false);
  EXPECT_EQ(payload, (Bytes{0x86, 0x00, 0x00, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x23}));
}

TEST_F(AudioPayload, ExtraLevelsAreSpreadEvenly) {
  for (int64_t n : {1, 7, 40}) {
    for (int64_t extra = 0; extra < n; ++extra) {
      int64_t count = 0;
      for (int64_t t = 0; t < n; ++t) count += has_extra(t, n, extra);
      EXPECT_EQ(count, extra);
    }
  }
}

TEST_F(AudioPayload, TheExtraLevelIsOneMoreLevel) {
  // All frames but the last with the extra level equal the first ones of one level more.
  const AudioSymbols more = symbols(*stereo, 5, 3, 0);
  AudioSymbols s = more;
  s.levels = 2;
  s.extra = 4;
  s.indices.clear();
  for (int64_t t = 0; t < 5; ++t) {
    const auto from = more.indices.begin() + t * 6;
    s.indices.insert(s.indices.end(), from, from + 4);
    if (has_extra(t, 5, 4)) s.more.insert(s.more.end(), from + 4, from + 6);
  }
  const std::vector<float> a = latents_of(*stereo, more), b = latents_of(*stereo, s);
  for (size_t i = 0; i < a.size(); ++i) {
    if (!has_extra(static_cast<int64_t>(i / 8), 5, 4)) continue;
    EXPECT_EQ(a[i], b[i]) << i;
  }
}

TEST_F(AudioPayload, DamageIsNoticedOrHarmless) {
  for (const auto& model : {plain, coded}) {
    const AudioSymbols s = symbols(*model, 20, 3, 7);
    const auto good = audio_payload(*model, s, code_indices(*model, s.indices, 20, 3), std::nullopt, true);
    int accepted = 0;
    for (int i = 0; i < 4000; ++i) {
      Bytes bad = good;
      bad[random_() % bad.size()] = static_cast<uint8_t>(random_());
      if (i % 4 == 0) bad.resize(random_() % (bad.size() + 1));
      if (i % 16 == 0) bad.insert(bad.end(), random_() % 30, 0x55);
      const auto parsed = parse_audio_payload(*model, bad, 0, 800);
      if (!parsed) {
        EXPECT_TRUE(parsed.status().code() == ErrorCode::corrupt || parsed.status().code() == ErrorCode::unsupported);
        continue;
      }
      accepted += bad != good;
      EXPECT_LE(parsed->symbols.indices.size(), 20u * 6);
      for (const uint16_t index : parsed->symbols.indices) EXPECT_LT(index, 16);
    }
    EXPECT_LT(accepted, 400);  // a byte of checksum lets one in 256 pass; the packet's own stands before it
  }
}

TEST_F(AudioPayload, ImpossibleNumbersAreCorrupt) {
  const AudioSymbols s = symbols(*plain, 20, 6, 0);
  const auto code = [&](const Bytes& payload) { return parse_audio_payload(*plain, payload, 0, 800).status().code(); };
  auto payload = audio_payload(*plain, s, code_indices(*plain, s.indices, 20, 6), std::nullopt, false);
  EXPECT_TRUE(parse_audio_payload(*plain, payload, 0, 800));
  payload[1] = 6;  // levels - 1
  EXPECT_EQ(code(payload), ErrorCode::corrupt);
  payload[1] = 5;
  payload[2] = 1;  // an extra level above the last
  EXPECT_EQ(code(payload), ErrorCode::corrupt);
  EXPECT_EQ(code({0x86}), ErrorCode::corrupt);
  EXPECT_EQ(code({0x85, 5}), ErrorCode::corrupt) << "no indices";
  EXPECT_EQ(code({5, 1, 0, 0x86, 0, 0}), ErrorCode::corrupt) << "no samples";
  EXPECT_EQ(code({5, 2, 0xA0, 0x06, 0x86, 0, 0}), ErrorCode::corrupt) << "800 samples are a whole block";
  EXPECT_EQ(code({0x86, 64, 0, 1, 2, 3}), ErrorCode::corrupt) << "modelled, without a model";
}

}  // namespace
}  // namespace tessera::test
