// The container: strict and tolerant parsing of a whole file, the index found from its end, every payload's sections.
// Input: 4 bytes of options (the limits), then a file.
#include <algorithm>

#include "bitstream/file.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/loose_stream.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"

namespace tessera::bitstream {
namespace {

constexpr size_t kOptions = 4;

// 0 is the default; otherwise a power of two.
template <class T>
void set(T& limit, uint8_t choice) {
  if (choice != 0) limit = static_cast<T>(T{1} << (choice % 32));
}

Limits limits_of(fuzz::Input& input) {
  Limits limits;
  set(limits.max_pixels, input.u8());
  set(limits.max_metadata, input.u8());
  set(limits.max_packets, input.u8());
  const uint8_t choice = input.u8();
  set(limits.max_payload, static_cast<uint8_t>(choice & 15));
  set(limits.max_tiles, static_cast<uint8_t>(choice >> 4));
  return limits;
}

bool inside(std::span<const uint8_t> part, std::span<const uint8_t> whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void read_payload(std::span<const uint8_t> payload) {
  const auto sections = read_sections(payload);
  if (!sections) {
    TESSERA_REQUIRE(sections.status().code() == ErrorCode::corrupt || sections.status().code() == ErrorCode::unsupported);
    return;
  }
  TESSERA_REQUIRE(sections->size() <= kMaxSections);
  for (const Section& section : *sections) {
    TESSERA_REQUIRE(inside(section.content, payload));
    TESSERA_REQUIRE(find_section(*sections, section.tag) == &section);
    TESSERA_REQUIRE(section_name(section.tag) != nullptr);
    if (const auto latents = read_latents(section.content)) {
      const auto again = latents_content(*latents);
      TESSERA_REQUIRE(latents->lanes <= kMaxLanes && std::ranges::equal(again, section.content));
    }
    if (const auto checksum = read_checksum(section.content)) {
      TESSERA_REQUIRE(checksum->matches(checksum->value));
      TESSERA_REQUIRE(std::ranges::equal(checksum_content(checksum->value, checksum->size), section.content));
    }
  }
}

void check(const ParsedFile& file, std::span<const uint8_t> bytes, const Limits& limits) {
  TESSERA_REQUIRE(check_limits(file.header, limits).ok());
  TESSERA_REQUIRE(file.header_bytes <= file.bytes_read && file.bytes_read <= bytes.size());
  TESSERA_REQUIRE(inside(file.icc, bytes) && inside(file.exif, bytes) && inside(file.xmp, bytes));
  TESSERA_REQUIRE(file.icc.size() + file.exif.size() + file.xmp.size() <= limits.max_metadata);
  TESSERA_REQUIRE(file.packets.size() + file.companions.size() <= limits.max_packets);
  for (const auto& piece : file.companions) TESSERA_REQUIRE(inside(piece, bytes) && piece.size() <= limits.max_payload);
  uint64_t end = file.header_bytes;
  for (const PacketView& view : file.packets) {
    TESSERA_REQUIRE(view.offset >= end && view.size <= bytes.size() - view.offset);
    TESSERA_REQUIRE(inside(view.packet.payload, bytes) && view.packet.payload.size() <= limits.max_payload);
    end = view.offset + view.size;
    read_payload(view.packet.payload);
  }
  // A header of this version that the writer accepts is written as it was read, or shorter: a spelt name may have a number.
  FileHeader header = file.header;
  if (header.version_minor > kVersionMinor || !validate(header).ok()) return;
  ByteWriter out;
  TESSERA_REQUIRE(write_header(out, header).ok() && out.size() <= file.header_bytes);
  const auto again = parse_header(out.view(), limits);
  TESSERA_REQUIRE(again.ok());
  header.model_number = again->model_number;
  TESSERA_REQUIRE(*again == header);
}

void run(fuzz::Input input) {
  const Limits limits = limits_of(input);
  const auto bytes = input.rest();
  const auto prefix = parse_prefix(bytes, limits);
  const auto strict = parse_file(bytes, limits);
  TESSERA_REQUIRE(strict.ok() == (prefix.ok() && prefix->end.ok()));
  TESSERA_REQUIRE(strict.ok() || !strict.status().message().empty());
  if (prefix) check(*prefix, bytes, limits);
  if (strict) TESSERA_REQUIRE(strict->packets.size() == prefix->packets.size() && strict->bytes_read == bytes.size());
  const auto index = find_index(bytes);
  // A video that ends in an index has the same one from both ends.
  if (strict && !strict->index.empty()) TESSERA_REQUIRE(index.ok() && *index == strict->index);
  read_payload(bytes);
}

}  // namespace
}  // namespace tessera::bitstream

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::bitstream::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return tessera::fuzz::mutate_stream(data, size, max_size, seed, tessera::bitstream::kOptions);
}
