// The overfitted image codec from pixels to pixels. Efforts are the smallest: what is tested is the codec, not how far training gets.
#include <gtest/gtest.h>

#include <atomic>
#include <limits>

#include "bitstream/bytes.h"
#include "bitstream/crc.h"
#include "bitstream/file.h"
#include "codec/guard.h"
#include "codec/overfit_encode.h"
#include "tests/codec/pictures.h"

namespace tessera::test {
namespace {

namespace bs = bitstream;

EncoderOptions overfit(int quality = 32, int effort = 0) {
  EncoderOptions o;
  o.model = "overfit";
  o.quality = quality;
  o.effort = effort;
  o.weights_dir = "/nonexistent";  // no weights are needed
  return o;
}
const DecoderOptions kNoWeights{.weights_dir = "/nonexistent"};

TEST(Overfit, OddSizes) {
  for (const auto& [width, height] : {std::pair(1u, 1u), {1u, 70u}, {65u, 1u}, {2u, 3u}, {63u, 65u}, {100u, 30u}}) {
    const Picture picture = photo(width, height);
    EXPECT_GT(psnr(picture, decoded(encoded(picture, overfit(50)), kNoWeights)), 20) << width << "x" << height;
  }
}

TEST(Overfit, ChannelsAndDepths) {
  for (uint32_t channels : {1u, 2u, 3u, 4u}) {
    for (uint32_t depth : {8u, 16u}) {
      const Picture picture = photo(48, 40, channels, depth);
      const Image image = decoded(encoded(picture, overfit(50)), kNoWeights);
      EXPECT_GT(psnr(picture, image), 22) << channels << " channels of " << depth << " bits";
      if (picture.has_alpha()) {
        EXPECT_EQ(alpha_of(image), alpha_of(picture));
      }
    }
  }
}

TEST(Overfit, FrontEndsByName) {
  const Picture picture = photo(70, 40);
  for (const char* front : {"plain", "rbf", "metric"}) {
    EncoderOptions options = overfit(40, 1);
    options.fit_front = front;
    Report coded, read;
    const Bytes stream = encoded(picture, options, {}, &coded);
    EXPECT_GT(psnr(picture, decoded(stream, kNoWeights, &read)), 22) << front;
    EXPECT_EQ(coded.symbol_checksum, read.symbol_checksum) << front;
    const auto info = inspect(stream, "/nonexistent");
    ASSERT_TRUE(info) << info.status().message();
    EXPECT_LE(info->decode_kmac_per_pixel, 2) << front;
  }
  EncoderOptions options = overfit();
  options.fit_front = "grid";
  EXPECT_EQ(ImageEncoder::create(options).status().code(), ErrorCode::invalid_argument);
}

TEST(Overfit, TheSameBytesEveryTime) {
  const Picture picture = photo(40, 40);
  EXPECT_EQ(encoded(picture, overfit()), encoded(picture, overfit()));
}

TEST(Overfit, SizeAndFidelityRiseWithQuality) {
  const Picture picture = photo(96, 96);
  size_t size = 0;
  double fidelity = 0;
  for (const int quality : {5, 25, 45, 60}) {
    const Bytes stream = encoded(picture, overfit(quality, 1));
    const double now = psnr(picture, decoded(stream, kNoWeights));
    EXPECT_GT(stream.size(), size) << quality;
    EXPECT_GT(now, fidelity) << quality;
    size = stream.size();
    fidelity = now;
  }
}

TEST(Overfit, StepsOverrideTheEffort) {
  const Picture picture = photo(64, 64);
  EncoderOptions few = overfit(32, 9), usual = overfit(32, 0);
  few.fit_steps = overfit_steps(0);
  EXPECT_EQ(encoded(picture, few), encoded(picture, usual));
  few.fit_steps = -1;
  EXPECT_EQ(ImageEncoder::create(few).status().code(), ErrorCode::invalid_argument);
}

TEST(Overfit, AScheduleForTrials) {
  const auto shipped = overfit_schedule("");
  ASSERT_TRUE(shipped);
  const auto changed = overfit_schedule("latents=0.5,hard_share=0.3");
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->latents, 0.5);
  EXPECT_EQ(changed->hard_share, 0.3);
  EXPECT_EQ(changed->cold, shipped->cold);
  for (const char* bad : {"latent=1", "latents", "latents=", "latents=0", "latents=-1", "latents=x", "latents=nan", "latents=1e9", "hard_share=1", "latents=1;cold=1", ","}) {
    EXPECT_FALSE(overfit_schedule(bad)) << bad;
    EncoderOptions options = overfit();
    options.fit_schedule = bad;
    EXPECT_EQ(ImageEncoder::create(options).status().code(), ErrorCode::invalid_argument) << bad;
  }
  const Picture picture = photo(48, 48);
  EncoderOptions usual = overfit(32, 1), said = usual, other = usual;
  said.fit_schedule = "latents=1";
  other.fit_schedule = "latents=0.5";
  const Bytes stream = encoded(picture, usual);
  EXPECT_EQ(encoded(picture, said), stream);
  EXPECT_NE(encoded(picture, other), stream);
}

TEST(Overfit, AimsAtARate) {
  const Picture picture = photo(128, 128);
  for (const double bpp : {0.8, 1.5}) {
    EncoderOptions options = overfit(32, 1);
    options.bpp = bpp;
    Report report;
    const Bytes stream = encoded(picture, options, {}, &report);
    EXPECT_NEAR(static_cast<double>(stream.size()) * 8 / (128 * 128), bpp, 0.15 * bpp);
    EXPECT_EQ(inspect(stream)->quality, report.quality);
  }
}

// Ended at once, ended half way, cancelled.
TEST(Overfit, AnInterruptionLeavesAValidStream) {
  const Picture picture = photo(64, 64);
  for (const int looks : {1, 4}) {
    EncoderOptions options = overfit(32, 4);
    int seen = 0;
    options.fit_watch = [&](const FitState& state) {
      EXPECT_GE(state.fraction, 0);
      EXPECT_LE(state.fraction, 1);
      EXPECT_GT(state.bpp, 0);
      return ++seen < looks;
    };
    const Bytes stream = encoded(picture, options);
    EXPECT_EQ(seen, looks) << "training went on";
    EXPECT_GT(psnr(picture, decoded(stream, kNoWeights)), 15);
  }
  EncoderOptions options = overfit(32, 4);
  options.threads = 1;
  options.progress = [](double) { return false; };
  auto encoder = ImageEncoder::create(options);
  ASSERT_TRUE(encoder);
  EXPECT_EQ(encoder->encode(view_of(picture), {}).status().code(), ErrorCode::cancelled);
}

// A rate at which training explodes: it comes back with smaller ones, or codes the best state there was.
TEST(Overfit, TrainingRestartsAtASmallerRate) {
  const Picture picture = photo(48, 48);
  at::Tensor x = at::empty({1, 48, 48, 3});
  for (size_t i = 0; i < 48 * 48 * 3; ++i) x.data_ptr<float>()[i] = static_cast<float>(picture.samples[i]) / 255;
  Report report;
  OverfitRequest request;
  request.effort = 1;
  const auto error = [&] {
    const OverfitTile tile = encode_overfit(x, 3, request, report, nullptr);
    EXPECT_EQ(write_overfit(tile).network.empty(), false);
    return (synthesise_overfit(tile, 48, 48, report) - x).square().mean().item<double>();
  };
  request.rate = 3;
  EXPECT_LT(error(), 0.02);
  request.rate = 1e30;  // no training survives it: what the beginning's state and the second phase make of the picture
  EXPECT_LT(error(), 0.1);
  x.fill_(std::numeric_limits<float>::quiet_NaN());
  try {
    encode_overfit(x, 3, request, report, nullptr);
    ADD_FAILURE() << "no picture, no state that is good";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status.message(), "the training does not converge");
  }
}

