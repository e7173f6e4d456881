// The Bayesian codec from samples to samples, with the installed priors. Efforts are the smallest: what is tested is the codec, not how far a fit gets.
#include <gtest/gtest.h>

#include <cmath>

#include "bitstream/bytes.h"
#include "bitstream/file.h"
#include "codec/bayes_payload.h"
#include "tests/codec/pictures.h"
#include "tests/codec/sounds.h"

namespace tessera::test {
namespace {

namespace bs = bitstream;

EncoderOptions bayes(int quality = 32, int effort = 0) {
  EncoderOptions o;
  o.model = "bayes";
  o.quality = quality;
  o.effort = effort;
  return o;
}

TEST(Bayes, OddSizesChannelsAndDepths) {
  struct Case {
    uint32_t width, height, channels, depth;
  };
  for (const Case& c : {Case{1, 1, 3, 8}, {1, 19, 1, 8}, {13, 7, 4, 16}, {16, 24, 2, 8}}) {
    const Picture picture = photo(c.width, c.height, c.channels, c.depth);
    const Image image = decoded(encoded(picture, bayes(50)));
    EXPECT_GT(psnr(picture, image), 22) << c.width << "x" << c.height << ", " << c.channels << " channels of " << c.depth << " bits";
    if (picture.has_alpha()) {
      EXPECT_EQ(alpha_of(image), alpha_of(picture));
    }
  }
}

// Asked for in issue terms: the measured rate lies within 10 % of what the KL predicts, and both rise with the quality.
TEST(Bayes, TheRateIsThatOfTheKl) {
  const Picture picture = photo(32, 32);
  double bits = 0, fidelity = 0;
  for (const int quality : {12, 45}) {
    Report report;
    const Bytes stream = encoded(picture, bayes(quality, 2), {}, &report);
    double section = 0;
    const auto info = inspect(stream);
    ASSERT_TRUE(info);
    for (const SectionSize& s : info->sections) section = s.name == "blocks" ? 8 * static_cast<double>(s.bytes) : section;
    EXPECT_NEAR(section, report.kl_fitted, 0.1 * report.kl_fitted) << quality;
    EXPECT_NEAR(section, report.kl_coded, 0.1 * report.kl_coded) << quality;
    const double now = psnr(picture, decoded(stream));
    EXPECT_GT(section, bits) << quality;
    EXPECT_GT(now, fidelity) << quality;
    bits = section;
    fidelity = now;
  }
  EXPECT_GT(fidelity, 30);
}

TEST(Bayes, TheSameBytesEveryTimeAndARateThatIsAsked) {
  const Picture picture = photo(16, 16);
  EncoderOptions options = bayes();
  EXPECT_EQ(encoded(picture, options), encoded(picture, options));
  options.bpp = 4;
  Report report;
  const Bytes stream = encoded(picture, options, {}, &report);
  EXPECT_NEAR(static_cast<double>(stream.size()) * 8 / 256, 4, 0.3);
  EXPECT_EQ(inspect(stream)->quality, report.quality);
}

TEST(Bayes, AnInterruptionLeavesAValidStream) {
  const Picture picture = photo(16, 16);
  EncoderOptions options = bayes(32, 9);
  int seen = 0;
  options.fit_watch = [&](const FitState& state) {
    EXPECT_GT(state.bpp, 0);
    return ++seen < 2;
  };
  EXPECT_GT(psnr(picture, decoded(encoded(picture, options))), 12);
  options.fit_watch = {};
  options.threads = 1;
  options.progress = [](double) { return false; };
  auto encoder = ImageEncoder::create(options);
  ASSERT_TRUE(encoder);
  EXPECT_EQ(encoder->encode(view_of(picture), {}).status().code(), ErrorCode::cancelled);
}

TEST(Bayes, WhatItIsNotFor) {
  auto encoder = ImageEncoder::create(bayes());
  ASSERT_TRUE(encoder);
  for (const auto& [width, height] : {std::pair(300u, 300u), {1025u, 1u}}) {
    const Status status = encoder->encode(view_of(photo(width, height)), {}).status();
    EXPECT_EQ(status.code(), ErrorCode::limit) << status.message();
  }
  EncoderOptions options = bayes();
  options.tile = 64;
  EXPECT_EQ(ImageEncoder::create(options).status().code(), ErrorCode::invalid_argument);
  options = bayes();
  options.weights_dir = "/nonexistent";
  EXPECT_EQ(ImageEncoder::create(options).status().code(), ErrorCode::model_missing);
}

TEST(Bayes, TheModelsAreListed) {
  const auto models = list_models();
  ASSERT_TRUE(models);
  int found = 0;
  for (const ModelInfo& m : *models) {
    if (m.name != "bayes" && m.name != "bayes-sound") continue;
    ++found;
    EXPECT_EQ(m.media, m.name == "bayes" ? "image" : "audio");
    EXPECT_LE(m.file_bytes, 1'000'000u);
    EXPECT_GT(m.decode_kmac_per_pixel + m.decode_mmac_per_second, 0);
  }
  EXPECT_EQ(found, 2);
}

class BayesDamage : public testing::Test {
 protected:
  static void SetUpTestSuite() { stream_ = encoded(photo(12, 10, 4), bayes(20), {}, &report_); }
  BayesDamage() : file_(*bs::parse_file(stream_)) {
    const auto view = file_.packets[0].packet.payload;
    payload_.assign(view.begin(), view.end());
  }

