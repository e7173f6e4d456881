#include "tests/fuzz/coded_input.h"

#include <algorithm>

#include "tests/fuzz/require.h"

namespace tessera::fuzz {
namespace {

constexpr size_t kMaxSymbols = 9000;  // more than two chunks of the decoder
constexpr size_t kUsualSymbols = 300;

// Weights from bytes, brought to the sum that the table demands.
entropy::CdfTable::Row row_from(Input& input, int precision) {
  entropy::CdfTable::Row row;
  const uint8_t kind = input.u8();
  const size_t support = kind < 240 ? 1 + kind % 40 : std::min<size_t>(entropy::kMaxSupport, (size_t{1} << precision) - 1) - (kind - 240);
  row.min_symbol = kind % 7 == 6 ? INT32_MIN + kind : kind % 7 == 5 ? INT32_MAX - static_cast<int32_t>(support) : -static_cast<int32_t>(kind % 40);
  const auto weights = input.bytes(std::min<size_t>(support, 40) + 1);
  uint64_t sum = 0;
  for (size_t i = 0; i <= support; ++i) sum += weights.empty() ? 1 : 1 + weights[i % weights.size()];
  const uint64_t spare = (uint64_t{1} << precision) - (support + 1);
  uint64_t given = 0;
  for (size_t i = 0; i <= support; ++i) {
    const uint64_t share = spare * (weights.empty() ? 1 : 1 + weights[i % weights.size()]) / sum;
    row.freq.push_back(static_cast<uint32_t>(1 + share));
    given += share;
  }
  row.freq[kind % row.freq.size()] += static_cast<uint32_t>(spare - given);
  return row;
}

}  // namespace

CodedInput coded_input(Input& input) {
  const int precision = entropy::kMinPrecision + input.u8() % 7;
  const int count = 1 + input.u8() % 6;
  const int skip = input.u8() % (count + 1);
  constexpr int kLanes[] = {1, 4, 32};
  const int lanes = kLanes[input.u8() % 3];
  // Seldom many: most of what there is to find takes few, which run faster.
  const uint16_t size = input.u16();
  const size_t symbols = size < 65000 ? size % kUsualSymbols : (size - 65000) * kMaxSymbols / 536;
  std::vector<entropy::CdfTable::Row> rows;
  for (int i = 0; i < count; ++i) rows.push_back(row_from(input, precision));
  std::string error;
  auto table = entropy::CdfTable::create(precision, std::move(rows), skip, &error);
  TESSERA_REQUIRE(table.has_value());

  const auto pattern = input.bytes(1 + input.u8() % 32);
  CodedInput coded{std::move(*table), std::vector<uint8_t>(symbols), lanes};
  for (size_t i = 0; i < symbols; ++i) {
    // Of 256 values one leads out of the table.
    const uint8_t choice = pattern.empty() ? uint8_t{0} : static_cast<uint8_t>(pattern[i % pattern.size()] + i / pattern.size() % 3);
    coded.rows[i] = choice == 255 ? uint8_t{255} : static_cast<uint8_t>(choice % count);
  }
  return coded;
}

std::vector<int32_t> drawn_symbols(const CodedInput& coded, std::mt19937& random) {
  std::vector<int32_t> symbols;
  const uint32_t escapes = 1 + random() % 64;
  for (const uint8_t number : coded.rows) {
    if (number < coded.table.skip_below() || number >= coded.table.rows()) {
      symbols.push_back(0);
      continue;
    }
    const auto& row = coded.table.row(number);
    const auto inside = int64_t{row.min_symbol} + static_cast<int64_t>(random() % (row.freq.size() - 1));
    symbols.push_back(random() % escapes == 0 ? static_cast<int32_t>(random() >> random() % 32) : static_cast<int32_t>(inside));
  }
  return symbols;
}

}  // namespace tessera::fuzz
