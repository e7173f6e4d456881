#include "bitstream/packet.h"

#include "bitstream/checks.h"
#include "bitstream/crc.h"

namespace tessera::bitstream {
namespace {

enum Head : uint8_t { kKindMask = 15, kHasTime = 16, kHasQuality = 32, kLongChecksum = 64, kReserved = 128 };

Status judge(const Packet& packet, uint8_t head, uint64_t offset) {
  const int kind = head & kKindMask;
  if (head & kReserved) return error_at(ErrorCode::unsupported, offset, "packet: a reserved bit is set");
  if (kind == 0) return error_at(ErrorCode::corrupt, offset, "packet: kind 0");
  if (kind >= 4 && kind <= 7) {
    return error_at(ErrorCode::unsupported, offset, "packet: kind " + std::to_string(kind));
  }
  if (packet.quality.value_or(0) > 63) {
    return error_at(ErrorCode::unsupported, offset, "packet: reserved bits of the quality are set");
  }
  const bool media = packet.kind == PacketKind::key || packet.kind == PacketKind::predicted;
  if (packet.short_checksum && (!media || packet.payload.size() > kMaxShortPayload)) {
    return error_at(ErrorCode::corrupt, offset, "packet: it needs the 32-bit checksum");
  }
  return {};
}

}  // namespace

Status write_packet(ByteWriter& out, const Packet& packet) {
  const bool media = packet.kind == PacketKind::key || packet.kind == PacketKind::predicted;
  if (packet.quality.value_or(0) > 63) return {ErrorCode::invalid_argument, "packet quality has to be 0..63"};
  if (packet.short_checksum && (!media || packet.payload.size() > kMaxShortPayload)) {
    return {ErrorCode::invalid_argument, "packet needs the 32-bit checksum"};
  }
  const size_t start = out.size();
  auto head = static_cast<uint8_t>(packet.kind);
  if (packet.time_stamp) head |= kHasTime;
  if (packet.quality) head |= kHasQuality;
  if (!packet.short_checksum) head |= kLongChecksum;
  out.u8(head);
  if (packet.time_stamp) out.varint(*packet.time_stamp);
  if (packet.quality) out.u8(*packet.quality);
  out.varint(packet.payload.size());
  out.bytes(packet.payload);
  const auto covered = out.view().subspan(start);
  if (packet.short_checksum) {
    out.u16(crc16(covered));
  } else {
    out.u32(crc32c(covered));
  }
  return {};
}

Result<PacketView> read_packet(ByteReader& in, uint64_t max_payload) {
  PacketView view;
  view.offset = in.offset();
  ByteReader start = in;  // to cover again the bytes that the checksum is about
  const size_t position = in.position();

  const uint8_t head = in.u8();
  view.packet.kind = static_cast<PacketKind>(head & kKindMask);
  view.packet.short_checksum = (head & kLongChecksum) == 0;
  if (head & kHasTime) view.packet.time_stamp = in.varint();
  if (head & kHasQuality) view.packet.quality = in.u8();
  const uint64_t length = in.varint();
  TESSERA_RETURN_IF_ERROR(in.status("packet head"));
  if (length > max_payload) {
    return error_at(ErrorCode::limit, in.offset(),
                    "packet payload of " + std::to_string(length) + " bytes, the limit is " +
                        std::to_string(max_payload));
  }
  view.packet.payload = in.bytes(length);
  const auto covered = start.bytes(in.position() - position);
  const uint64_t checksum_offset = in.offset();
  const uint32_t stored = view.packet.short_checksum ? in.u16() : in.u32();
  TESSERA_RETURN_IF_ERROR(in.status("packet"));
  if (kChecks && stored != (view.packet.short_checksum ? crc16(covered) : crc32c(covered))) {
    return error_at(ErrorCode::corrupt, checksum_offset,
                    "packet that starts at byte " + std::to_string(view.offset) + ": checksum mismatch");
  }
  view.size = in.offset() - view.offset;
  TESSERA_RETURN_IF_ERROR(judge(view.packet, head, view.offset));
  return view;
}

}  // namespace tessera::bitstream
