// What packet loss, damage, time stamps and seeking do to the sound.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "bitstream/header.h"
#include "bitstream/index.h"
#include "bitstream/packet.h"
#include "tests/codec/sounds.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

constexpr uint32_t kRate = 8000;

class AudioLoss : public testing::TestWithParam<bool> {
 protected:
  AudioLoss() {
    write_weights(folder_.folder());
    stream = encoded(encoding(), voice(kRate, 1, 60007));
    whole = decoded(decoding(), stream);
  }
  AudioEncoderOptions encoding() const {
    AudioEncoderOptions o;
    o.model = "speech";
    o.bit_rate = 3200;
    o.low_delay = GetParam();
    o.weights_dir = folder_.folder();
    return o;
  }
  AudioDecoderOptions decoding() const { return {folder_.folder(), false}; }
  size_t block() const { return GetParam() ? 200 : 4000; }  // samples

  TemporaryFolder folder_;
  AudioStream stream;
  std::vector<float> whole;
};

TEST_P(AudioLoss, EveryKthPacketMissing) {
  for (const size_t k : {2u, 3u, 7u}) {
    std::vector<size_t> lost;
    for (size_t i = k - 1; i + 1 < stream.packets.size(); i += k) lost.push_back(i);
    AudioReport report;
    const std::vector<float> samples = decoded(decoding(), stream, lost, &report);
    ASSERT_EQ(samples.size(), whole.size()) << k;
    EXPECT_EQ(report.lost, lost.size());
    for (const float v : samples) ASSERT_TRUE(std::isfinite(v));
    EXPECT_NE(samples, whole);
  }
}

TEST_P(AudioLoss, TheRestIsUntouched) {
  const size_t gone = stream.packets.size() / 2;
  const std::vector<float> samples = decoded(decoding(), stream, {gone});
  auto decoder = AudioDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream.header).ok());
  const size_t settle = decoder->preroll(), from = gone * block(), to = from + block();
  size_t silent = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    if (i + settle < from || i > to + settle) {
      ASSERT_EQ(samples[i], whole[i]) << i;
    }
    silent += i >= from && i < to && samples[i] == 0;
  }
  // More than a tenth of a second is faded out.
  if (!GetParam()) {
    EXPECT_GT(silent, block() / 2);
  }
}

TEST_P(AudioLoss, TimeStampsTellOfLosses) {
  // Every packet with a stamp; two of them never arrive, and nobody says so.
  auto decoder = AudioDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream.header).ok());
  size_t samples = 0;
  for (size_t i = 0; i < stream.packets.size(); ++i) {
    if (i == 4 || i == 5) continue;
    bitstream::ByteReader in(stream.packets[i].bytes);
    auto view = bitstream::read_packet(in, 1 << 16);
    ASSERT_TRUE(view);
    view->packet.time_stamp = stream.packets[i].time;
    bitstream::ByteWriter out;
    ASSERT_TRUE(bitstream::write_packet(out, view->packet).ok());
    ASSERT_TRUE(decoder->send(out.view()).ok());
    while (auto block = decoder->receive()) samples += block->frames();
  }
  ASSERT_TRUE(decoder->flush().ok());
  while (auto block = decoder->receive()) samples += block->frames();
  EXPECT_EQ(samples, whole.size());
  EXPECT_EQ(decoder->report().lost, 2u);
}

// The encoder stores them as often as it is asked, and within its rate.
TEST_P(AudioLoss, TheEncoderStoresTimes) {
  AudioEncoderOptions options = encoding();
  options.times = 0.5;
  const AudioStream timed = encoded(options, voice(kRate, 1, 60007));
  EXPECT_NEAR(static_cast<double>(timed.bytes().size()), static_cast<double>(stream.bytes().size()), 0.03 * static_cast<double>(stream.bytes().size()) + 8);
  std::vector<uint64_t> times;
  for (const AudioPacket& packet : timed.packets) {
    bitstream::ByteReader in(packet.bytes);
    const auto view = bitstream::read_packet(in, 1 << 16);
    ASSERT_TRUE(view);
    if (!view->packet.time_stamp) continue;
    EXPECT_EQ(*view->packet.time_stamp, packet.time);
    times.push_back(packet.time);
  }
  ASSERT_GE(times.size(), 3u);
  EXPECT_GE(times[0], 4000u);  // half a second
  for (size_t i = 1; i < times.size(); ++i) EXPECT_LE(times[i] - times[i - 1], 4000 + block());
  // Two packets that nobody misses, up to the next stamp.
  auto decoder = AudioDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(timed.header).ok());
  size_t samples = 0;
  for (size_t i = 0; i < timed.packets.size(); ++i) {
    if (i == 1 || i == 2) continue;
    ASSERT_TRUE(decoder->send(timed.packets[i].bytes).ok());
    while (auto part = decoder->receive()) samples += part->frames();
  }
  ASSERT_TRUE(decoder->flush().ok());
  while (auto part = decoder->receive()) samples += part->frames();
  EXPECT_EQ(samples, whole.size());
  EXPECT_EQ(decoder->report().lost, 2u);
}

TEST_P(AudioLoss, BadTimeStampsAreRefused) {
  auto decoder = AudioDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream.header).ok());
  ASSERT_TRUE(decoder->send(stream.packets[0].bytes).ok());
  for (const uint64_t time : {uint64_t{0}, uint64_t{1}, uint64_t{block() + 1}, ~uint64_t{0}, uint64_t{block()} << 40}) {
    bitstream::ByteReader in(stream.packets[1].bytes);
    auto view = bitstream::read_packet(in, 1 << 16);
    view->packet.time_stamp = time;
    bitstream::ByteWriter out;
    ASSERT_TRUE(bitstream::write_packet(out, view->packet).ok());
    EXPECT_EQ(decoder->send(out.view()).code(), ErrorCode::corrupt) << time;
  }
  EXPECT_EQ(decoder->lost(uint64_t{1} << 60).code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(decoder->send(stream.packets[1].bytes).ok());
  EXPECT_EQ(decoder->report().lost, 0u);
}

