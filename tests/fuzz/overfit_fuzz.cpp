// The symbols of overfitted pictures, without libtorch: network, grids and alpha of every tile. All instruction sets read the same, and what is
// read is written again to the same symbols. Input: 4 bytes of options, then a stream.
#include <algorithm>
#include <cstdlib>

#include "bitstream/file.h"
#include "codec/alpha.h"
#include "codec/guard.h"
#include "codec/overfit_payload.h"
#include "models/inr/symbol_coder.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/loose_stream.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"

namespace tessera {
namespace {

namespace bs = bitstream;

constexpr size_t kOptions = 4;

struct Size {
  uint32_t width, height;
};

// Of tile `index`. codec/tiling.h, which says the same, needs libtorch.
Size tile_size(const bs::PictureInfo& picture, uint64_t index) {
  if (picture.tile == 0) return {picture.width, picture.height};
  const uint64_t columns = bs::tile_columns(picture), x = index % columns * picture.tile, y = index / columns * picture.tile;
  return {static_cast<uint32_t>(std::min<uint64_t>(picture.tile, picture.width - x)), static_cast<uint32_t>(std::min<uint64_t>(picture.tile, picture.height - y))};
}

struct Verdict {
  ErrorCode code = ErrorCode::ok;
  uint32_t checksum = 0;
  bool operator==(const Verdict&) const = default;
};

void check(const OverfitTile& tile) {
  for (const auto& plane : tile.planes) {
    for (const int16_t q : plane.values) TESSERA_REQUIRE(q >= -models::inr::kMaxLatent);
  }
  const OverfitSections again = write_overfit(tile);
  const bs::Section sections[] = {{bs::SectionTag::network, again.network}, {bs::SectionTag::grids, again.grids}};
  Report report;
  const auto& first = tile.planes.back().shape;  // the last grid has the picture's size
  TESSERA_REQUIRE(read_overfit(sections, first.height, first.width, tile.network.config.outputs, report).checksum == tile.checksum);
}

Verdict read(std::span<const bs::Section> sections, Size area, const bs::PictureInfo& picture, bool write_again) {
  try {
    Report report;
    const OverfitTile tile = read_overfit(sections, area.height, area.width, outputs_of(picture.channels), report);
    if (write_again) check(tile);
    return {ErrorCode::ok, tile.checksum};
  } catch (const Failure& failure) {
    TESSERA_REQUIRE(!failure.status.message().empty());
    return {failure.status.code(), 0};
  }
}

void run(fuzz::Input input) {
  const bool write_again = input.u8() & 1;
  input.bytes(kOptions - 1);
  bs::Limits limits;
  limits.max_pixels = 1 << 12;
  limits.max_dimension = 1 << 9;
  limits.max_tiles = 16;
  const auto file = bs::parse_file(input.rest(), limits);
  if (!file || file->header.kind != bs::MediaKind::image) return;
  const bs::PictureInfo& picture = file->header.picture;
  for (size_t i = 0; i < file->packets.size(); ++i) {
    const auto sections = bs::read_sections(file->packets[i].packet.payload);
    if (!sections) continue;
    const Size area = tile_size(picture, i);
    ::setenv("TESSERA_SIMD", "scalar", 1);
    const Verdict scalar = read(*sections, area, picture, write_again);
    ::unsetenv("TESSERA_SIMD");
    TESSERA_REQUIRE(read(*sections, area, picture, false) == scalar);
    const bs::Section* alpha = bs::find_section(*sections, bs::SectionTag::alpha);
    if (alpha == nullptr) continue;
    const auto plane = decode_alpha(alpha->content, area.width, area.height, picture.bit_depth);
    if (!plane) continue;
    for (const int32_t v : *plane) TESSERA_REQUIRE(v >= 0 && v >> picture.bit_depth == 0);
    TESSERA_REQUIRE(decode_alpha(encode_alpha(*plane, area.width, area.height, picture.bit_depth), area.width, area.height, picture.bit_depth) == plane);
  }
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return tessera::fuzz::mutate_stream(data, size, max_size, seed, tessera::kOptions);
}