TEST(Overfit, Tiles) {
  const Picture picture = photo(100, 70);
  EncoderOptions options = overfit();
  options.tile = 64;
  Report coded, read;
  const Bytes stream = encoded(picture, options, {}, &coded);
  EXPECT_GT(psnr(picture, decoded(stream, kNoWeights, &read)), 18);
  EXPECT_EQ(read.symbol_checksum, coded.symbol_checksum);
}

TEST(Overfit, TheStreamDescribesItself) {
  Report coded, read;
  const Bytes stream = encoded(photo(70, 50), overfit(), {}, &coded);
  const auto info = inspect(stream, "/nonexistent");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->model, "overfit");
  EXPECT_TRUE(info->model_available) << "nothing needs to be installed";
  EXPECT_GT(info->decode_kmac_per_pixel, 1);
  EXPECT_LE(info->decode_kmac_per_pixel, 2.0);
  EXPECT_EQ(info->stored_checksum, coded.symbol_checksum);
  uint64_t sum = 0;
  bool network = false, grids = false;
  for (const SectionSize& s : info->sections) {
    sum += s.bytes;
    network |= s.name == "network";
    grids |= s.name == "grids";
  }
  EXPECT_EQ(sum, stream.size());
  EXPECT_TRUE(network && grids);
  auto decoder = ImageDecoder::create(kNoWeights);
  ASSERT_TRUE(decoder);
  EXPECT_TRUE(decoder->verify(stream, &read).ok());
  EXPECT_EQ(read.symbol_checksum, coded.symbol_checksum);
}

class OverfitDamage : public testing::Test {
 protected:
  explicit OverfitDamage(const char* front = "plain") {
    EncoderOptions options = overfit(20);
    options.fit_front = front;
    stream_ = encoded(photo(40, 24, 4), options, {}, &report_);
    file_ = *bs::parse_file(stream_);
    const auto view = file_.packets[0].packet.payload;
    payload_.assign(view.begin(), view.end());
  }

  Bytes with_payload(const Bytes& payload, bs::FileHeader header) const {
    bs::ByteWriter out;
    EXPECT_TRUE(bs::write_header(out, header).ok());
    EXPECT_TRUE(bs::write_packet(out, {.payload = payload}).ok());
    return out.take();
  }

