#include "codec/audio_payload.h"

#include <bit>

#include "bitstream/bytes.h"
#include "bitstream/checks.h"
#include "bitstream/crc.h"
#include "bitstream/sections.h"
#include "models/audio/codes.h"

namespace tessera {
namespace {

using models::audio::SpeechModel;

constexpr uint8_t kLevelsMask = 63, kModelled = 64, kChecked = 128;

size_t packed_bytes(size_t count, int bits) { return (count * static_cast<size_t>(bits) + 7) / 8; }

}  // namespace

uint32_t checksum_of(const AudioSymbols& symbols) {
  if (!kChecks) return 0;
  std::vector<uint8_t> bytes;
  for (const std::vector<uint16_t>* list : {&symbols.indices, &symbols.more}) {
    for (const uint16_t index : *list) {
      bytes.push_back(static_cast<uint8_t>(index));
      bytes.push_back(static_cast<uint8_t>(index >> 8));
    }
  }
  return bitstream::crc32c(bytes);
}

int index_bits(int64_t codes) { return static_cast<int>(std::bit_width(static_cast<uint64_t>(codes - 1))); }

std::vector<uint8_t> pack_indices(std::span<const uint16_t> indices, int bits) {
  std::vector<uint8_t> bytes;
  bytes.reserve(packed_bytes(indices.size(), bits));
  uint32_t held = 0;
  int count = 0;
  for (const uint16_t index : indices) {
    held = held << bits | index;
    for (count += bits; count >= 8; count -= 8) bytes.push_back(static_cast<uint8_t>(held >> (count - 8)));
    held &= (1u << count) - 1;
  }
  if (count > 0) bytes.push_back(static_cast<uint8_t>(held << (8 - count)));
  return bytes;
}

std::optional<std::vector<uint16_t>> unpack_indices(std::span<const uint8_t> bytes, size_t count, int64_t codes) {
  const int bits = index_bits(codes);
  if (bytes.size() != packed_bytes(count, bits)) return std::nullopt;
  std::vector<uint16_t> indices;
  indices.reserve(count);
  uint32_t held = 0;
  int have = 0;
  for (const uint8_t byte : bytes) {
    held = held << 8 | byte;
    have += 8;
    while (have >= bits && indices.size() < count) {
      have -= bits;
      const uint32_t index = held >> have;
      if (index >= static_cast<uint32_t>(codes)) return std::nullopt;
      indices.push_back(static_cast<uint16_t>(index));
      held &= (1u << have) - 1;
    }
  }
  if (held != 0) return std::nullopt;  // the padding
  return indices;
}

CodedIndices code_indices(const SpeechModel& model, std::span<const uint16_t> indices, int64_t frames, int64_t levels) {
  CodedIndices plain{pack_indices(indices, index_bits(model.config.quantizer.codes)), false};
  if (!model.index || levels > model.index->levels()) return plain;
  const std::vector<std::byte> bytes = model.index->encode(indices, frames, levels);
  if (bytes.size() >= plain.bytes.size()) return plain;
  CodedIndices modelled{{}, true};
  modelled.bytes.reserve(bytes.size());
  for (const std::byte b : bytes) modelled.bytes.push_back(static_cast<uint8_t>(b));
  return modelled;
}

size_t payload_overhead(std::optional<uint64_t> samples, bool checksum) {
  // Side section: tag, length, content. Indices: tag, format, checksum, number of extra levels.
  return (samples ? 2 + bitstream::varint_size(*samples) : 0) + 3 + (checksum ? 1 : 0);
}

std::vector<uint8_t> audio_payload(const SpeechModel& model, const AudioSymbols& symbols, const CodedIndices& coded, std::optional<uint64_t> samples,
                                   bool checksum) {
  bitstream::ByteWriter side, content, out;
  uint8_t format = static_cast<uint8_t>(symbols.levels - 1);
  if (coded.modelled) format |= kModelled;
  if (checksum) format |= kChecked;
  content.u8(format);
  if (checksum) content.u8(static_cast<uint8_t>(checksum_of(symbols)));
  content.varint(static_cast<uint64_t>(symbols.extra));
  content.bytes(pack_indices(symbols.more, index_bits(model.config.quantizer.codes)));
  content.bytes(coded.bytes);
  std::vector<bitstream::Section> sections;
  if (samples) {
    side.varint(*samples);
    sections.push_back({bitstream::SectionTag::side, side.view()});
  }
  sections.push_back({bitstream::SectionTag::indices, content.view()});
  bitstream::write_sections(out, sections);
  return out.take();
}

Result<ParsedAudio> parse_audio_payload(const SpeechModel& model, std::span<const uint8_t> payload, uint64_t offset, uint64_t block) {
  const auto sections = bitstream::read_sections(payload, offset);
  if (!sections) return sections.status();
  const auto corrupt = [&](const char* what) { return bitstream::error_at(ErrorCode::corrupt, offset, std::string("audio packet: ") + what); };
  const models::QuantizerConfig& q = model.config.quantizer;
  const auto hop = static_cast<uint64_t>(model.config.hop);
  ParsedAudio parsed;
  parsed.samples = block;
  if (const bitstream::Section* side = bitstream::find_section(*sections, bitstream::SectionTag::side)) {
    bitstream::ByteReader in(side->content);
    parsed.samples = in.varint();
    if (!in.ok() || !in.at_end() || parsed.samples == 0 || parsed.samples >= block) return corrupt("its number of samples is out of range");
  }
  const bitstream::Section* content = bitstream::find_section(*sections, bitstream::SectionTag::indices);
  if (content == nullptr) return corrupt("it has no indices");
  AudioSymbols& s = parsed.symbols;
  s.frames = static_cast<int64_t>((parsed.samples + hop - 1) / hop);
  bitstream::ByteReader in(content->content);
  const uint8_t format = in.u8();
  const uint8_t stored = (format & kChecked) != 0 ? in.u8() : 0;
  s.levels = (format & kLevelsMask) + 1;
  const uint64_t extra = in.varint();
  if (!in.ok()) return corrupt("it is too short");
  if (extra >= static_cast<uint64_t>(s.frames) || s.levels + (extra > 0 ? 1 : 0) > q.levels) return corrupt("more levels than the model has");
  s.extra = static_cast<int64_t>(extra);
  const size_t more = static_cast<size_t>(s.extra * q.groups), count = static_cast<size_t>(s.frames * s.levels * q.groups);
  const std::span<const uint8_t> more_bytes = in.bytes(packed_bytes(more, index_bits(q.codes)));
  if (!in.ok()) return corrupt("it is too short");
  auto more_indices = unpack_indices(more_bytes, more, q.codes);
  if (!more_indices) return corrupt("its plain indices are damaged");
  s.more = std::move(*more_indices);
  const std::span<const uint8_t> rest = in.bytes(in.remaining());
  if ((format & kModelled) != 0) {
    if (!model.index || s.levels > model.index->levels()) return corrupt("the model has no entropy coder for its indices");
    auto indices = model.index->decode(std::as_bytes(rest), s.frames, s.levels);
    if (!indices) return corrupt("its indices are damaged");
    s.indices = std::move(*indices);
  } else {
    auto indices = unpack_indices(rest, count, q.codes);
    if (!indices) return corrupt("its plain indices are damaged");
    s.indices = std::move(*indices);
  }
  parsed.checksum = checksum_of(s);
  parsed.checked = (format & kChecked) != 0;
  if (kChecks && parsed.checked && static_cast<uint8_t>(parsed.checksum) != stored) return corrupt("the checksum of its symbols does not match");
  return parsed;
}

std::vector<float> latents_of(const SpeechModel& model, const AudioSymbols& symbols) {
  const models::QuantizerConfig& q = model.config.quantizer;
  std::vector<float> latents = models::audio::look_up(model, symbols.indices, symbols.levels);
  const uint16_t* more = symbols.more.data();
  for (int64_t t = 0; t < symbols.frames; ++t) {
    if (!has_extra(t, symbols.frames, symbols.extra)) continue;
    models::audio::add_codes(model, symbols.levels, more, latents.data() + t * q.dim);
    more += q.groups;
  }
  return latents;
}

}  // namespace tessera
