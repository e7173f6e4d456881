#include "tests/fuzz/loose_stream.h"

#include <algorithm>

#include "bitstream/bytes.h"
#include "bitstream/crc.h"
#include "tests/fuzz/target.h"

namespace tessera::fuzz {
namespace {

namespace bs = bitstream;
using Bytes = std::vector<uint8_t>;

constexpr size_t kLengthAt = 4, kFlagsAt = 5, kHeaderCrc = 2;
constexpr uint8_t kIndex = 3, kKindMask = 15, kHasTime = 16, kHasQuality = 32, kLongChecksum = 64;
constexpr uint8_t kLast = 128;
constexpr size_t kFooter = 8;

size_t below(std::mt19937& random, size_t end) { return end == 0 ? 0 : random() % end; }

// libFuzzer's own mutations of a part of the input.
void mutate_bytes(Bytes& bytes, size_t room) {
  const size_t size = bytes.size();
  bytes.resize(size + room);
  bytes.resize(LLVMFuzzerMutate(bytes.data(), size, bytes.size()));
}

// False where no packet starts, or its payload ends behind the bytes.
bool read_packet(bs::ByteReader& in, LoosePacket& packet) {
  packet.head = in.u8();
  if (packet.head & kHasTime) packet.time_stamp = in.varint();
  if (packet.head & kHasQuality) packet.quality = in.u8();
  const auto payload = in.bytes(in.varint());
  in.bytes(packet.head & kLongChecksum ? 4 : 2);
  packet.payload.assign(payload.begin(), payload.end());
  return in.ok();
}

void write_packet(bs::ByteWriter& out, const LoosePacket& packet) {
  const size_t start = out.size();
  out.u8(packet.head);
  if (packet.head & kHasTime) out.varint(packet.time_stamp.value_or(0));
  if (packet.head & kHasQuality) out.u8(packet.quality.value_or(0));
  out.varint(packet.payload.size());
  out.bytes(packet.payload);
  const auto covered = out.view().subspan(start);
  if (packet.head & kLongChecksum) {
    out.u32(bs::crc32c(covered));
  } else {
    out.u16(bs::crc16(covered));
  }
}

struct LooseSection {
  uint8_t head = 0;
  Bytes content = {};
};

std::vector<LooseSection> read_sections(std::span<const uint8_t> payload) {
  std::vector<LooseSection> sections;
  bs::ByteReader in(payload);
  while (in.ok() && !in.at_end()) {
    LooseSection section{.head = in.u8()};
    const bs::ByteReader before_length = in;
    auto content = in.bytes(section.head & kLast ? in.remaining() : in.varint());
    if (!in.ok()) {  // what is left is the last section
      bs::ByteReader rest = before_length;
      content = rest.bytes(rest.remaining());
    }
    section.content.assign(content.begin(), content.end());
    sections.push_back(std::move(section));
  }
  return sections;
}

Bytes section_bytes(const std::vector<LooseSection>& sections) {
  bs::ByteWriter out;
  for (size_t i = 0; i < sections.size(); ++i) {
    const bool last = i + 1 == sections.size();
    out.u8(static_cast<uint8_t>(last ? sections[i].head | kLast : sections[i].head & ~kLast));
    if (!last) out.varint(sections[i].content.size());
    out.bytes(sections[i].content);
  }
  return out.take();
}

}  // namespace

LooseStream::LooseStream(std::span<const uint8_t> bytes) {
  const size_t claimed = bytes.size() > kLengthAt ? bytes[kLengthAt] : bytes.size();
  const size_t length = std::min(claimed, bytes.size());
  header_.assign(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length - std::min(length, kHeaderCrc)));
  bs::ByteReader in(bytes.subspan(length));
  while (!in.at_end()) {
    const size_t start = in.position();
    LoosePacket packet;
    if (!read_packet(in, packet)) {
      const auto rest = bytes.subspan(length + start);
      tail_.assign(rest.begin(), rest.end());
      return;
    }
    packets_.push_back(std::move(packet));
  }
}

