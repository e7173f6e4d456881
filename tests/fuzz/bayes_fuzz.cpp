// The symbols and samples of the Bayesian codec, without libtorch, under a prior that this target makes up. What is read is written again to the same bytes.
// Input: 4 bytes of options (the quality, grey, sound, none), then a stream.
#include <algorithm>
#include <cmath>

#include "bitstream/file.h"
#include "codec/bayes_payload.h"
#include "codec/guard.h"
#include "models/inr/bayes/synthesis.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/loose_stream.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"

namespace tessera {
namespace {

namespace bs = bitstream;
namespace bayes = models::inr::bayes;

constexpr size_t kOptions = 4;
constexpr uint32_t kMostPixels = 1 << 10;

bayes::Prior make_prior(bool sound) {
  bayes::Prior p;
  bayes::Geometry& g = p.geometry;
  g.cell_h = sound ? 1 : 4;
  g.cell_w = sound ? 16 : 4;
  g.super_h = sound ? 1 : 2;
  g.super_w = 2;
  g.planes = sound ? 1 : 3;
  g.overlap_rows = !sound;
  g.whole_margin = sound;
  g.weights = g.hidden = 4;
  g.octaves = 1;
  const auto fill = [seed = 0](std::vector<float>& values, int count) mutable {
    for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(std::sin(++seed)) * 0.3f);
  };
  const int rest = g.planes * (g.cell_area() - 1);
  fill(p.base, rest);
  fill(p.super_base, g.planes * g.super_area());
  fill(p.by_picture, g.picture_scales * rest);
  fill(p.by_super, g.super_scales * rest);
  fill(p.by_cell, g.cell_scales * rest);
  fill(p.lift, g.planes * g.super_area() * g.super_area());
  fill(p.kernel, g.planes * g.cell_area() * g.window_h() * g.window_w());
  fill(p.network, g.network_size());
  fill(p.basis, g.weights * g.network_size());
  for (size_t a = 0; a < p.shares.size(); ++a) {
    for (int c = 0; c < g.classes(); ++c) p.shares[a].push_back(static_cast<uint16_t>((static_cast<size_t>(c) * 37 + a) % 11 * 100));
    p.shares[a][0] = 500;
  }
  return p;
}

void check(const bayes::Prior& prior, const bayes::Layout& layout, int quality, bool grey, std::span<const bs::Section> sections) {
  try {
    Report report;
    const BayesLatents latents = read_bayes(prior, layout, quality, grey, sections, report);
    TESSERA_REQUIRE(static_cast<int64_t>(latents.values.size()) == layout.total());
    const bs::Section* section = bs::find_section(sections, bs::SectionTag::blocks);
    TESSERA_REQUIRE(section != nullptr);
    const std::vector<uint8_t> again = write_blocks(read_blocks(section->content));
    TESSERA_REQUIRE(std::equal(again.begin(), again.end(), section->content.begin(), section->content.end()));
    for (const float v : bayes::synthesise(prior, layout, latents.values, 100)) TESSERA_REQUIRE(std::isfinite(v));
  } catch (const Failure& failure) {
    TESSERA_REQUIRE(failure.status.code() == ErrorCode::corrupt || failure.status.code() == ErrorCode::unsupported);
    TESSERA_REQUIRE(!failure.status.message().empty());
  }
}

void run(fuzz::Input input) {
  static const bayes::Prior picture = make_prior(false), sound = make_prior(true);
  const int quality = input.u8() & 63;
  const bool grey = input.u8() & 1, is_sound = input.u8() & 1;
  input.bytes(kOptions - 3);
  bs::Limits limits;
  limits.max_pixels = kMostPixels;
  limits.max_dimension = kMostPixels;
  limits.max_tiles = 16;
  const auto file = bs::parse_file(input.rest(), limits);
  if (!file) return;
  int64_t height = 1, width = 300;
  if (file->header.kind == bs::MediaKind::image) {
    const bs::PictureInfo& p = file->header.picture;
    if (!check_bayes_size(p.width, p.height).ok()) return;
    height = p.height;
    width = p.width;
  }
  for (const bs::PacketView& view : file->packets) {
    const auto sections = bs::read_sections(view.packet.payload);
    if (!sections) continue;
    if (is_sound) {
      check(sound, bayes::Layout(sound.geometry, 1, width), quality, false, *sections);
    } else {
      check(picture, bayes::Layout(picture.geometry, height, width), quality, grey, *sections);
    }
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
