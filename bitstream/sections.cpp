#include "bitstream/sections.h"

#include <bit>

namespace tessera::bitstream {
namespace {

enum Tag : uint8_t { kTagMask = 63, kOptional = 64, kLast = 128 };

bool known(uint8_t tag) { return tag >= 1 && tag <= 10; }

}  // namespace

const char* section_name(SectionTag tag) {
  constexpr const char* kNames[] = {"hyperlatents", "latents", "alpha", "checksum", "side", "indices", "frame", "network", "grids", "blocks"};
  const auto number = static_cast<uint8_t>(tag);
  return known(number) ? kNames[number - 1] : "unknown";
}

void write_sections(ByteWriter& out, std::span<const Section> sections) {
  for (size_t i = 0; i < sections.size(); ++i) {
    const bool last = i + 1 == sections.size();
    out.u8(static_cast<uint8_t>(static_cast<uint8_t>(sections[i].tag) | (last ? kLast : 0)));
    if (!last) out.varint(sections[i].content.size());
    out.bytes(sections[i].content);
  }
}

Result<std::vector<Section>> read_sections(std::span<const uint8_t> payload, uint64_t offset) {
  std::vector<Section> sections;
  ByteReader in(payload, offset);
  uint64_t seen = 0;  // bit t: tag t was there
  for (size_t count = 0;; ++count) {
    if (count == kMaxSections) in.fail(ErrorCode::corrupt, "more than 32 sections");
    const uint8_t head = in.u8();
    const auto tag = static_cast<uint8_t>(head & kTagMask);
    if (in.ok() && (tag == 0 || (seen >> tag & 1))) {
      in.fail(ErrorCode::corrupt, tag == 0 ? "tag 0" : "tag " + std::to_string(tag) + " twice");
    }
    seen |= uint64_t{1} << tag;
    const bool last = (head & kLast) != 0;
    const auto content = in.bytes(last ? in.remaining() : in.varint());
    if (in.ok() && !known(tag) && !(head & kOptional)) {
      in.fail(ErrorCode::unsupported, "tag " + std::to_string(tag));
    }
    if (!in.ok()) break;
    if (known(tag)) sections.push_back({static_cast<SectionTag>(tag), content});
    if (last) return sections;
  }
  // The packet's checksum has shown that the payload is whole, so running out of bytes is no truncation.
  const Status status = in.status("section of a payload");
  if (status.code() == ErrorCode::truncated) return Status(ErrorCode::corrupt, status.message());
  return status;
}

const Section* find_section(std::span<const Section> sections, SectionTag tag) {
  for (const Section& section : sections) {
    if (section.tag == tag) return &section;
  }
  return nullptr;
}

std::vector<uint8_t> latents_content(const Latents& latents) {
  ByteWriter out;
  out.u8(static_cast<uint8_t>(std::countr_zero(latents.lanes)));
  out.bytes(latents.coded);
  return out.take();
}

Result<Latents> read_latents(std::span<const uint8_t> content) {
  if (content.empty()) return {ErrorCode::corrupt, "latents section: it is empty"};
  if (content[0] > std::countr_zero(kMaxLanes)) {
    return {ErrorCode::corrupt, "latents section: lane count 2^" + std::to_string(content[0])};
  }
  return Latents{uint32_t{1} << content[0], content.subspan(1)};
}

bool SymbolChecksum::matches(uint32_t crc) const {
  const uint32_t mask = size >= 4 ? 0xFFFFFFFFu : (uint32_t{1} << (8 * size)) - 1;
  return (crc & mask) == value;
}

std::vector<uint8_t> checksum_content(uint32_t crc, uint32_t size) {
  std::vector<uint8_t> content;
  for (uint32_t i = 0; i < size && i < 4; ++i) content.push_back(static_cast<uint8_t>(crc >> (8 * i)));
  return content;
}

Result<SymbolChecksum> read_checksum(std::span<const uint8_t> content) {
  if (content.empty() || content.size() > 4) {
    return {ErrorCode::corrupt, "checksum section of " + std::to_string(content.size()) + " bytes"};
  }
  SymbolChecksum checksum{0, static_cast<uint32_t>(content.size())};
  for (size_t i = 0; i < content.size(); ++i) checksum.value |= uint32_t{content[i]} << (8 * i);
  return checksum;
}

}  // namespace tessera::bitstream
