#include "bitstream/index.h"

#include <algorithm>
#include <limits>

#include "bitstream/packet.h"

namespace tessera::bitstream {
namespace {

constexpr uint8_t kFooterMagic[4] = {'T', 'S', 'R', 'X'};

}  // namespace

Status write_index(ByteWriter& out, std::span<const IndexEntry> entries) {
  ByteWriter payload;
  payload.varint(entries.size());
  IndexEntry before;
  for (const IndexEntry& entry : entries) {
    if (entry.offset <= before.offset || entry.time_stamp < before.time_stamp) {
      return {ErrorCode::invalid_argument, "index entries are not in order"};
    }
    payload.varint(entry.offset - before.offset);
    payload.varint(entry.time_stamp - before.time_stamp);
    before = entry;
  }
  const size_t start = out.size();
  Packet packet;
  packet.kind = PacketKind::index;
  packet.payload = payload.view();
  TESSERA_RETURN_IF_ERROR(write_packet(out, packet));
  out.u32(static_cast<uint32_t>(out.size() - start));
  out.bytes(kFooterMagic);
  return {};
}

Result<std::vector<IndexEntry>> read_index_payload(std::span<const uint8_t> payload, uint64_t max_entries,
                                                   uint64_t offset) {
  ByteReader in(payload, offset);
  const uint64_t count = in.varint();
  // An entry takes two bytes at least, which bounds the allocation by the bytes that are there.
  if (in.ok() && (count > max_entries || count > in.remaining() / 2)) {
    in.fail(ErrorCode::corrupt, std::to_string(count) + " entries");
  }
  std::vector<IndexEntry> entries;
  IndexEntry entry;
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const uint64_t step = in.varint();
    const uint64_t time = in.varint();
    constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
    if (in.ok() && (step == 0 || step > kMax - entry.offset || time > kMax - entry.time_stamp)) {
      in.fail(ErrorCode::corrupt, "entries out of order");
    }
    entry.offset += step;
    entry.time_stamp += time;
    entries.push_back(entry);
  }
  if (in.ok() && !in.at_end()) in.fail(ErrorCode::corrupt, "bytes after the last entry");
  const Status status = in.status("index");
  if (status.code() == ErrorCode::truncated) return Status(ErrorCode::corrupt, status.message());
  TESSERA_RETURN_IF_ERROR(status);
  return entries;
}

Status read_footer(ByteReader& in, uint64_t packet_size) {
  const uint32_t stored = in.u32();
  const auto magic = in.bytes(sizeof kFooterMagic);
  if (in.ok() && (stored != packet_size || !std::equal(magic.begin(), magic.end(), kFooterMagic))) {
    in.fail(ErrorCode::corrupt, "it does not match the index");
  }
  return in.status("index footer");
}

Result<std::vector<IndexEntry>> find_index(std::span<const uint8_t> file) {
  if (file.size() < kFooterSize) return std::vector<IndexEntry>{};
  const size_t footer_at = file.size() - kFooterSize;
  ByteReader footer(file.subspan(footer_at), footer_at);
  const uint32_t packet_size = footer.u32();
  const auto magic = footer.bytes(sizeof kFooterMagic);
  if (!std::equal(magic.begin(), magic.end(), kFooterMagic)) return std::vector<IndexEntry>{};
  if (packet_size > footer_at)
    return error_at(ErrorCode::corrupt, footer_at, "index footer: it points before the file");
  const size_t packet_at = footer_at - packet_size;
  ByteReader in(file.subspan(packet_at, packet_size), packet_at);
  auto view = read_packet(in, packet_size);
  if (!view || view->packet.kind != PacketKind::index || !in.at_end()) {
    return error_at(ErrorCode::corrupt, packet_at, "index footer: it does not point at an index");
  }
  return read_index_payload(view->packet.payload, packet_at, packet_at);
}

}  // namespace tessera::bitstream