  static Bytes with_payload(const Bytes& payload, const bs::FileHeader& header) {
    bs::ByteWriter out;
    EXPECT_TRUE(bs::write_header(out, header).ok());
    EXPECT_TRUE(bs::write_packet(out, {.payload = payload}).ok());
    return out.take();
  }

  void expect_error_or_proof(const Bytes& bytes, const std::string& what) {
    Report report;
    const Status status = decoder_.verify(bytes, &report);
    EXPECT_EQ(decoder_.decode(bytes).status().code(), status.code()) << what;
    if (status.ok()) {
      EXPECT_EQ(report.symbol_checksum, report_.symbol_checksum) << what;
    } else {
      EXPECT_FALSE(status.message().empty()) << what;
      EXPECT_NE(status.code(), ErrorCode::device) << what << ": " << status.message();  // an unexpected exception
    }
  }

  static inline Bytes stream_;
  static inline Report report_;
  bs::ParsedFile file_;
  Bytes payload_;
  ImageDecoder decoder_ = std::move(*ImageDecoder::create({.threads = 1}));
};

TEST_F(BayesDamage, Truncation) {
  for (size_t size = 0; size < stream_.size(); ++size) EXPECT_EQ(decoder_.verify(std::span(stream_).first(size)).code(), ErrorCode::truncated) << size;
}

TEST_F(BayesDamage, FlipsAndCutsUnderAValidChecksum) {
  ASSERT_EQ(with_payload(payload_, file_.header), stream_);
  for (size_t bit = 0; bit < payload_.size() * 8; ++bit) {
    Bytes damaged = payload_;
    damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ 1 << bit % 8);
    expect_error_or_proof(with_payload(damaged, file_.header), "payload bit " + std::to_string(bit));
  }
  for (size_t size = 0; size < payload_.size(); ++size) {
    expect_error_or_proof(with_payload({payload_.begin(), payload_.begin() + static_cast<ptrdiff_t>(size)}, file_.header), "payload of " + std::to_string(size));
  }
}

TEST_F(BayesDamage, OtherHeadersAndSections) {
  const auto changed = [&](auto change) {
    bs::FileHeader header = file_.header;
    change(header);
    return with_payload(payload_, header);
  };
  for (const Bytes& bytes : {changed([](bs::FileHeader& h) { h.picture.width = 13; }), changed([](bs::FileHeader& h) { h.picture.height = 240; }),
                             changed([](bs::FileHeader& h) { h.picture.channels = 3; }), changed([](bs::FileHeader& h) { h.picture.channels = 2; }),
                             changed([](bs::FileHeader& h) { h.picture.width = h.picture.height = 1; }), changed([](bs::FileHeader& h) { h.quality = 63; }),
                             changed([](bs::FileHeader& h) { h.picture.tile = 64; })}) {
    expect_error_or_proof(bytes, "another header");
  }
  EXPECT_EQ(decoder_.verify(changed([](bs::FileHeader& h) { h.picture.width = h.picture.height = 257; })).code(), ErrorCode::limit);
  EXPECT_EQ(decoder_.verify(changed([](bs::FileHeader& h) { h.picture.width = 2000, h.picture.height = 2; })).code(), ErrorCode::limit);
  EXPECT_EQ(decoder_.verify(changed([](bs::FileHeader& h) { h.model_hash ^= 1; })).code(), ErrorCode::model_missing);
  auto small = ImageDecoder::create({.limits = {.max_memory = 1 << 20}});
  ASSERT_TRUE(small);
  EXPECT_EQ(small->verify(stream_).code(), ErrorCode::limit);
  // Blocks: none at all, an even number of bytes, more than there are latents.
  const auto with_blocks = [&](const Bytes& content) {
    bs::FileHeader header = file_.header;
    header.picture.channels = 3;
    const bs::Section sections[] = {{bs::SectionTag::blocks, content}};
    bs::ByteWriter out;
    bs::write_sections(out, sections);
    return with_payload(out.take(), header);
  };
  EXPECT_EQ(decoder_.verify(with_blocks({})).code(), ErrorCode::corrupt);
  EXPECT_EQ(decoder_.verify(with_blocks(Bytes(20))).code(), ErrorCode::corrupt);
  EXPECT_EQ(decoder_.verify(with_blocks(Bytes(200001))).code(), ErrorCode::corrupt);
  EXPECT_TRUE(decoder_.verify(with_blocks(Bytes(1))).ok()) << "no blocks: all latents are 0";
  bs::ByteWriter out;
  bs::write_sections(out, std::vector<bs::Section>{{bs::SectionTag::latents, payload_}});
  EXPECT_EQ(decoder_.verify(with_payload(out.take(), file_.header)).code(), ErrorCode::corrupt);
}

// --- sound ---

AudioEncoderOptions sound_options() {
  AudioEncoderOptions o;
  o.model = "bayes-sound";
  o.effort = 0;
  o.quality = 24;
  return o;
}

TEST(BayesSound, ASnippetComesBack) {
  const std::vector<float> samples = voice(24000, 1, 4001);
  const AudioStream stream = encoded(sound_options(), samples, 1000);
  EXPECT_EQ(stream.packets.size(), 1u);
  AudioReport report;
  const std::vector<float> out = decoded({}, stream, {}, &report);
  ASSERT_EQ(out.size(), samples.size());
  EXPECT_EQ(report.checked, 1u);
  EXPECT_EQ(report.symbol_checksum, stream.report.symbol_checksum);
  double signal = 0, error = 0;
  for (size_t i = 0; i < out.size(); ++i) signal += samples[i] * samples[i], error += std::pow(out[i] - samples[i], 2);
  EXPECT_LT(error, signal / 4);
  const auto info = inspect(stream.bytes());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->samples, 4001u);
  EXPECT_TRUE(info->model_available);
}

