#include "codec/video_payload.h"

#include "bitstream/bytes.h"

namespace tessera {
namespace {

using bitstream::SectionTag;

enum Head : uint8_t { kQualityMask = 63, kRefresh = 64, kChecksum = 128 };

}  // namespace

std::vector<uint8_t> write_video_payload(const VideoPayload& payload) {
  bitstream::ByteWriter frame;
  frame.u8(static_cast<uint8_t>(payload.quality | (payload.refresh ? kRefresh : 0) | (payload.checksum ? kChecksum : 0)));
  if (payload.checksum) frame.u8(*payload.checksum);
  frame.bytes(payload.coded);
  std::vector<bitstream::Section> sections = {{SectionTag::frame, frame.view()}};
  std::vector<uint8_t> latents;
  if (payload.latents) {
    latents = bitstream::latents_content(*payload.latents);
    sections.push_back({SectionTag::latents, latents});
  }
  bitstream::ByteWriter out;
  bitstream::write_sections(out, sections);
  return out.take();
}

Result<VideoPayload> read_video_payload(std::span<const uint8_t> payload, bool key) {
  const auto sections = bitstream::read_sections(payload);
  if (!sections) return sections.status();
  const bitstream::Section* frame = bitstream::find_section(*sections, SectionTag::frame);
  if (frame == nullptr) return {ErrorCode::corrupt, "a packet lacks its frame"};
  for (const bitstream::Section& section : *sections) {
    if (section.tag != SectionTag::frame && section.tag != SectionTag::latents) {
      return {ErrorCode::corrupt, std::string("a section of ") + bitstream::section_name(section.tag) + " in a packet of video"};
    }
  }
  VideoPayload out;
  bitstream::ByteReader in(frame->content);
  const uint8_t head = in.u8();
  out.quality = head & kQualityMask;
  out.refresh = (head & kRefresh) != 0;
  if (head & kChecksum) out.checksum = in.u8();
  if (!in.ok()) return {ErrorCode::corrupt, "a frame's section is too short"};
  if (key && out.refresh) return {ErrorCode::corrupt, "a key frame that refreshes"};
  out.coded = in.bytes(in.remaining());
  if (const bitstream::Section* section = bitstream::find_section(*sections, SectionTag::latents)) {
    const auto latents = bitstream::read_latents(section->content);
    if (!latents) return latents.status();
    out.latents = *latents;
  }
  if (out.empty() && out.refresh) return {ErrorCode::corrupt, "a repeated picture that refreshes"};
  return out;
}

}  // namespace tessera
