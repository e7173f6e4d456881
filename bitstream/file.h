// A whole `.tsr` file in memory: header, metadata, packets, index (docs/bitstream.md). Nothing is copied but
// the structure; spans borrow the file's bytes, which have to outlive the result.
//
//   ByteWriter out;                                        // writing an image
//   write_header(out, header);
//   write_metadata(out, MetadataType::icc, profile);
//   for (each tile) write_packet(out, {.payload = tile});
//
//   auto file = parse_file(bytes, limits);                 // reading it
//   for (const PacketView& view : file->packets) { auto sections = read_sections(view.packet.payload); ... }
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/header.h"
#include "bitstream/index.h"
#include "bitstream/limits.h"
#include "bitstream/packet.h"
#include "bitstream/sections.h"
#include "bitstream/status.h"

namespace tessera::bitstream {

enum class MetadataType : uint8_t { icc = 1, exif = 2, xmp = 3 };

struct ParsedFile {
  FileHeader header;
  size_t header_bytes = 0;       // length of the file header
  uint64_t metadata_bytes = 0;   // all metadata packets with their framing
  std::span<const uint8_t> icc;  // empty: absent; the same for the next two
  std::span<const uint8_t> exif;
  std::span<const uint8_t> xmp;
  std::vector<PacketView>
      packets;                    // key and predicted packets in file order; an image's tiles in raster order
  std::vector<std::span<const uint8_t>> companions;  // payloads of a video's companion packets in file order: its sound, in pieces
  std::vector<IndexEntry> index;  // empty: none
  uint64_t bytes_read = 0;        // up to the end of the last whole structure
  Status end;                     // parse_prefix: ok, or what stopped it after `bytes_read`
};

// Appends a metadata packet. Place them after the header and before the first key packet, one of each type.
Status write_metadata(ByteWriter& out, MetadataType type, std::span<const uint8_t> content);

// Strict: the whole file has to be right. Errors: truncated, corrupt, unsupported, limit.
Result<ParsedFile> parse_file(std::span<const uint8_t> file, const Limits& limits = {});

// Tolerant: gives what comes before the first damage, and the damage in `end`. An error only when the header
// itself cannot be read.
Result<ParsedFile> parse_prefix(std::span<const uint8_t> file, const Limits& limits = {});

}  // namespace tessera::bitstream
