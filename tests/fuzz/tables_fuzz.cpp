// Probability tables, as a weights file could claim them: create() takes exactly those that are right, and the decoder's lookup of every slot
// is the row's. Input: precision, rows and how many are skipped, then the rows: lowest symbol, length, frequencies.
#include <cmath>
#include <stdexcept>

#include "entropy/cdf_table.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"

namespace tessera::entropy {
namespace {

constexpr uint8_t kRight = 128;  // of a row's first byte: its escape takes what the sum lacks

CdfTable::Row claimed_row(fuzz::Input& input, int precision) {
  const uint8_t kind = input.u8();
  CdfTable::Row row{static_cast<int32_t>(input.u32()), {}};
  const size_t length = kind & 64 ? input.u16() % (kMaxSupport + 8) : kind % 64;
  uint64_t sum = 0;
  for (size_t i = 0; i < length; ++i) {
    row.freq.push_back(kind & 32 ? input.u32() : kind & 64 ? uint32_t{1} + input.u8() : uint32_t{input.u16()});
    sum += row.freq.back();
  }
  const uint64_t total = uint64_t{1} << precision;
  if ((kind & kRight) && sum < total) row.freq.push_back(static_cast<uint32_t>(total - sum));
  return row;
}

// create()'s conditions, in other words.
bool right(int precision, const std::vector<CdfTable::Row>& rows, int skip) {
  if (precision < kMinPrecision || precision > kMaxPrecision || rows.empty() || skip < 0 || skip > static_cast<int>(rows.size())) return false;
  for (const auto& row : rows) {
    uint64_t sum = 0;
    bool zero = false;
    for (const uint32_t f : row.freq) sum += f, zero |= f == 0;
    const auto last = int64_t{row.min_symbol} + static_cast<int64_t>(row.freq.size()) - 2;
    if (zero || sum != uint64_t{1} << precision || row.freq.size() < 2 || row.freq.size() > kMaxSupport + 1 || last > INT32_MAX) return false;
  }
  return true;
}

void check_lookup(const CdfTable& table) {
  const DecodeView view = table.decode_view();
  for (int r = 0; r < table.rows(); ++r) {
    const auto& row = table.row(r);
    uint32_t slot = 0;
    for (size_t i = 0; i < row.freq.size(); ++i) {
      TESSERA_REQUIRE(view.starts[static_cast<size_t>(r) * view.stride + i] == (row.freq[i] << 16 | slot));
      for (const uint32_t at : {slot, slot + row.freq[i] - 1}) {
        if (view.direct != nullptr) {
          const uint32_t entry = view.direct[static_cast<uint32_t>(r) << view.precision | at], code = entry >> 24;
          TESSERA_REQUIRE((entry & 0xfff) == row.freq[i] && (entry >> 12 & 0xfff) == at - slot);
          const int64_t symbol = int64_t{row.min_symbol} + static_cast<int64_t>(i);
          TESSERA_REQUIRE(code == DecodeView::kAsideCode || (i + 1 < row.freq.size() && int64_t{view.code_base} + code == symbol));
        } else {
          const uint16_t first = view.buckets[static_cast<uint32_t>(r) << DecodeView::kBucketBits | at >> (view.precision - DecodeView::kBucketBits)];
          TESSERA_REQUIRE(first <= i && i - first <= size_t{1} << (view.precision - DecodeView::kBucketBits));
        }
      }
      slot += row.freq[i];
    }
    for (const int32_t symbol : {INT32_MIN, -1, 0, 1, INT32_MAX}) TESSERA_REQUIRE(!(table.bits(r, symbol) < 0));
  }
}

void quantise(fuzz::Input& input, int precision) {
  std::vector<double> pmf(input.u8());
  for (double& p : pmf) p = std::ldexp(static_cast<double>(input.u16()) - 16, input.u8() - 128);
  try {
    CdfTable::Row row = quantise_pmf(precision, -static_cast<int32_t>(pmf.size()), pmf, input.u8() / 256.0);
    std::string error;
    TESSERA_REQUIRE(CdfTable::create(precision, {row}, 0, &error).has_value());
  } catch (const std::invalid_argument&) {
    // Nothing to quantise, or too much for the precision.
  }
}

void run(fuzz::Input input) {
  const int precision = kMinPrecision - 1 + input.u8() % 9, skip = input.u8() % 8 - 1;
  const size_t count = input.u8() % 6;
  std::vector<CdfTable::Row> rows;
  for (size_t i = 0; i < count; ++i) rows.push_back(claimed_row(input, precision));
  std::string error;
  const auto table = CdfTable::create(precision, rows, skip, &error);
  TESSERA_REQUIRE(table.has_value() == right(precision, rows, skip) && error.empty() == table.has_value());
  if (table) check_lookup(*table);
  quantise(input, precision);
}

}  // namespace
}  // namespace tessera::entropy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::entropy::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned) { return LLVMFuzzerMutate(data, size, max_size); }
