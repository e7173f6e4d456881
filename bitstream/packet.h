// Packets: the framing around each coded tile, frame or audio block (docs/bitstream.md, section 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "bitstream/bytes.h"
#include "bitstream/status.h"

namespace tessera::bitstream {

enum class PacketKind : uint8_t {
  key = 1,        // an image's tile, a video frame without references, an audio block
  predicted = 2,  // a video frame that depends on earlier ones
  index = 3,      // positions of key packets, at the end
  metadata = 8,   // ICC, EXIF, XMP
  companion = 9,  // a piece of the stream of sound that belongs to a video
};

// Payloads up to here may use the 16-bit checksum, so that with it a packet stays where CRC-16 is strong.
inline constexpr size_t kMaxShortPayload = 4079;

struct Packet {
  PacketKind kind = PacketKind::key;
  std::optional<uint64_t> time_stamp = {};  // ticks; absent: follows from the packet before
  std::optional<uint8_t> quality = {};      // 0..63; absent: the file header's
  bool short_checksum = false;              // CRC-16 instead of CRC-32C; video and audio only
  std::span<const uint8_t> payload = {};    // borrowed
};

// A packet as it was found in a stream. `payload` borrows the stream's bytes.
struct PacketView {
  Packet packet;
  uint64_t time_stamp = 0;  // ticks, resolved; set by parse_file
  uint64_t offset = 0;      // bytes from the start of the file to the packet's head
  uint64_t size = 0;        // bytes of the whole packet
};

// Appends a packet. invalid_argument when the quality is above 63 or the payload too long for a short
// checksum.
Status write_packet(ByteWriter& out, const Packet& packet);

// Reads one packet and checks its checksum, then its kind. Kinds 10..15, which this version does not know and
// may skip, come back as they are. Errors: truncated, corrupt, unsupported, limit (payload above
// `max_payload`).
Result<PacketView> read_packet(ByteReader& in, uint64_t max_payload);

}  // namespace tessera::bitstream
