// One small stream, damaged in every way: each ends in an error, or in symbols that the checksum proves.
#include <algorithm>

#include "bitstream/bytes.h"
#include "bitstream/crc.h"
#include "bitstream/file.h"
#include "tests/codec/pictures.h"

namespace tessera::test {
namespace {

namespace bs = bitstream;

class Damage : public testing::Test {
 protected:
  Damage() {
    picture_ = photo(64, 64, 4);
    stream_ = encoded(picture_, {.quality = 12}, {}, &report_);
    file_ = *bs::parse_file(stream_);
  }

  // Verifies, and every `each`-th time also decodes.
  void expect_error_or_proof(const Bytes& bytes, const std::string& what, size_t each = 64) {
    Report report;
    const Status status = decoder_.verify(bytes, &report);
    ++tried_;
    if (status.ok()) {
      ++proved_;
      EXPECT_EQ(report.symbol_checksum, report_.symbol_checksum) << what;
    } else {
      EXPECT_FALSE(status.message().empty()) << what;
      EXPECT_NE(status.code(), ErrorCode::device) << what << ": " << status.message();  // an unexpected exception
    }
    if (tried_ % each != 0) return;
    const auto image = decoder_.decode(bytes);
    EXPECT_EQ(image.status().code(), status.code()) << what;
    if (image) {
      EXPECT_EQ(image->data.size(), image->stride() * image->height) << what;
    }
  }

  Bytes with_header(const bs::FileHeader& header) const {
    bs::ByteWriter out;
    EXPECT_TRUE(bs::write_header(out, header).ok());
    out.bytes(std::span(stream_).subspan(file_.header_bytes));
    return out.take();
  }

  Bytes with_payload(const Bytes& payload) const {
    bs::ByteWriter out;
    EXPECT_TRUE(bs::write_header(out, file_.header).ok());
    EXPECT_TRUE(bs::write_packet(out, {.payload = payload}).ok());
    return out.take();
  }

  Picture picture_;
  Bytes stream_;
  Report report_;
  bs::ParsedFile file_;
  ImageDecoder decoder_ = std::move(*ImageDecoder::create({.threads = 1, .limits = {.max_pixels = 1 << 16}}));
  size_t tried_ = 0, proved_ = 0;
};

TEST_F(Damage, TruncationAtEveryByte) {
  for (size_t size = 0; size < stream_.size(); ++size) {
    const Status status = decoder_.verify(std::span(stream_).first(size));
    EXPECT_EQ(status.code(), ErrorCode::truncated) << size << ": " << status.message();
    if (size % 16 == 0) {
      EXPECT_EQ(decoder_.decode(std::span(stream_).first(size)).status().code(), ErrorCode::truncated);
    }
  }
}

TEST_F(Damage, FlipOfEveryBit) {
  for (size_t bit = 0; bit < stream_.size() * 8; ++bit) {
    Bytes bytes = stream_;
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1 << bit % 8);
    expect_error_or_proof(bytes, "bit " + std::to_string(bit));
  }
  EXPECT_EQ(proved_, 0u) << "the packet's CRC finds them all";
}

TEST_F(Damage, BytesBehindTheEnd) {
  Bytes bytes = stream_;
  bytes.push_back(0);
  EXPECT_EQ(decoder_.verify(bytes).code(), ErrorCode::corrupt);
}

// With the checksums of header and packet made right again, what lies behind them has to stand on its own.
TEST_F(Damage, FlipsOfThePayloadUnderAValidChecksum) {
  const auto view = file_.packets[0].packet.payload;
  const Bytes payload(view.begin(), view.end());
  ASSERT_EQ(with_payload(payload), stream_);
  for (size_t bit = 0; bit < payload.size() * 8; bit += payload.size() > 400 ? 3 : 1) {
    Bytes damaged = payload;
    damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ 1 << bit % 8);
    expect_error_or_proof(with_payload(damaged), "payload bit " + std::to_string(bit));
  }
  EXPECT_GT(tried_, 500u);
  for (size_t size = 0; size < payload.size(); ++size) {
    expect_error_or_proof(with_payload({payload.begin(), payload.begin() + static_cast<ptrdiff_t>(size)}), "payload of " + std::to_string(size));
  }
}

TEST_F(Damage, FlipsOfTheHeaderUnderAValidChecksum) {
  for (size_t bit = 0; bit < (file_.header_bytes - 2) * 8; ++bit) {
    Bytes bytes = stream_;
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] ^ 1 << bit % 8);
    const uint16_t crc = bs::crc16(std::span(bytes).first(file_.header_bytes - 2));
    bytes[file_.header_bytes - 2] = static_cast<uint8_t>(crc);
    bytes[file_.header_bytes - 1] = static_cast<uint8_t>(crc >> 8);
    expect_error_or_proof(bytes, "header bit " + std::to_string(bit), 4);
  }
}

TEST_F(Damage, HeadersOfOtherPictures) {
  const auto changed = [&](auto change) {
    bs::FileHeader header = file_.header;
    change(header);
    return with_header(header);
  };
  const std::vector<Bytes> streams{
      changed([](bs::FileHeader& h) { h.picture.width = 65; }),          changed([](bs::FileHeader& h) { h.picture.height = 200; }),
      changed([](bs::FileHeader& h) { h.picture.channels = 3; }),        changed([](bs::FileHeader& h) { h.picture.channels = 1; }),
      changed([](bs::FileHeader& h) { h.picture.bit_depth = 16; }),      changed([](bs::FileHeader& h) { h.quality = 63; }),
      changed([](bs::FileHeader& h) { h.picture.width = 1; }),           changed([](bs::FileHeader& h) { h.picture.tile = 64; }),
      changed([](bs::FileHeader& h) { h.picture.width = 65; h.picture.tile = 64; }),
      changed([](bs::FileHeader& h) { h.model_hash ^= 1; }),             changed([](bs::FileHeader& h) { h.model_name = "others"; })};
  for (size_t i = 0; i < streams.size(); ++i) expect_error_or_proof(streams[i], "stream " + std::to_string(i), 1);
}

TEST_F(Damage, SectionsLeftOut) {
  const auto sections = bs::read_sections(file_.packets[0].packet.payload);
  ASSERT_TRUE(sections);
  for (size_t i = 0; i < sections->size(); ++i) {
    std::vector<bs::Section> rest = *sections;
    rest.erase(rest.begin() + static_cast<ptrdiff_t>(i));
    bs::ByteWriter payload;
    bs::write_sections(payload, rest);
    const Status status = decoder_.verify(with_payload({payload.view().begin(), payload.view().end()}));
    if ((*sections)[i].tag == bs::SectionTag::checksum) {
      EXPECT_TRUE(status.ok()) << status.message();
    } else {
      EXPECT_EQ(status.code(), ErrorCode::corrupt) << i;
    }
  }
}

}  // namespace
}  // namespace tessera::test