TEST(BayesSound, TwoChannelsARateAndWhatItIsNotFor) {
  AudioEncoderOptions options = sound_options();
  options.channels = 2;
  options.bit_rate = 16000;
  const AudioStream stream = encoded(options, voice(24000, 2, 2400), 999 * 2);
  EXPECT_NEAR(8.0 * static_cast<double>(stream.bytes().size()) / 0.1, 16000, 3500) << "of a tenth of a second";
  options.bit_rate = 0;
  auto encoder = AudioEncoder::create(options);
  ASSERT_TRUE(encoder);
  const std::vector<float> minute(24000 * 2 * 60);
  EXPECT_EQ(encoder->send({minute, 2, 24000}).code(), ErrorCode::limit);
  options.quality = 64;
  EXPECT_EQ(AudioEncoder::create(options).status().code(), ErrorCode::invalid_argument);
}

TEST(BayesSound, DamageGivesErrors) {
  const AudioStream stream = encoded(sound_options(), voice(24000, 1, 600));
  const std::vector<uint8_t>& packet = stream.packets[0].bytes;
  for (size_t at = 0; at < packet.size(); at += 3) {
    auto decoder = AudioDecoder::create({});
    ASSERT_TRUE(decoder && decoder->open(stream.header).ok());
    std::vector<uint8_t> damaged = packet;
    damaged[at] ^= 0x55;
    const Status status = decoder->send(damaged);
    EXPECT_FALSE(status.ok()) << at;
    EXPECT_NE(status.code(), ErrorCode::device) << status.message();
    EXPECT_FALSE(decoder->send(std::span(packet).first(at)).ok());
    // What is lost is silent.
    EXPECT_TRUE(decoder->lost(1).ok() && decoder->flush().ok());
    const auto block = decoder->receive();
    ASSERT_TRUE(block);
    EXPECT_EQ(block->samples, std::vector<float>(block->samples.size()));
  }
}

}  // namespace
}  // namespace tessera::test
