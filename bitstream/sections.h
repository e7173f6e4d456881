// Sections: the parts of one packet's payload (docs/bitstream.md, section 4).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bitstream/bytes.h"
#include "bitstream/status.h"

namespace tessera::bitstream {

enum class SectionTag : uint8_t { hyperlatents = 1, latents = 2, alpha = 3, checksum = 4, side = 5, indices = 6, frame = 7, network = 8, grids = 9, blocks = 10 };
inline constexpr size_t kMaxSections = 32;
inline constexpr uint32_t kMaxLanes = 128;

const char* section_name(SectionTag tag);  // "hyperlatents", ...; "unknown" for others

struct Section {
  SectionTag tag = SectionTag::latents;
  std::span<const uint8_t> content;  // borrowed
};

// Appends `sections` as one payload. Precondition: 1..32 sections, no tag twice.
void write_sections(ByteWriter& out, std::span<const Section> sections);

// Splits a payload. Unknown optional sections are left out. `offset`: where the payload starts in the file,
// for messages. Errors: corrupt, unsupported.
Result<std::vector<Section>> read_sections(std::span<const uint8_t> payload, uint64_t offset = 0);

// The section with this tag, or nullptr.
const Section* find_section(std::span<const Section> sections, SectionTag tag);

// Content of a latents section: the number of lanes of the range coder (a power of two, 1..128) and its
// bytes.
struct Latents {
  uint32_t lanes = 1;
  std::span<const uint8_t> coded;  // borrowed
};
std::vector<uint8_t> latents_content(
    const Latents& latents);  // precondition: lanes is a power of two, 1..128
Result<Latents> read_latents(std::span<const uint8_t> content);

// Content of a checksum section: the low `size` (1..4) bytes of the CRC-32C of the decoded symbols.
struct SymbolChecksum {
  uint32_t value = 0;  // its bits above 8 * size are 0
  uint32_t size = 4;
  bool matches(uint32_t crc) const;  // crc: all 32 bits, as the decoder computed them
};
std::vector<uint8_t> checksum_content(uint32_t crc, uint32_t size = 4);
Result<SymbolChecksum> read_checksum(std::span<const uint8_t> content);

}  // namespace tessera::bitstream
