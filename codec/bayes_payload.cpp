#include "codec/bayes_payload.h"

#include <bit>
#include <stdexcept>

#include "bitstream/crc.h"
#include "codec/guard.h"
#include "codec/stopwatch.h"

namespace tessera {

namespace bayes = models::inr::bayes;

static_assert(std::endian::native == std::endian::little, "checksums are defined over little-endian integers");

std::vector<uint8_t> write_blocks(const bayes::Blocks& blocks) {
  bitstream::ByteWriter out;
  out.u8(blocks.seed);
  for (const uint16_t i : blocks.indices) {
    out.u8(static_cast<uint8_t>(i & 255));
    out.u8(static_cast<uint8_t>(i >> 8));
  }
  return out.take();
}

bayes::Blocks read_blocks(std::span<const uint8_t> content) {
  if (content.size() % 2 == 0) throw Failure{{ErrorCode::corrupt, "a blocks section of " + std::to_string(content.size()) + " bytes"}};
  bayes::Blocks blocks;
  blocks.seed = content[0];
  for (size_t i = 1; i < content.size(); i += 2) blocks.indices.push_back(static_cast<uint16_t>(content[i] | content[i + 1] << 8));
  return blocks;
}

BayesLatents latents_of(const bayes::Prior& prior, const bayes::Layout& layout, int quality, bool grey, const bayes::Blocks& blocks) {
  BayesLatents out;
  try {
    out.values = decode_blocks(prior, layout, quality, grey, blocks);
  } catch (const std::runtime_error& error) {
    throw Failure{{ErrorCode::corrupt, error.what()}};
  }
  out.checksum = bitstream::crc32c({reinterpret_cast<const uint8_t*>(out.values.data()), out.values.size() * sizeof(int16_t)});
  return out;
}

BayesLatents read_bayes(const bayes::Prior& prior, const bayes::Layout& layout, int quality, bool grey, std::span<const bitstream::Section> sections,
                        Report& report) {
  const Stopwatch watch(report.seconds_entropy);
  const bitstream::Section* section = bitstream::find_section(sections, bitstream::SectionTag::blocks);
  if (section == nullptr) throw Failure{{ErrorCode::corrupt, "a packet lacks its blocks"}};
  const bayes::Blocks blocks = read_blocks(section->content);
  BayesLatents out = latents_of(prior, layout, quality, grey, blocks);
  report.symbols_coded += blocks.indices.size();
  if (const bitstream::Section* s = bitstream::find_section(sections, bitstream::SectionTag::checksum)) {
    const Result<bitstream::SymbolChecksum> stored = bitstream::read_checksum(s->content);
    if (!stored.ok()) throw Failure{stored.status()};
    if (!stored->matches(out.checksum)) throw Failure{{ErrorCode::corrupt, "the decoded symbols do not match their checksum"}};
  }
  return out;
}

Status check_bayes_size(uint64_t width, uint64_t height) {
  if (width <= kBayesSide && height <= kBayesSide && width * height <= kBayesPixels) return {};
  return {ErrorCode::limit, "the codec bayes is for pictures of at most " + std::to_string(kBayesPixels) + " pixels and sides of at most " + std::to_string(kBayesSide) +
                                ", not " + std::to_string(width) + "x" + std::to_string(height)};
}

}  // namespace tessera
