// The interleaved rANS decoder: all instruction sets give the verdict and the symbols of the reference decoder, and what is accepted is
// what the encoder writes. Input: table, rows and lanes (coded_input.h), then a section.
#include <algorithm>
#include <memory>

#include "entropy/rans.h"
#include "tests/entropy/reference_decoder.h"
#include "tests/fuzz/coded_input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"

namespace tessera::entropy {
namespace {

struct Verdict {
  DecodeError error = DecodeError::none;
  std::vector<int32_t> symbols;
  bool operator==(const Verdict&) const = default;
};

// From an allocation of exactly the section's size, so that AddressSanitizer sees a read beyond it.
Verdict verdict(const fuzz::CodedInput& coded, std::span<const uint8_t> section, Simd level) {
  const auto exact = std::make_unique<uint8_t[]>(section.size());
  std::ranges::copy(section, exact.get());
  Verdict verdict{DecodeError::none, std::vector<int32_t>(coded.rows.size())};
  verdict.error = decode(coded.table, {exact.get(), section.size()}, coded.rows, coded.lanes, verdict.symbols, level);
  if (verdict.error != DecodeError::none) verdict.symbols.clear();
  return verdict;
}

void run(fuzz::Input input) {
  const fuzz::CodedInput coded = fuzz::coded_input(input);
  const auto section = input.rest();
  const Verdict scalar = verdict(coded, section, Simd::scalar);
  for (const Simd level : {Simd::avx2, Simd::avx512}) {
    if (simd_level(level) == level) TESSERA_REQUIRE(verdict(coded, section, level) == scalar);
  }
  if (scalar.error != DecodeError::none) return;
  const auto reference = test::ReferenceDecoder::decode(coded.table, section, coded.rows, coded.lanes);
  TESSERA_REQUIRE(reference.has_value() && *reference == scalar.symbols);
  std::vector<uint8_t> again;
  encode(coded.table, scalar.symbols, coded.rows, coded.lanes, again);
  TESSERA_REQUIRE(std::ranges::equal(again, section));
}

}  // namespace
}  // namespace tessera::entropy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::entropy::run({data, size});
  return 0;
}

// A rANS section is a checksum of itself: the states have to end where they started. So half of the inputs get a section that the
// encoder wrote, whole or with some damage.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace tessera;
  std::mt19937 random(seed);
  if (random() % 2) size = LLVMFuzzerMutate(data, size, max_size);
  if (random() % 2) return size;
  fuzz::Input input(data, size);
  const fuzz::CodedInput coded = fuzz::coded_input(input);
  if (std::ranges::count(coded.rows, 255) != 0) return size;
  std::vector<uint8_t> section;
  entropy::encode(coded.table, fuzz::drawn_symbols(coded, random), coded.rows, coded.lanes, section);
  const size_t head = size - input.rest().size(), kept = std::min(section.size(), max_size - head);
  std::copy_n(section.begin(), kept, data + head);
  if (kept == 0 || random() % 2) return head + kept;
  return head + LLVMFuzzerMutate(data + head, kept, max_size - head);
}
