// The optional index at the end of video and audio streams (docs/bitstream.md, section 5).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/bytes.h"
#include "bitstream/status.h"

namespace tessera::bitstream {

// Where a decoder may start.
struct IndexEntry {
  uint64_t offset = 0;      // bytes from the start of the file to a key packet's head
  uint64_t time_stamp = 0;  // ticks
  bool operator==(const IndexEntry&) const = default;
};

inline constexpr size_t kFooterSize = 8;

// Appends the index packet and its footer. Offsets have to increase strictly, time stamps must not decrease:
// invalid_argument otherwise.
Status write_index(ByteWriter& out, std::span<const IndexEntry> entries);

// Reads an index packet's payload. `max_entries` bounds the result (the number of key packets, or of bytes
// before the index). Errors: corrupt.
Result<std::vector<IndexEntry>> read_index_payload(std::span<const uint8_t> payload, uint64_t max_entries,
                                                   uint64_t offset = 0);

// Checks the footer behind an index packet of `packet_size` bytes. Errors: truncated, corrupt.
Status read_footer(ByteReader& in, uint64_t packet_size);

// Finds the index from the end of a whole file, without reading the packets. Empty when there is none.
// Errors: corrupt (a footer is there but does not lead to an index packet).
Result<std::vector<IndexEntry>> find_index(std::span<const uint8_t> file);

}  // namespace tessera::bitstream