  void expect_error_or_proof(const Bytes& bytes, const std::string& what) {
    Report report;
    const Status status = decoder_.verify(bytes, &report);
    if (status.ok()) {
      EXPECT_EQ(report.symbol_checksum, report_.symbol_checksum) << what;
    } else {
      EXPECT_FALSE(status.message().empty()) << what;
      EXPECT_NE(status.code(), ErrorCode::device) << what << ": " << status.message();  // an unexpected exception
    }
    if (++tried_ % 32 == 0) {
      EXPECT_EQ(decoder_.decode(bytes).status().code(), status.code()) << what;
    }
  }

  // The payload with another content of one section.
  Bytes replaced(bs::SectionTag tag, const Bytes& content) const {
    std::vector<bs::Section> sections = *bs::read_sections(payload_);
    for (bs::Section& s : sections) {
      if (s.tag == tag) s.content = content;
    }
    bs::ByteWriter out;
    bs::write_sections(out, sections);
    return out.take();
  }
  Bytes content_of(bs::SectionTag tag) const {
    const std::vector<bs::Section> sections = *bs::read_sections(payload_);
    const auto content = bs::find_section(sections, tag)->content;
    return {content.begin(), content.end()};
  }

  Bytes stream_, payload_;
  Report report_;
  bs::ParsedFile file_;
  ImageDecoder decoder_ = std::move(*ImageDecoder::create({.threads = 1, .limits = {.max_pixels = 1 << 16}}));
  size_t tried_ = 0;
};

TEST_F(OverfitDamage, Truncation) {
  for (size_t size = 0; size < stream_.size(); ++size) {
    EXPECT_EQ(decoder_.verify(std::span(stream_).first(size)).code(), ErrorCode::truncated) << size;
  }
}

TEST_F(OverfitDamage, FlipsAndCutsUnderAValidChecksum) {
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

TEST_F(OverfitDamage, EveryValueOfTheNetworksFirstBytes) {
  const Bytes network = content_of(bs::SectionTag::network);
  for (size_t at = 0; at < 40; ++at) {
    for (int value = 0; value < 256; ++value) {
      Bytes changed = network;
      changed[at] = static_cast<uint8_t>(value);
      expect_error_or_proof(with_payload(replaced(bs::SectionTag::network, changed), file_.header), "byte " + std::to_string(at) + " = " + std::to_string(value));
    }
  }
}

struct OverfitFrontDamage : OverfitDamage {
  OverfitFrontDamage() : OverfitDamage("rbf") {}
};

// Kind, features, rows and columns of the front end are among them.
TEST_F(OverfitFrontDamage, ValuesOfTheNetworksFirstBytes) {
  const Bytes network = content_of(bs::SectionTag::network);
  for (size_t at = 0; at < 60; ++at) {
    for (const int value : {0, 1, 2, 3, 7, 16, 63, 64, 65, 127, 128, 255}) {
      Bytes changed = network;
      changed[at] = static_cast<uint8_t>(value);
      expect_error_or_proof(with_payload(replaced(bs::SectionTag::network, changed), file_.header), "byte " + std::to_string(at) + " = " + std::to_string(value));
    }
  }
}

TEST_F(OverfitDamage, OtherHeaders) {
  const auto changed = [&](auto change) {
    bs::FileHeader header = file_.header;
    change(header);
    return with_payload(payload_, header);
  };
  for (const Bytes& bytes : {changed([](bs::FileHeader& h) { h.picture.width = 41; }), changed([](bs::FileHeader& h) { h.picture.height = 240; }),
                             changed([](bs::FileHeader& h) { h.picture.channels = 3; }), changed([](bs::FileHeader& h) { h.picture.channels = 2; }),
                             changed([](bs::FileHeader& h) { h.picture.width = h.picture.height = 1; }), changed([](bs::FileHeader& h) { h.model_name = "still"; })}) {
    expect_error_or_proof(bytes, "another header");
  }
  EXPECT_EQ(decoder_.verify(changed([](bs::FileHeader& h) { h.model_revision = 2; })).code(), ErrorCode::unsupported);
  // Limits come before memory.
  EXPECT_EQ(decoder_.verify(changed([](bs::FileHeader& h) { h.picture.width = h.picture.height = 60000; })).code(), ErrorCode::limit);
  auto small = ImageDecoder::create({.limits = {.max_memory = 1 << 20}});
  ASSERT_TRUE(small);
  EXPECT_EQ(small->verify(stream_).code(), ErrorCode::limit);
}

TEST_F(OverfitDamage, SectionsLeftOutOrEmpty) {
  for (const bs::SectionTag tag : {bs::SectionTag::network, bs::SectionTag::grids}) {
    EXPECT_EQ(decoder_.verify(with_payload(replaced(tag, {}), file_.header)).code(), ErrorCode::corrupt);
    std::vector<bs::Section> rest = *bs::read_sections(payload_);
    std::erase_if(rest, [&](const bs::Section& s) { return s.tag == tag; });
    bs::ByteWriter out;
    bs::write_sections(out, rest);
    EXPECT_EQ(decoder_.verify(with_payload(out.take(), file_.header)).code(), ErrorCode::corrupt);
  }
}

}  // namespace
}  // namespace tessera::test
