// Every golden stream of the project, cut off at every byte and with every bit flipped: the container says what is wrong, and the reader of
// arriving streams goes on behind the damage.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bitstream/file.h"
#include "bitstream/stream_reader.h"

namespace tessera::bitstream {
namespace {

using Bytes = std::vector<uint8_t>;

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TESSERA_GOLDEN)) {
    if (entry.path().extension() == ".tsr") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class GoldenDamage : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::ifstream in(std::filesystem::path(TESSERA_GOLDEN) / (GetParam() + ".tsr"), std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(in), {});
    auto parsed = parse_file(bytes_);
    ASSERT_TRUE(parsed) << parsed.status().message();
    whole_ = std::move(*parsed);
    for (const PacketView& view : whole_.packets) ends_.push_back(view.offset + view.size);
  }

  bool image() const { return whole_.header.kind == MediaKind::image; }
  size_t packets_before(size_t size) const { return static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), size) - ends_.begin()); }

  Bytes bytes_;
  ParsedFile whole_;
  std::vector<uint64_t> ends_;  // of the packets
};

struct Seen {
  size_t packets = 0;
  uint64_t lost = 0;
  bool damaged = false;
};

Seen read(std::span<const uint8_t> bytes) {
  StreamReader reader;
  reader.push(bytes);
  reader.finish();
  Seen seen;
  for (size_t guard = 0; guard <= 2 * bytes.size() + 4; ++guard) {
    const auto event = reader.next();
    seen.packets += event.kind == StreamReader::Kind::packet;
    seen.lost += event.lost;
    seen.damaged |= !event.damage.ok();
    if (event.kind == StreamReader::Kind::end) return seen;
  }
  ADD_FAILURE() << "the reader does not come to an end";
  return seen;
}

// A packet's payload taken apart; whatever it holds, nothing but an answer comes of it.
void read_payloads(const ParsedFile& file) {
  for (const PacketView& view : file.packets) {
    const auto sections = read_sections(view.packet.payload, view.offset);
    EXPECT_TRUE(sections.ok() || !sections.status().message().empty());
  }
}

TEST_P(GoldenDamage, TruncationAtEveryByte) {
  for (size_t size = 0; size < bytes_.size(); ++size) {
    const auto cut = std::span(bytes_).first(size);
    const auto prefix = parse_prefix(cut);
    ASSERT_EQ(prefix.ok(), size >= whole_.header_bytes) << size;
    if (!prefix) {
      EXPECT_EQ(prefix.status().code(), ErrorCode::truncated) << size;
      continue;
    }
    EXPECT_EQ(prefix->packets.size(), packets_before(size)) << size;
    read_payloads(*prefix);
    // Sound and video may end behind any packet; a picture lacks something.
    const bool between = size == whole_.header_bytes || std::binary_search(ends_.begin(), ends_.end(), size);
    EXPECT_EQ(prefix->end.code(), !image() && between ? ErrorCode::ok : ErrorCode::truncated) << size << ": " << prefix->end.message();
    if (!image()) {
      EXPECT_EQ(read(cut).packets, packets_before(size)) << size;
    }
  }
}

TEST_P(GoldenDamage, FlipOfEveryBit) {
  for (size_t bit = 0; bit < bytes_.size() * 8; ++bit) {
    Bytes bytes = bytes_;
    bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    const auto strict = parse_file(bytes);
    ASSERT_FALSE(strict.ok()) << "bit " << bit;
    EXPECT_FALSE(strict.status().message().empty()) << "bit " << bit;
    const auto prefix = parse_prefix(bytes);
    ASSERT_EQ(prefix.ok(), bit / 8 >= whole_.header_bytes) << "bit " << bit;
    if (!prefix) continue;
    EXPECT_EQ(prefix->packets.size(), packets_before(bit / 8)) << "bit " << bit;
    read_payloads(*prefix);
    if (image()) continue;
    const Seen seen = read(bytes);
    EXPECT_TRUE(seen.damaged) << "bit " << bit;
    EXPECT_LE(seen.packets, whole_.packets.size()) << "bit " << bit;
    EXPECT_GE(seen.packets + 2, whole_.packets.size()) << "bit " << bit;
  }
}

INSTANTIATE_TEST_SUITE_P(Streams, GoldenDamage, testing::ValuesIn(golden_names()), [](const auto& stream) { return stream.param; });

}  // namespace
}  // namespace tessera::bitstream