void LooseStream::mutate(std::mt19937& random) {
  if (packets_.empty() || random() % 4 == 0) return mutate_header(random);
  LoosePacket& packet = packets_[below(random, packets_.size())];
  switch (random() % 8) {
    case 0:
      return mutate_order(random);
    case 1:
      return mutate_head(random, packet);
    case 2:
      return mutate_bytes(tail_, 16);
    default:
      return mutate_payload(random, packet);
  }
}

void LooseStream::mutate_header(std::mt19937& random) {
  if (header_.size() <= kFlagsAt || random() % 16 == 0) {
    mutate_bytes(header_, 32);
  } else {  // behind the magic, the version and the length, or else few headers get any further
    Bytes fields(header_.begin() + kFlagsAt, header_.end());
    mutate_bytes(fields, 16);
    header_.resize(kFlagsAt);
    header_.insert(header_.end(), fields.begin(), fields.end());
  }
}

void LooseStream::mutate_head(std::mt19937& random, LoosePacket& packet) {
  packet.head = static_cast<uint8_t>(packet.head ^ 1u << random() % 8);
  if (random() % 2) packet.time_stamp = uint64_t{random()} << random() % 33 >> random() % 64;
  if (random() % 2) packet.quality = static_cast<uint8_t>(random() % 66);
}

void LooseStream::mutate_payload(std::mt19937& random, LoosePacket& packet) {
  if (random() % 4 == 0 || packet.payload.empty()) return mutate_bytes(packet.payload, 64);
  auto sections = read_sections(packet.payload);
  LooseSection& section = sections[below(random, sections.size())];
  switch (random() % 8) {
    case 0:
      section.head = static_cast<uint8_t>(section.head ^ 1u << random() % 8);
      break;
    case 1:
      sections.insert(sections.begin() + static_cast<ptrdiff_t>(below(random, sections.size())), LooseSection(section));
      break;
    case 2:
      sections.erase(sections.begin() + (&section - sections.data()));
      break;
    default:
      mutate_bytes(section.content, 32);
  }
  packet.payload = section_bytes(sections);
}

void LooseStream::mutate_order(std::mt19937& random) {
  const size_t one = below(random, packets_.size()), other = below(random, packets_.size());
  switch (random() % 3) {
    case 0:
      std::swap(packets_[one], packets_[other]);
      break;
    case 1:
      packets_.insert(packets_.begin() + static_cast<ptrdiff_t>(other), LoosePacket(packets_[one]));
      break;
    default:
      packets_.erase(packets_.begin() + static_cast<ptrdiff_t>(one));
  }
}

std::vector<uint8_t> LooseStream::bytes() const {
  Bytes header = header_;
  if (header.size() > kLengthAt) header[kLengthAt] = static_cast<uint8_t>(std::min<size_t>(255, header.size() + kHeaderCrc));
  const uint16_t crc = bs::crc16(header);
  bs::ByteWriter out;
  out.bytes(header);
  out.u16(crc);
  size_t last = 0;
  for (const LoosePacket& packet : packets_) {
    last = out.size();
    write_packet(out, packet);
  }
  Bytes tail = tail_;
  if (!packets_.empty() && (packets_.back().head & kKindMask) == kIndex && tail.size() == kFooter) {
    const size_t size = out.size() - last;
    for (size_t i = 0; i < 4; ++i) tail[i] = static_cast<uint8_t>(size >> (8 * i));
  }
  out.bytes(tail);
  return out.take();
}

size_t mutate_stream(uint8_t* data, size_t size, size_t max_size, unsigned seed, size_t options) {
  std::mt19937 random(seed);
  // Now and then damage that no checksum hides, and other options.
  if (size <= options || random() % 16 == 0) return LLVMFuzzerMutate(data, size, max_size);
  if (random() % 16 == 0) {
    LLVMFuzzerMutate(data, options, options);
    return size;
  }
  LooseStream stream({data + options, size - options});
  do {
    stream.mutate(random);
  } while (random() % 4 == 0);
  const Bytes bytes = stream.bytes();
  const size_t kept = std::min(bytes.size(), max_size - options);
  std::copy_n(bytes.begin(), kept, data + options);
  return options + kept;
}

}  // namespace tessera::fuzz
