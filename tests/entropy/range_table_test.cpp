#include "entropy/range_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "tests/entropy/test_tables.h"

namespace tessera::entropy {
namespace {

// Symbols of all kinds: likely ones, escapes, the ends of the integers.
std::vector<int32_t> random_symbols(const CdfTable& table, const std::vector<uint8_t>& rows, std::mt19937_64& rng) {
  std::vector<int32_t> symbols;
  for (const uint8_t row : rows) {
    const CdfTable::Row& r = table.row(row);
    int64_t s = int64_t{r.min_symbol} + static_cast<int64_t>(rng() % (r.freq.size() - 1));
    if (rng() % 20 == 0) s = static_cast<int32_t>(rng());
    if (rng() % 200 == 0) s = rng() % 2 ? std::numeric_limits<int32_t>::min() : std::numeric_limits<int32_t>::max();
    symbols.push_back(row < table.skip_below() ? 0 : static_cast<int32_t>(s));
  }
  return symbols;
}

std::vector<uint8_t> random_rows(const CdfTable& table, size_t n, std::mt19937_64& rng) {
  std::vector<uint8_t> rows;
  for (size_t i = 0; i < n; ++i) rows.push_back(static_cast<uint8_t>(rng() % static_cast<size_t>(table.rows())));
  return rows;
}

TEST(RangeTable, SeveralTablesShareOneCoder) {
  std::mt19937_64 rng(1);
  for (const int precision : {10, 12, 16}) {
    for (const size_t n : {0u, 1u, 7u, 1000u}) {
      const CdfTable a = test::mixed_table(rng, precision, 40, 0), b = test::mixed_table(rng, 16, 20, 5);
      const auto rows_a = random_rows(a, n, rng), rows_b = random_rows(b, 2 * n, rng);
      const auto symbols_a = random_symbols(a, rows_a, rng), symbols_b = random_symbols(b, rows_b, rng);
      RangeEncoder encoder;
      put_symbols(a, symbols_a, rows_a, encoder);
      put_symbols(b, symbols_b, rows_b, encoder);
      const std::vector<std::byte> bytes = encoder.finish();
      double bits = 0;
      for (size_t i = 0; i < n; ++i) bits += a.bits(rows_a[i], symbols_a[i]);
      for (size_t i = 0; i < 2 * n; ++i) bits += b.bits(rows_b[i], symbols_b[i]);
      EXPECT_LE(8.0 * static_cast<double>(bytes.size()), bits * 1.004 + 9);
      RangeDecoder decoder(bytes);
      std::vector<int32_t> back_a(n), back_b(2 * n);
      ASSERT_TRUE(get_symbols(a, rows_a, decoder, back_a));
      ASSERT_TRUE(get_symbols(b, rows_b, decoder, back_b));
      EXPECT_TRUE(decoder.at_end());
      EXPECT_EQ(back_a, symbols_a);
      EXPECT_EQ(back_b, symbols_b);
    }
  }
}

// The two ways of finding a symbol, by a direct table and by buckets, read the same bytes.
TEST(RangeTable, NarrowAndWideRows) {
  std::mt19937_64 rng(2);
  for (const size_t support : {3u, 200u, 4000u}) {
    const CdfTable table = test::make_table(12, {test::random_row(rng, 12, -static_cast<int32_t>(support / 2), support, 1)});
    const std::vector<uint8_t> rows(3000, 0);
    const auto symbols = random_symbols(table, rows, rng);
    RangeEncoder encoder;
    put_symbols(table, symbols, rows, encoder);
    const std::vector<std::byte> bytes = encoder.finish();
    RangeDecoder decoder(bytes);
    std::vector<int32_t> back(rows.size());
    ASSERT_TRUE(get_symbols(table, rows, decoder, back));
    EXPECT_TRUE(decoder.at_end());
    EXPECT_EQ(back, symbols);
  }
}

// Runs of skipped positions and runs of coded ones, beyond the decoder's chunks, at every level of instructions.
TEST(RangeTable, LongRunsAreSkipped) {
  std::mt19937_64 rng(4);
  for (const int skip_below : {0, 1, 7, 40}) {
    const CdfTable table = test::mixed_table(rng, 12, 40, skip_below);
    for (const size_t n : {15u, 16u, 17u, 4096u, 4097u, 30000u}) {
      std::vector<uint8_t> rows(n);
      for (size_t i = 0; i < n;) {
        const bool coded = rng() % 3 == 0;
        for (uint64_t run = 1 + rng() % (coded ? 6000 : 300); run > 0 && i < n; --run, ++i) {
          rows[i] = static_cast<uint8_t>(coded ? rng() % 40 : rng() % static_cast<size_t>(std::max(1, skip_below)));
        }
      }
      const auto symbols = random_symbols(table, rows, rng);
      RangeEncoder encoder;
      put_symbols(table, symbols, rows, encoder);
      const std::vector<std::byte> bytes = encoder.finish();
      for (const char* level : {"scalar", "avx2", "avx512"}) {
        setenv("TESSERA_SIMD", level, 1);
        RangeDecoder decoder(bytes);
        std::vector<int32_t> back(n, 77);
        EXPECT_TRUE(get_symbols(table, rows, decoder, back)) << level;
        EXPECT_TRUE(decoder.at_end()) << level;
        EXPECT_EQ(back, symbols) << level << " " << skip_below << " " << n;
      }
      unsetenv("TESSERA_SIMD");
    }
  }
}

// A skipped symbol that is not 0 is noticed wherever it lies; nothing is coded where every row is skipped.
TEST(RangeTable, SkippedSymbolsAreZero) {
  std::mt19937_64 rng(5);
  const CdfTable table = test::mixed_table(rng, 12, 40, 40);
  const std::vector<uint8_t> rows(100, 3);
  std::vector<int32_t> symbols(100, 0);
  RangeEncoder encoder;
  put_symbols(table, symbols, rows, encoder);
  EXPECT_TRUE(encoder.finish().empty());
  for (size_t i = 0; i < symbols.size(); ++i) {
    std::vector<int32_t> wrong = symbols;
    wrong[i] = i % 2 == 0 ? 1 : std::numeric_limits<int32_t>::min();
    RangeEncoder refusing;
    EXPECT_THROW(put_symbols(table, wrong, rows, refusing), std::invalid_argument) << i;
  }
}

TEST(RangeTable, AnyBytesDecodeToSomethingOrAreRefused) {
  std::mt19937_64 rng(3);
  const CdfTable table = test::mixed_table(rng, 12, 30, 3);
  const auto rows = random_rows(table, 500, rng);
  std::vector<int32_t> symbols(rows.size());
  size_t right = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> bytes(static_cast<size_t>(rng() % 600));
    const bool zeros = round % 3 == 0;  // zeros are the longest escapes
    for (std::byte& b : bytes) b = zeros ? std::byte{0} : static_cast<std::byte>(rng());
    RangeDecoder decoder(bytes);
    if (get_symbols(table, rows, decoder, symbols) && decoder.at_end()) ++right;
  }
  EXPECT_LT(right, 2000u);
  std::vector<uint8_t> beyond = rows;
  beyond[10] = 30;
  RangeDecoder decoder({});
  EXPECT_FALSE(get_symbols(table, beyond, decoder, symbols));
}

TEST(RangeTable, MistakesOfTheCallerThrow) {
  std::mt19937_64 rng(4);
  const CdfTable table = test::mixed_table(rng, 12, 10, 2);
  RangeEncoder encoder;
  const std::vector<int32_t> one(1, 1);
  EXPECT_THROW(put_symbols(table, one, std::vector<uint8_t>(2, 3), encoder), std::invalid_argument);
  EXPECT_THROW(put_symbols(table, one, std::vector<uint8_t>(1, 10), encoder), std::invalid_argument);
  EXPECT_THROW(put_symbols(table, one, std::vector<uint8_t>(1, 1), encoder), std::invalid_argument);
  RangeDecoder decoder({});
  std::vector<int32_t> out(3);
  EXPECT_THROW((void)get_symbols(table, std::vector<uint8_t>(2, 3), decoder, out), std::invalid_argument);
}

}  // namespace
}  // namespace tessera::entropy
