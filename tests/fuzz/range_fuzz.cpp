// The one-lane range decoder: any bytes give some symbols in linear time, and bytes that at_end() accepts are those that the encoder
// writes. Input: table and rows (coded_input.h), then a section.
#include <algorithm>

#include "entropy/range_table.h"
#include "tests/fuzz/coded_input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"

namespace tessera::entropy {
namespace {

std::vector<std::byte> section_of(const fuzz::CodedInput& coded, std::span<const int32_t> symbols) {
  RangeEncoder encoder;
  put_symbols(coded.table, symbols, coded.rows, encoder);
  return encoder.finish();
}

void run(fuzz::Input input) {
  const fuzz::CodedInput coded = fuzz::coded_input(input);
  const auto section = std::as_bytes(input.rest());
  RangeDecoder decoder(section);
  std::vector<int32_t> symbols(coded.rows.size());
  const bool decoded = get_symbols(coded.table, coded.rows, decoder, symbols);
  const bool out_of_table = std::ranges::any_of(coded.rows, [&](uint8_t row) { return row >= coded.table.rows(); });
  TESSERA_REQUIRE(!(decoded && out_of_table));
  if (!decoded || !decoder.at_end()) return;
  TESSERA_REQUIRE(std::ranges::equal(section_of(coded, symbols), section));
}

}  // namespace
}  // namespace tessera::entropy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::entropy::run({data, size});
  return 0;
}

// As in rans_fuzz.cpp: some inputs get a section that the encoder wrote.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  using namespace tessera;
  std::mt19937 random(seed);
  if (random() % 2) size = LLVMFuzzerMutate(data, size, max_size);
  if (random() % 2) return size;
  fuzz::Input input(data, size);
  const fuzz::CodedInput coded = fuzz::coded_input(input);
  if (std::ranges::count(coded.rows, 255) != 0) return size;
  const auto section = entropy::section_of(coded, fuzz::drawn_symbols(coded, random));
  const size_t head = size - input.rest().size(), kept = std::min(section.size(), max_size - head);
  std::transform(section.begin(), section.begin() + static_cast<ptrdiff_t>(kept), data + head, [](std::byte b) { return static_cast<uint8_t>(b); });
  if (kept == 0 || random() % 2) return head + kept;
  return head + LLVMFuzzerMutate(data + head, kept, max_size - head);
}