// Held back until the end is known, they would fill the memory of a decoder that runs for long.
TEST_P(AudioLoss, NotEverythingCanBeDroppedAtTheEnd) {
  auto header = *bitstream::parse_header(stream.header, {});
  for (const uint64_t trailing : {uint64_t{100}, uint64_t{1} << 20, (uint64_t{1} << 20) + 1, ~uint64_t{0}}) {
    header.audio.trailing = trailing;
    bitstream::ByteWriter out;
    ASSERT_TRUE(bitstream::write_header(out, header).ok());
    auto decoder = AudioDecoder::create(decoding());
    EXPECT_EQ(decoder->open(out.view()).code(), trailing > uint64_t{1} << 20 ? ErrorCode::limit : ErrorCode::ok) << trailing;
  }
}

TEST_P(AudioLoss, DamagedPacketsChangeNothing) {
  auto decoder = AudioDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream.header).ok());
  std::vector<float> samples;
  std::mt19937 random(2);
  for (const AudioPacket& packet : stream.packets) {
    for (int i = 0; i < 3; ++i) {
      Bytes bad = packet.bytes;
      bad[random() % bad.size()] ^= static_cast<uint8_t>(1 + random() % 255);
      bad.resize(bad.size() - (i == 2 ? random() % bad.size() : 0));
      const Status status = decoder->send(bad);
      // A damaged head may be that of a packet to skip, which is no error.
      if (status.ok()) {
        EXPECT_NE(bad[0] & 15, 1);
      }
    }
    ASSERT_TRUE(decoder->send(packet.bytes).ok());
    while (auto block = decoder->receive()) samples.insert(samples.end(), block->samples.begin(), block->samples.end());
  }
  ASSERT_TRUE(decoder->flush().ok());
  while (auto block = decoder->receive()) samples.insert(samples.end(), block->samples.begin(), block->samples.end());
  EXPECT_EQ(samples, whole);
}

TEST_P(AudioLoss, SeekingGivesTheSameSamples) {
  auto decoder = AudioDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream.header).ok());
  const uint64_t priming = decoder->causal() ? 40 : 0;
  for (const uint64_t first : {uint64_t{30000}, uint64_t{12345}, uint64_t{0}, uint64_t{59999}}) {
    const uint64_t need = first + priming > decoder->preroll() ? first + priming - decoder->preroll() : 0;
    const size_t start = need / block();
    ASSERT_TRUE(decoder->seek(start * block(), first).ok());
    std::vector<float> samples;
    uint64_t time = ~uint64_t{0};
    for (size_t i = start; i < stream.packets.size(); ++i) {
      ASSERT_TRUE(decoder->send(stream.packets[i].bytes).ok());
      while (auto block_ = decoder->receive()) {
        if (samples.empty()) time = block_->time;
        samples.insert(samples.end(), block_->samples.begin(), block_->samples.end());
      }
    }
    ASSERT_TRUE(decoder->flush().ok());
    while (auto block_ = decoder->receive()) {
      if (samples.empty()) time = block_->time;
      samples.insert(samples.end(), block_->samples.begin(), block_->samples.end());
    }
    EXPECT_EQ(time, first);
    ASSERT_EQ(samples.size(), whole.size() - first);
    EXPECT_TRUE(std::equal(samples.begin(), samples.end(), whole.begin() + static_cast<ptrdiff_t>(first))) << first;
  }
}

TEST_P(AudioLoss, LostAfterTheEndIsNothing) {
  auto decoder = AudioDecoder::create(decoding());
  ASSERT_TRUE(decoder->open(stream.header).ok());
  for (const AudioPacket& packet : stream.packets) ASSERT_TRUE(decoder->send(packet.bytes).ok());
  EXPECT_TRUE(decoder->lost(3).ok());
  EXPECT_EQ(decoder->send(stream.packets[0].bytes).code(), ErrorCode::corrupt);
  EXPECT_TRUE(decoder->flush().ok());
  size_t samples = 0;
  while (auto block = decoder->receive()) samples += block->frames();
  EXPECT_EQ(samples, whole.size());
}

INSTANTIATE_TEST_SUITE_P(Packets, AudioLoss, testing::Bool(), [](const auto& test) { return test.param ? "small" : "usual"; });

TEST(AudioIndex, LongStreamsEndWithAnIndexOfTheirPackets) {
  const TemporaryFolder folder;
  write_weights(folder.folder());
  AudioEncoderOptions o;
  o.bit_rate = 3200;
  o.weights_dir = folder.folder();
  const AudioStream stream = encoded(o, voice(kRate, 1, 45 * kRate));
  const Bytes bytes = stream.bytes();
  const auto index = bitstream::find_index(bytes);
  ASSERT_TRUE(index) << index.status().message();
  ASSERT_EQ(index->size(), 4u);
  EXPECT_TRUE(inspect(bytes, folder.folder()));
  for (const bitstream::IndexEntry& entry : *index) {
    bitstream::ByteReader in(std::span<const uint8_t>(bytes).subspan(entry.offset), entry.offset);
    const auto view = bitstream::read_packet(in, 1 << 16);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->packet.time_stamp, entry.time_stamp);
  }
  EXPECT_TRUE(stream.packets.back().index);
  EXPECT_TRUE(bitstream::find_index(encoded(o, voice(kRate, 1, 15 * kRate)).bytes())->empty());
}

}  // namespace
}  // namespace tessera::test
