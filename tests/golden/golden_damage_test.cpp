// What damage of the golden streams does to the decoders: cut off, with a bit flipped, and with a flipped bit under a checksum that was made right again.
// Samples of what tests/bitstream/golden_damage_test.cpp does to every byte and bit: here each one decodes the stream.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "bitstream/file.h"
#include "bitstream/stream_reader.h"
#include "codec/tessera.h"
#include "codec/video.h"
#include "data/byte_file.h"

namespace tessera::test {
namespace {

namespace bs = bitstream;

struct Outcome {
  Status status;            // the first thing that was wrong
  uint64_t decoded = 0;     // pictures or packets
  uint32_t checksum = 0;    // of the symbols
};

void note(const Status& status, Outcome& outcome) {
  if (outcome.status.ok()) outcome.status = status;
}

Outcome decode_image(std::span<const uint8_t> bytes) {
  auto decoder = std::move(*ImageDecoder::create({.threads = 1, .limits = {.max_pixels = 1 << 18}}));
  Report report;
  Outcome outcome{decoder.verify(bytes, &report)};
  outcome.decoded = outcome.status.ok();
  outcome.checksum = report.symbol_checksum;
  return outcome;
}

AudioDecoder decoder_of_sound() { return std::move(*AudioDecoder::create({{}, true})); }

VideoDecoder decoder_of_video() {
  VideoDecoderOptions options;
  options.threads = 1;
  options.limits.max_pixels = 1 << 18;
  options.symbols_only = true;
  return std::move(*VideoDecoder::create(options));
}

// As the program does it: what is lost is announced, and the rest is decoded.
template <class Decoder>
Outcome decode_packets(Decoder decoder, std::span<const uint8_t> bytes) {
  Outcome outcome;
  bs::StreamReader reader;
  reader.push(bytes);
  reader.finish();
  for (size_t guard = 0; guard < 2 * bytes.size() + 4; ++guard) {
    const auto event = reader.next();
    note(event.damage, outcome);
    switch (event.kind) {
      case bs::StreamReader::Kind::header:
        if (const Status status = decoder.open(event.bytes); !status.ok()) return {status};
        break;
      case bs::StreamReader::Kind::packet:
        if (const Status status = decoder.send(event.bytes); status.ok()) {
          ++outcome.decoded;
        } else {
          note(status, outcome);
          (void)decoder.lost(1);
        }
        break;
      case bs::StreamReader::Kind::lost:
        (void)decoder.lost(event.lost);
        break;
      default:
        (void)decoder.flush();
        outcome.checksum = decoder.report().symbol_checksum;
        return outcome;
    }
  }
  ADD_FAILURE() << "the reader does not come to an end";
  return outcome;
}

Outcome decode(std::span<const uint8_t> bytes) {
  if (bs::is_audio_stream(bytes)) return decode_packets(decoder_of_sound(), bytes);
  if (bs::is_video_stream(bytes)) return decode_packets(decoder_of_video(), bytes);
  return decode_image(bytes);
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TESSERA_GOLDEN)) {
    if (entry.path().extension() == ".tsr") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class GoldenDecodeDamage : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto bytes = media::read_file(std::string(TESSERA_GOLDEN) + "/" + GetParam() + ".tsr");
    ASSERT_TRUE(bytes.ok());
    bytes_ = std::move(*bytes);
    file_ = *bs::parse_file(bytes_);
    whole_ = decode(bytes_);
    if (whole_.status.code() == ErrorCode::model_missing) GTEST_SKIP() << whole_.status.message();
    ASSERT_TRUE(whole_.status.ok()) << whole_.status.message();
  }

  // Decoding a stream takes longest for video.
  int samples() const { return file_.header.kind == bs::MediaKind::video ? 40 : file_.header.kind == bs::MediaKind::audio ? 80 : 160; }

  void expect_answer(const Outcome& outcome, const std::string& what) {
    EXPECT_NE(outcome.status.code(), ErrorCode::device) << what << ": " << outcome.status.message();  // an unexpected exception
    EXPECT_NE(outcome.status.code(), ErrorCode::out_of_memory) << what;
    EXPECT_EQ(outcome.status.ok(), outcome.status.message().empty()) << what;
    EXPECT_LE(outcome.decoded, whole_.decoded) << what;
  }

  Bytes bytes_;
  bs::ParsedFile file_;
  Outcome whole_;
};

TEST_P(GoldenDecodeDamage, CutOff) {
  const size_t step = std::max<size_t>(1, bytes_.size() / static_cast<size_t>(samples()));
  for (size_t size = 0; size < bytes_.size(); size += step) {
    const Outcome outcome = decode(std::span(bytes_).first(size));
    expect_answer(outcome, std::to_string(size) + " bytes");
    if (file_.header.kind == bs::MediaKind::image) {
      EXPECT_EQ(outcome.status.code(), ErrorCode::truncated) << size;
    }
  }
}

TEST_P(GoldenDecodeDamage, FlippedBits) {
  std::mt19937 random(1);
  for (int i = 0; i < samples(); ++i) {
    const size_t bit = random() % (bytes_.size() * 8);
    Bytes bytes = bytes_;
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    const Outcome outcome = decode(bytes);
    expect_answer(outcome, "bit " + std::to_string(bit));
    EXPECT_FALSE(outcome.status.ok()) << "bit " << bit;
  }
}

// Behind a checksum that fits, what is decoded stands on its own. Where the stream proves its symbols, a change of them is found all the same;
// of 8 bits as in sound and video not always.
TEST_P(GoldenDecodeDamage, FlippedBitsUnderAValidChecksum) {
  std::mt19937 random(2);
  for (int i = 0; i < samples(); ++i) {
    const size_t packet = random() % file_.packets.size();
    bs::ByteWriter out;
    ASSERT_TRUE(bs::write_header(out, file_.header).ok());
    for (size_t p = 0; p < file_.packets.size(); ++p) {
      bs::Packet one = file_.packets[p].packet;
      Bytes payload(one.payload.begin(), one.payload.end());
      if (p == packet && !payload.empty()) {
        const size_t bit = random() % (payload.size() * 8);
        payload[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      }
      one.payload = payload;
      ASSERT_TRUE(bs::write_packet(out, one).ok());
    }
    const Outcome outcome = decode(out.view());
    expect_answer(outcome, "try " + std::to_string(i));
    if (file_.header.kind == bs::MediaKind::image && outcome.status.ok()) {
      EXPECT_EQ(outcome.checksum, whole_.checksum) << "try " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Streams, GoldenDecodeDamage, testing::ValuesIn(names()), [](const auto& stream) { return stream.param; });

}  // namespace
}  // namespace tessera::test
