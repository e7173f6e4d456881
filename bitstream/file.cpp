#include "bitstream/file.h"

#include <algorithm>

namespace tessera::bitstream {
namespace {

constexpr size_t kMaxMetadataPackets = 64;

// Goes through the packets of one file and collects them in `file`.
class Parser {
 public:
  Parser(std::span<const uint8_t> bytes, const Limits& limits, ParsedFile& file)
      : in_(bytes.subspan(file.header_bytes), file.header_bytes), limits_(limits), file_(file) {
    file_.bytes_read = file.header_bytes;
  }

  Status run() {
    while (!done()) {
      TESSERA_RETURN_IF_ERROR(step());
      file_.bytes_read = in_.offset();
    }
    if (in_.at_end()) return {};
    return error_at(ErrorCode::corrupt, in_.offset(), "bytes after the end of the stream");
  }

 private:
  bool image() const { return file_.header.kind == MediaKind::image; }

  bool done() const {
    if (image()) return file_.packets.size() == tile_count(file_.header.picture);
    return index_seen_ || in_.at_end();
  }

  Status step() {
    if (in_.at_end()) {  // an image only: the others are done here
      return error_at(ErrorCode::truncated, in_.offset(),
                      std::to_string(file_.packets.size()) + " of " +
                          std::to_string(tile_count(file_.header.picture)) + " tiles are there");
    }
    auto view = read_packet(in_, limits_.max_payload);
    if (!view) return view.status();
    if (++count_ > limits_.max_packets) {
      return error_at(ErrorCode::limit, view->offset,
                      "more packets than the limit of " + std::to_string(limits_.max_packets));
    }
    switch (view->packet.kind) {
      case PacketKind::key:
      case PacketKind::predicted:
        return add_media(*view);
      case PacketKind::metadata:
        return add_metadata(*view);
      case PacketKind::index:
        return add_index(*view);
      case PacketKind::companion:
        if (file_.header.kind == MediaKind::video) file_.companions.push_back(view->packet.payload);
        return {};
    }
    return {};  // kinds 10..15: to be skipped
  }

  Status add_media(PacketView& view) {
    const Packet& packet = view.packet;
    if (packet.kind == PacketKind::predicted && file_.header.kind != MediaKind::video) {
      return error_at(ErrorCode::corrupt, view.offset, "predicted packet outside of video");
    }
    if (image() && (packet.time_stamp || packet.short_checksum)) {
      return error_at(ErrorCode::corrupt, view.offset, "tile packet with a time stamp or a 16-bit checksum");
    }
    if (!image()) {
      view.time_stamp = packet.time_stamp.value_or(next_time_);
      next_time_ = view.time_stamp + ticks_a_packet(file_.header);
    }
    file_.packets.push_back(view);
    return {};
  }

  Status add_metadata(const PacketView& view) {
    const auto payload = view.packet.payload;
    if (!file_.packets.empty())
      return error_at(ErrorCode::corrupt, view.offset, "metadata after the first key packet");
    if (payload.empty()) return error_at(ErrorCode::corrupt, view.offset, "metadata packet without a type");
    if (++metadata_count_ > kMaxMetadataPackets) {
      return error_at(ErrorCode::corrupt, view.offset, "more than 64 metadata packets");
    }
    metadata_payload_ += payload.size();
    if (metadata_payload_ > limits_.max_metadata) {
      return error_at(
          ErrorCode::limit, view.offset,
          "metadata of more than the limit of " + std::to_string(limits_.max_metadata) + " bytes");
    }
    file_.metadata_bytes += view.size;
    const uint8_t type = payload[0];
    if (type < 1 || type > 3) return {};
    if (types_seen_ >> type & 1)
      return error_at(ErrorCode::corrupt, view.offset, "metadata of one type twice");
    types_seen_ |= 1u << type;
    std::span<const uint8_t>* const slots[] = {&file_.icc, &file_.exif, &file_.xmp};
    *slots[type - 1] = payload.subspan(1);
    return {};
  }

  Status add_index(const PacketView& view) {
    if (image()) return error_at(ErrorCode::corrupt, view.offset, "index in an image");
    if (view.packet.time_stamp || view.packet.quality) {
      return error_at(ErrorCode::corrupt, view.offset, "index packet with a time stamp or a quality");
    }
    auto entries = read_index_payload(view.packet.payload, file_.packets.size(), view.offset);
    if (!entries) return entries.status();
    TESSERA_RETURN_IF_ERROR(check_entries(*entries, view.offset));
    TESSERA_RETURN_IF_ERROR(read_footer(in_, view.size));
    file_.index = std::move(*entries);
    index_seen_ = true;
    return {};
  }

  // Both lists are sorted by offset: one walk through the packets serves all entries.
  Status check_entries(std::span<const IndexEntry> entries, uint64_t offset) const {
    auto packet = file_.packets.begin();
    for (const IndexEntry& entry : entries) {
      packet = std::find_if(packet, file_.packets.end(),
                            [&](const PacketView& view) { return view.offset >= entry.offset; });
      if (packet == file_.packets.end() || packet->offset != entry.offset ||
          packet->time_stamp != entry.time_stamp || packet->packet.kind != PacketKind::key) {
        return error_at(ErrorCode::corrupt, offset,
                        "index: no key packet at byte " + std::to_string(entry.offset));
      }
    }
    return {};
  }

  ByteReader in_;
  const Limits& limits_;
  ParsedFile& file_;
  uint64_t count_ = 0;
  size_t metadata_count_ = 0;
  uint64_t metadata_payload_ = 0;
  uint32_t types_seen_ = 0;
  uint64_t next_time_ = 0;
  bool index_seen_ = false;
};

}  // namespace

Status write_metadata(ByteWriter& out, MetadataType type, std::span<const uint8_t> content) {
  ByteWriter payload;
  payload.u8(static_cast<uint8_t>(type));
  payload.bytes(content);
  Packet packet;
  packet.kind = PacketKind::metadata;
  packet.payload = payload.view();
  return write_packet(out, packet);
}

Result<ParsedFile> parse_prefix(std::span<const uint8_t> file, const Limits& limits) {
  ParsedFile parsed;
  auto header = parse_header(file, limits, &parsed.header_bytes);
  if (!header) return header.status();
  parsed.header = std::move(*header);
  parsed.end = Parser(file, limits, parsed).run();
  return parsed;
}

Result<ParsedFile> parse_file(std::span<const uint8_t> file, const Limits& limits) {
  auto parsed = parse_prefix(file, limits);
  if (parsed && !parsed->end.ok()) return parsed->end;
  return parsed;
}

}  // namespace tessera::bitstream
