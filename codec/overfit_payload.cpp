#include "codec/overfit_payload.h"

#include <bit>

#include "bitstream/bytes.h"
#include "bitstream/crc.h"
#include "codec/guard.h"
#include "codec/stopwatch.h"
#include "models/inr/laplace_table.h"

namespace tessera {
namespace {

namespace inr = models::inr;

static_assert(std::endian::native == std::endian::little, "checksums are defined over little-endian integers");

constexpr uint8_t kPyramid = 0x80;  // of the first byte: the grids' levels and parents follow from their number
constexpr uint8_t kFront = 0x40;    // likewise: a front end follows

void must(const Status& status) {
  if (!status.ok()) throw Failure{status};
}

void write_config(bitstream::ByteWriter& out, const inr::Config& config) {
  const bool plain = inr::is_pyramid(config.grids);
  out.u8(static_cast<uint8_t>(config.grids.size() | (plain ? kPyramid : 0) | (config.front != inr::Front::plain ? kFront : 0)));
  for (const inr::Grid& g : config.grids) {
    if (!plain) out.u8(static_cast<uint8_t>(g.level | g.parent << 4));
    out.u8(static_cast<uint8_t>(g.gain));
  }
  for (const int v : {config.spatial, config.coarse, config.width, config.hidden, config.residuals}) out.u8(static_cast<uint8_t>(v));
  if (config.front == inr::Front::plain) return;
  for (const int v : {static_cast<int>(config.front), config.features, config.rows, config.columns}) out.u8(static_cast<uint8_t>(v));
}

inr::Config read_config(bitstream::ByteReader& in, int outputs) {
  inr::Config c;
  const uint8_t head = in.u8();
  const int count = head & ~(kPyramid | kFront);
  if (count < 1 || count > inr::kMaxGrids) in.fail(ErrorCode::corrupt, "a network with " + std::to_string(count) + " grids");
  for (int i = 0; i < count && in.ok(); ++i) {
    inr::Grid g{count - 1 - i, i == 0 ? 0 : 1, 0};
    if ((head & kPyramid) == 0) {
      const uint8_t place = in.u8();
      g.level = place & 15;
      g.parent = place >> 4;
    }
    g.gain = static_cast<int8_t>(in.u8());
    c.grids.push_back(g);
  }
  for (int* v : {&c.spatial, &c.coarse, &c.width, &c.hidden, &c.residuals}) *v = in.u8();
  if ((head & kFront) != 0) {
    const uint8_t kind = in.u8();
    if (in.ok() && kind > static_cast<uint8_t>(inr::Front::metric)) throw Failure{{ErrorCode::unsupported, "a front end of a later kind"}};
    if (kind == 0) in.fail(ErrorCode::corrupt, "a front end that is none");
    c.front = static_cast<inr::Front>(kind);
    for (int* v : {&c.features, &c.rows, &c.columns}) *v = in.u8();
  }
  c.outputs = outputs;
  if (in.ok()) {
    if (const auto wrong = problem(c)) in.fail(ErrorCode::corrupt, *wrong);
  }
  // The packet is whole: bytes that are missing were never there.
  if (!in.ok()) throw Failure{{ErrorCode::corrupt, in.status("the network").message()}};
  return c;
}

const bitstream::Section& section_of(std::span<const bitstream::Section> sections, bitstream::SectionTag tag) {
  const bitstream::Section* s = bitstream::find_section(sections, tag);
  if (s == nullptr) throw Failure{{ErrorCode::corrupt, std::string("a packet lacks its ") + bitstream::section_name(tag)}};
  return *s;
}

inr::Network read_network(std::span<const uint8_t> content, int outputs) {
  bitstream::ByteReader in(content);
  inr::Network network;
  network.config = read_config(in, outputs);
  inr::PartScales scales{};
  for (int i = 0; i < inr::stored_parts(network.config); ++i) {
    const auto p = static_cast<size_t>(i);
    network.parts[p].shift = in.u8();
    scales[p] = in.u8();
    if (network.parts[p].shift > inr::kMaxShift || scales[p] >= inr::kScales) in.fail(ErrorCode::corrupt, "a part's shift or scale is out of range");
  }
  if (!in.ok()) throw Failure{{ErrorCode::corrupt, in.status("the network").message()}};
  must(inr::decode_parameters(std::as_bytes(in.bytes(in.remaining())), scales, network));
  return network;
}

void append(bitstream::ByteWriter& out, std::span<const std::byte> bytes) {
  out.bytes({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace

uint32_t checksum_of(const OverfitTile& tile) {
  uint32_t crc = 0;
  const auto add = [&](const std::vector<int16_t>& values) {
    crc = bitstream::crc32c({reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(int16_t)}, crc);
  };
  for (const inr::Part& part : tile.network.parts) add(std::vector<int16_t>(part.values.begin(), part.values.end()));
  for (const inr::Plane& plane : tile.planes) add(plane.values);
  return crc;
}

OverfitSections write_overfit(const OverfitTile& tile) {
  OverfitSections out;
  bitstream::ByteWriter network, grids;
  write_config(network, tile.network.config);
  inr::PartScales scales{};
  for (int i = 0; i < inr::stored_parts(tile.network.config); ++i) {
    const auto p = static_cast<size_t>(i);
    scales[p] = static_cast<uint8_t>(inr::part_cost(tile.network.parts[p].values).scale);
    network.u8(static_cast<uint8_t>(tile.network.parts[p].shift));
    network.u8(scales[p]);
  }
  append(network, inr::code_parameters(tile.network, scales));
  out.network = network.take();

  const auto context = inr::ContextNetwork::create(tile.network);
  must(context.status());
  const inr::CodedGrids coded = inr::encode_grids(tile.network.config, *context, tile.planes);
  grids.varint(coded.empty);
  append(grids, coded.bytes);
  out.grids = grids.take();
  return out;
}

OverfitTile read_overfit(std::span<const bitstream::Section> sections, int64_t height, int64_t width, int outputs, Report& report) {
  const Stopwatch watch(report.seconds_entropy);
  const bitstream::Section& network = section_of(sections, bitstream::SectionTag::network);
  const bitstream::Section& grids = section_of(sections, bitstream::SectionTag::grids);
  OverfitTile out;
  out.network = read_network(network.content, outputs);
  const auto context = inr::ContextNetwork::create(out.network);
  must(context.status());
  out.planes = inr::make_planes(out.network.config, height, width);
  bitstream::ByteReader in(grids.content);
  const uint64_t empty = in.varint();
  if (!in.ok() || empty >> out.planes.size() != 0) throw Failure{{ErrorCode::corrupt, "the list of empty grids is damaged"}};
  must(inr::decode_grids(out.network.config, *context, static_cast<uint32_t>(empty), std::as_bytes(in.bytes(in.remaining())), out.planes));
  out.checksum = checksum_of(out);
  for (size_t g = 0; g < out.planes.size(); ++g) (empty >> g & 1 ? report.symbols_skipped : report.symbols_coded) += out.planes[g].values.size();
  report.symbols_coded += static_cast<uint64_t>(inr::parameter_count(out.network.config));
  if (const bitstream::Section* s = bitstream::find_section(sections, bitstream::SectionTag::checksum)) {
    const Result<bitstream::SymbolChecksum> stored = bitstream::read_checksum(s->content);
    must(stored.status());
    if (!stored->matches(out.checksum)) throw Failure{{ErrorCode::corrupt, "the decoded symbols do not match their checksum"}};
  }
  return out;
}

inr::Config read_overfit_config(std::span<const bitstream::Section> sections, int outputs) {
  bitstream::ByteReader in(section_of(sections, bitstream::SectionTag::network).content);
  return read_config(in, outputs);
}

}  // namespace tessera
