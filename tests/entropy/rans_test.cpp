// Round trips, sizes and the format itself.
#include "entropy/rans.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "entropy/gaussian_rows.h"
#include "tests/entropy/reference_decoder.h"
#include "tests/entropy/test_tables.h"

namespace tessera::entropy {
namespace {

using namespace test;

// Decodes at every level and by the reference; all must give the symbols back.
void expect_round_trip(const CdfTable& table, const Sample& sample, int lanes) {
  const auto bytes = encoded(table, sample, lanes);
  const auto reference = ReferenceDecoder::decode(table, bytes, sample.rows, lanes);
  ASSERT_TRUE(reference.has_value());
  ASSERT_EQ(*reference, sample.symbols);
  for (Simd level : all_levels()) {
    std::vector<int32_t> out(sample.symbols.size(), 77);
    ASSERT_EQ(decode(table, bytes, sample.rows, lanes, out, level), DecodeError::none) << int(level);
    ASSERT_EQ(out, sample.symbols) << int(level);
  }
}

// limit_pct: the coder's own loss. 4 bytes a lane for the states, 2 bytes for the length field and raw
// padding.
void expect_small(const CdfTable& table, const Sample& sample, int lanes, double limit_pct) {
  const double ideal = sample.ideal_bits / 8;
  const auto size = static_cast<double>(encoded(table, sample, lanes).size());
  EXPECT_LE(size, ideal * (1 + limit_pct / 100) + 4 * lanes + 2) << "ideal " << ideal << ", lanes " << lanes;
  EXPECT_GE(size, ideal - 1);
}

TEST(Rans, RoundTripsEveryLengthAroundTheLanes) {
  std::mt19937_64 rng(1);
  const CdfTable table = mixed_table(rng, 12, 20, 3);
  for (int lanes : all_lanes()) {
    for (size_t n : {0, 1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 1000}) {
      expect_round_trip(table, draw(rng, table, n, 9), lanes);
    }
  }
}

// Chunks of the decoder end at 4096 coded symbols; what is carried over must be right on both sides.
TEST(Rans, RoundTripsLengthsAroundAChunk) {
  std::mt19937_64 rng(2);
  for (int skip : {0, 5}) {
    const CdfTable table = mixed_table(rng, 11, 12, skip);
    for (size_t n : {4095, 4096, 4097, 4127, 8192, 8193, 50000}) {
      for (int lanes : all_lanes()) expect_round_trip(table, draw(rng, table, n, 300), lanes);
    }
  }
}

// From one row to 256, where a row number fills its byte.
TEST(Rans, RoundTripsAllPrecisions) {
  std::mt19937_64 rng(3);
  for (int precision = kMinPrecision; precision <= kMaxPrecision; ++precision) {
    for (int rows : {1, 2, 64, 256}) {
      const CdfTable table = mixed_table(rng, precision, rows);
      for (int lanes : all_lanes()) expect_round_trip(table, draw(rng, table, 3000, 50), lanes);
    }
  }
}

// One precision with and without the direct lookup: rows of narrow support take it, the flat alphabet of 512
// does not.
TEST(Rans, RoundTripsDirectAndBucketedLookups) {
  std::mt19937_64 rng(4);
  for (int precision : {10, 11, 12}) {
    const CdfTable direct = make_table(precision, gaussian_rows(precision, 32, 0.11, 30));
    const CdfTable bucketed = make_table(precision, {random_row(rng, precision, 0, 512, 0)});
    EXPECT_NE(direct.decode_view().direct, nullptr);
    EXPECT_EQ(bucketed.decode_view().direct, nullptr);
    for (const CdfTable* table : {&direct, &bucketed}) {
      for (int lanes : all_lanes()) expect_round_trip(*table, draw(rng, *table, 10000, 1000), lanes);
    }
  }
}

// Rows far wider than the 8-bit codes of the direct lookup, few enough that it is still chosen.
TEST(Rans, RoundTripsFarTails) {
  std::mt19937_64 rng(5);
  auto rows = gaussian_rows(12, 40, 0.11, 5);
  rows.push_back(gaussian_row(12, 100));
  const CdfTable table = make_table(12, rows);
  ASSERT_NE(table.decode_view().direct, nullptr);
  Sample sample;
  for (int i = 0; i < 5000; ++i) {
    sample.symbols.push_back(static_cast<int32_t>(rng() % 600) - 300);
    sample.rows.push_back(40);
  }
  for (int lanes : all_lanes()) expect_round_trip(table, sample, lanes);
}

// Rows at both ends of the integers, so that the distance to the support takes its largest values.
TEST(Rans, EscapesExtremeIntegers) {
  const int32_t low = INT32_MIN, high = INT32_MAX;
  const CdfTable table = make_table(
      12, {{-1, {1000, 2000, 1000, 96}}, {low, {4095, 1}}, {high, {4095, 1}}, {low, {4000, 90, 6}}});
  Sample sample;
  for (int32_t v : {low, low + 1, low + 2, -3, -2, -1, 0, 1, 2, 3, high - 2, high - 1, high}) {
    for (uint8_t row = 0; row < 4; ++row) {
      sample.symbols.push_back(v);
      sample.rows.push_back(row);
      sample.ideal_bits += table.bits(row, v);
    }
  }
  for (int lanes : all_lanes()) {
    expect_round_trip(table, sample, lanes);
    expect_small(table, sample, lanes, 0.5);
  }
}

// Every lane leaves the fast path in every step, and the aside list of a chunk is full.
TEST(Rans, NothingButEscapes) {
  std::mt19937_64 rng(6);
  const CdfTable table = make_table(12, {{0, {4095, 1}}});
  for (int lanes : all_lanes()) expect_round_trip(table, draw(rng, table, 10000, 1), lanes);
}

// Skipped positions must leave no trace in the bytes.
TEST(Rans, SkippedSymbolsCostNothing) {
  std::mt19937_64 rng(7);
  const CdfTable all = mixed_table(rng, 12, 9, 9);
  const Sample silent = draw(rng, all, 5000);
  for (int lanes : all_lanes()) {
    EXPECT_TRUE(encoded(all, silent, lanes).empty());
    expect_round_trip(all, silent, lanes);
  }

  const CdfTable some = mixed_table(rng, 12, 30, 10);
  const Sample sample = draw(rng, some, 20000);
  Sample dense;
  for (size_t i = 0; i < sample.rows.size(); ++i) {
    if (sample.rows[i] < 10) continue;
    dense.rows.push_back(sample.rows[i]);
    dense.symbols.push_back(sample.symbols[i]);
  }
  EXPECT_EQ(encoded(some, sample, 32), encoded(some, dense, 32));
  expect_round_trip(some, sample, 32);
}

// 256 is one more than the 8-bit comparisons of the skipping kernels can express.
TEST(Rans, SkipsAll256Rows) {
  std::mt19937_64 rng(8);
  for (int skip : {255, 256}) {
    const CdfTable table = make_table(12, std::vector<CdfTable::Row>(256, {0, {4000, 96}}), skip);
    const Sample sample = draw(rng, table, 5000);
    expect_round_trip(table, sample, 32);
    std::vector<int32_t> out(5000);
    const std::vector<uint8_t> rest(1, 0);
    EXPECT_NE(decode(table, rest, sample.rows, 32, out), DecodeError::none);
  }
}

// Chunks that hold many positions but few coded symbols, and the reverse.
TEST(Rans, LongRunsOfSkippedPositions) {
  std::mt19937_64 rng(9);
  const CdfTable table = make_table(12, gaussian_rows(12, 16, 0.11, 8), 8);
  Sample sample;
  for (size_t i = 0; i < 60000; ++i) {
    const bool coded = i / 7001 % 2 == 1 && rng() % 8 != 0;
    sample.rows.push_back(coded ? 12 : 2);
    sample.symbols.push_back(coded ? static_cast<int32_t>(rng() % 5) - 2 : 0);
  }
  for (int lanes : all_lanes()) expect_round_trip(table, sample, lanes);
}

TEST(Rans, SizeIsIdealForRandomTables) {
  std::mt19937_64 rng(10);
  for (double skew : {0.0, 2.0, 20.0}) {
    for (size_t support : {1, 2, 17, 512}) {
      const CdfTable table =
          make_table(12, {random_row(rng, 12, -7, support, skew), random_row(rng, 12, 0, support, skew)});
      const Sample sample = draw(rng, table, 50000);
      for (int lanes : all_lanes()) expect_small(table, sample, lanes, 0.1);
    }
  }
}

// The extremes of skew: 0.00035 bit a symbol, and nine.
TEST(Rans, SizeIsIdealForDegenerateAndFlatRows) {
  std::mt19937_64 rng(11);
  std::vector<uint32_t> flat(512, 8);
  flat.back() = 8;
  const CdfTable certain = make_table(12, {{0, {4095, 1}}});
  const CdfTable even = make_table(12, {{0, flat}});
  for (int lanes : all_lanes()) {
    const Sample zeros{std::vector<int32_t>(100000, 0), std::vector<uint8_t>(100000, 0),
                       100000 * certain.bits(0, 0)};
    expect_small(certain, zeros, lanes, 0.1);
    expect_round_trip(certain, zeros, lanes);
    expect_small(even, draw(rng, even, 30000), lanes, 0.1);
  }
}

TEST(Rans, SizeIsIdealForGaussians) {
  std::mt19937_64 rng(12);
  for (int precision : {10, 12, 14}) {
    const CdfTable table = make_table(precision, gaussian_rows(precision, 64, 0.11, 64));
    const Sample sample = draw(rng, table, 200000);
    for (int lanes : all_lanes()) expect_small(table, sample, lanes, 0.1);
  }
}

// 16 bits of precision in a 32-bit state leave 16 bits to round with: the loss is known, and must not grow.
TEST(Rans, SizeAtSixteenBitsOfPrecision) {
  std::mt19937_64 rng(13);
  const CdfTable table = make_table(16, gaussian_rows(16, 64, 0.11, 64));
  const Sample sample = draw(rng, table, 200000);
  for (int lanes : all_lanes()) expect_small(table, sample, lanes, 0.25);
}

TEST(Rans, EncodingIsDeterministicAndAppends) {
  std::mt19937_64 rng(14);
  const CdfTable table = mixed_table(rng, 12, 8);
  const Sample sample = draw(rng, table, 3000, 20);
  const auto once = encoded(table, sample, 4);
  std::vector<uint8_t> twice{1, 2, 3};
  encode(table, sample.symbols, sample.rows, 4, twice);
  EXPECT_EQ(std::vector<uint8_t>(twice.begin() + 3, twice.end()), once);
  EXPECT_EQ(twice[0], 1);
}

std::string hex(const std::vector<uint8_t>& bytes) {
  std::string text;
  for (uint8_t byte : bytes) {
    for (int shift : {4, 0}) text += "0123456789abcdef"[byte >> shift & 15];
  }
  return text;
}

// The bytes themselves: a change here is a change of the format.
TEST(Rans, GoldenSections) {
  const std::vector<uint8_t> rows(7, 0);
  const Sample sample{{0, 0, 1, -1, 0, 5, -7}, rows, 0};
  const CdfTable table = make_table(12, {{-1, {1000, 2000, 1000, 96}}});
  EXPECT_EQ(hex(encoded(table, sample, 1)), "0238c01506040060cc");
  EXPECT_EQ(hex(encoded(table, sample, 4)), "0238c0302a0400e8695700d0ddae0018120400");
  const CdfTable precise = make_table(16, {{-1, {15000, 35000, 15000, 536}}});
  EXPECT_EQ(hex(encoded(precise, sample, 1)), "0238c05f411400e0b1");
}

// A programmer's error, in contrast to a damaged stream.
TEST(Rans, MisuseThrows) {
  const CdfTable table = make_table(12, {{0, {4000, 96}}, {0, {4000, 96}}}, 1);
  const std::vector<int32_t> symbols{0, 0};
  std::vector<int32_t> out(2);
  std::vector<uint8_t> bytes;
  EXPECT_THROW(encode(table, symbols, std::vector<uint8_t>{1}, 1, bytes), std::invalid_argument);
  EXPECT_THROW(encode(table, symbols, std::vector<uint8_t>{1, 1}, 2, bytes), std::invalid_argument);
  EXPECT_THROW(encode(table, symbols, std::vector<uint8_t>{1, 2}, 1, bytes), std::invalid_argument);
  EXPECT_THROW(encode(table, std::vector<int32_t>{0, 1}, std::vector<uint8_t>{1, 0}, 1, bytes),
               std::invalid_argument);
  EXPECT_TRUE(bytes.empty());
  EXPECT_THROW((void)decode(table, bytes, std::vector<uint8_t>{1}, 1, out), std::invalid_argument);
}

TEST(Rans, LanesGrowWithTheSection) {
  EXPECT_EQ(lanes_for(0), 1);
  EXPECT_EQ(lanes_for(10000), 1);
  EXPECT_EQ(lanes_for(50000), 4);
  EXPECT_EQ(lanes_for(10'000'000), 32);
}

TEST(Rans, EnvironmentCapsTheInstructionSet) {
  const Simd before = simd_level();
  setenv("TESSERA_SIMD", "scalar", 1);
  EXPECT_EQ(simd_level(), Simd::scalar);
  EXPECT_EQ(simd_level(Simd::avx512), Simd::scalar);
  setenv("TESSERA_SIMD", "avx2", 1);
  EXPECT_LE(simd_level(), Simd::avx2);
  unsetenv("TESSERA_SIMD");
  EXPECT_EQ(simd_level(), before);
}

}  // namespace
}  // namespace tessera::entropy
