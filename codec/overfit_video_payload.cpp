#include "codec/overfit_video_payload.h"

#include <bit>
#include <optional>
#include <string>

#include "bitstream/crc.h"
#include "bitstream/sections.h"
#include "codec/guard.h"
#include "codec/stopwatch.h"
#include "models/inr/laplace_table.h"
#include "models/inr/network.h"

namespace tessera {
namespace {

namespace inr = models::inr;
using bitstream::SectionTag;

static_assert(std::endian::native == std::endian::little, "checksums are defined over little-endian integers");

enum NetworkHead : uint8_t { kStages = 7, kSine = 8, kAffine = 16, kSeparable = 32, kSkip = 64, kReserved = 128 };
enum FrameHead : uint8_t { kQuality = 63, kFrameReserved = 64, kChecksum = 128 };

[[noreturn]] void corrupt(const std::string& text) { throw Failure{{ErrorCode::corrupt, text}}; }

void append(bitstream::ByteWriter& out, std::span<const std::byte> bytes) {
  out.bytes({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

uint32_t add_crc(std::span<const int16_t> values, uint32_t crc) {
  return bitstream::crc32c({reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(int16_t)}, crc);
}

uint32_t parameters_crc(const inr::VideoNetwork& network) {
  uint32_t crc = 0;
  for (const inr::VideoPart& part : network.parts) crc = add_crc(std::vector<int16_t>(part.values.begin(), part.values.end()), crc);
  return crc;
}

inr::VideoConfig read_config(bitstream::ByteReader& in) {
  inr::VideoConfig c;
  const uint8_t head = in.u8();
  if (in.ok() && (head & kReserved) != 0) throw Failure{{ErrorCode::unsupported, "a network of a later kind"}};
  c.sine = (head & kSine) != 0;
  c.affine = (head & kAffine) != 0;
  c.separable = (head & kSeparable) != 0;
  c.skip = (head & kSkip) != 0;
  c.embedding = in.u8();
  c.frames = in.u8();
  if (c.affine) {
    c.frequencies = in.u8();
    c.time_width = in.u8();
  }
  for (int i = 0; i < (head & kStages); ++i) {
    inr::Stage stage;
    stage.channels = 4 * in.u8();
    stage.kernel = in.u8();
    c.stages.push_back(stage);
  }
  if (!in.ok()) corrupt("the network's section is too short");
  if (const auto wrong = problem(c)) corrupt(*wrong);
  return c;
}

std::shared_ptr<const inr::VideoNetwork> read_network(std::span<const uint8_t> content) {
  bitstream::ByteReader in(content);
  auto network = std::make_shared<inr::VideoNetwork>();
  network->config = read_config(in);
  std::vector<uint8_t> scales;
  for (size_t p = 0; p < parts_of(network->config).size(); ++p) {
    network->parts.push_back({in.u8(), {}});
    scales.push_back(in.u8());
    if (network->parts.back().step > inr::kMaxStep || scales.back() >= inr::kScales) corrupt("a part's step or scale is out of range");
  }
  for (int c = 0; c < network->config.embedding; ++c) {
    const uint8_t weight = in.u8(), first = in.u8(), other = in.u8();
    if (weight > inr::kWholeWeight || first >= inr::kScales || other >= inr::kScales) corrupt("an embedding's weight or scale is out of range");
    network->channels.push_back({weight, first, other});
  }
  if (!in.ok()) corrupt("the network's section is too short");
  if (const Status status = inr::decode_parameters(std::as_bytes(in.bytes(in.remaining())), scales, *network); !status.ok()) throw Failure{status};
  return network;
}

std::vector<bitstream::Section> sections_of(std::span<const uint8_t> payload, bool key) {
  auto sections = bitstream::read_sections(payload);
  if (!sections) throw Failure{sections.status()};
  for (const bitstream::Section& s : *sections) {
    if (s.tag != SectionTag::frame && !(key && s.tag == SectionTag::network)) {
      corrupt(std::string("a section of ") + bitstream::section_name(s.tag) + " in a packet of overfitted video");
    }
  }
  for (const SectionTag tag : {SectionTag::network, SectionTag::frame}) {
    if ((key || tag == SectionTag::frame) && bitstream::find_section(*sections, tag) == nullptr) corrupt(std::string("a packet lacks its ") + bitstream::section_name(tag));
  }
  return std::move(*sections);
}

}  // namespace

inr::VideoConfig read_overfit_video_config(std::span<const uint8_t> payload) {
  const auto sections = sections_of(payload, true);
  bitstream::ByteReader in(bitstream::find_section(sections, SectionTag::network)->content);
  return read_config(in);
}

OverfitVideoFrame read_overfit_frame(std::span<const uint8_t> payload, bool key, const OverfitVideoFrame* before, uint32_t height, uint32_t width, bool pictures,
                                     VideoReport& report) {
  const Stopwatch watch(report.seconds_entropy);
  const auto sections = sections_of(payload, key);
  bitstream::ByteReader in(bitstream::find_section(sections, SectionTag::frame)->content);
  const uint8_t head = in.u8();
  std::optional<uint8_t> stored;
  if ((head & kChecksum) != 0) stored = in.u8();
  if (!in.ok()) corrupt("a frame's section is too short");
  if ((head & kFrameReserved) != 0) throw Failure{{ErrorCode::unsupported, "a frame of a later kind"}};
  OverfitVideoFrame frame;
  frame.quality = head & kQuality;
  if (key) {
    frame.network = read_network(bitstream::find_section(sections, SectionTag::network)->content);
    if (pictures) frame.synthesis = std::make_shared<inr::VideoSynthesis>(*frame.network, height, width);
    frame.checksum = parameters_crc(*frame.network);
    report.symbols_coded += static_cast<uint64_t>(inr::parameter_count(frame.network->config));
  } else {
    frame.network = before->network;
    frame.synthesis = before->synthesis;
    frame.index = before->index + 1;
    if (frame.index >= frame.network->config.frames) corrupt("a group has more frames than its network is for");
  }
  const inr::VideoConfig& config = frame.network->config;
  frame.values.resize(static_cast<size_t>(config.embedding * inr::stage_shapes(config, height, width)[0].count()));
  const Status status = inr::decode_embedding(std::as_bytes(in.bytes(in.remaining())), *frame.network, key ? nullptr : &before->values, frame.values);
  if (!status.ok()) throw Failure{status};
  frame.checksum = add_crc(frame.values, frame.checksum);
  if (stored && *stored != static_cast<uint8_t>(frame.checksum)) corrupt("a packet's symbols do not match their checksum");
  frame.checked = stored.has_value();
  report.symbols_coded += frame.values.size();
  return frame;
}

std::vector<OverfitVideoPacket> write_overfit_group(const inr::VideoNetwork& network, const std::vector<inr::Embedding>& embeddings, int quality, bool checksum) {
  const inr::VideoConfig& c = network.config;
  bitstream::ByteWriter first;
  first.u8(static_cast<uint8_t>(c.stages.size() | (c.sine ? kSine : 0) | (c.affine ? kAffine : 0) | (c.separable ? kSeparable : 0) | (c.skip ? kSkip : 0)));
  first.u8(static_cast<uint8_t>(c.embedding));
  first.u8(static_cast<uint8_t>(c.frames));
  if (c.affine) {
    first.u8(static_cast<uint8_t>(c.frequencies));
    first.u8(static_cast<uint8_t>(c.time_width));
  }
  for (const inr::Stage& s : c.stages) {
    first.u8(static_cast<uint8_t>(s.channels / 4));
    first.u8(static_cast<uint8_t>(s.kernel));
  }
  std::vector<uint8_t> scales;
  for (const inr::VideoPart& part : network.parts) {
    scales.push_back(static_cast<uint8_t>(inr::part_cost(part.values).scale));
    first.u8(static_cast<uint8_t>(part.step));
    first.u8(scales.back());
  }
  for (const inr::ChannelCode& code : network.channels) {
    for (const uint8_t v : {code.weight, code.first_scale, code.other_scale}) first.u8(v);
  }
  append(first, inr::code_parameters(network, scales));

  std::vector<OverfitVideoPacket> out;
  for (size_t t = 0; t < embeddings.size(); ++t) {
    OverfitVideoPacket packet;
    packet.checksum = add_crc(embeddings[t], t == 0 ? parameters_crc(network) : 0);
    bitstream::ByteWriter frame;
    frame.u8(static_cast<uint8_t>(quality | (checksum ? kChecksum : 0)));
    if (checksum) frame.u8(static_cast<uint8_t>(packet.checksum));
    append(frame, inr::code_embedding(network, embeddings[t], t == 0 ? nullptr : &embeddings[t - 1]));
    std::vector<bitstream::Section> sections;
    if (t == 0) sections.push_back({SectionTag::network, first.view()});
    sections.push_back({SectionTag::frame, frame.view()});
    bitstream::ByteWriter payload;
    bitstream::write_sections(payload, sections);
    packet.payload = payload.take();
    out.push_back(std::move(packet));
  }
  return out;
}

}  // namespace tessera
