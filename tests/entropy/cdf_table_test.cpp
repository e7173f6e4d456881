// CdfTable: what it accepts, what it refuses, and what it says a symbol costs.
#include "entropy/cdf_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "entropy/gaussian_rows.h"

namespace tessera::entropy {
namespace {

using Row = CdfTable::Row;

// The refusal's sentence, or an empty string when the table was accepted.
std::string refusal(int precision, std::vector<Row> rows, int skip_below = 0) {
  std::string error;
  const bool ok = CdfTable::create(precision, std::move(rows), skip_below, &error).has_value();
  EXPECT_EQ(ok, error.empty());
  return error;
}

const Row kGood{-1, {1000, 2000, 1000, 96}};

TEST(CdfTable, AcceptsAValidTable) {
  EXPECT_EQ(refusal(12, {kGood}), "");
  const auto table = CdfTable::create(12, {kGood, kGood}, 1, nullptr);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->precision(), 12);
  EXPECT_EQ(table->rows(), 2);
  EXPECT_EQ(table->skip_below(), 1);
  EXPECT_EQ(table->row(1).min_symbol, -1);
}

TEST(CdfTable, RefusesBadPrecision) {
  EXPECT_NE(refusal(9, {{0, {500, 12}}}), "");
  EXPECT_NE(refusal(17, {{0, {131071, 1}}}), "");
  EXPECT_EQ(refusal(10, {{0, {1023, 1}}}), "");
  EXPECT_EQ(refusal(16, {{0, {65535, 1}}}), "");
}

TEST(CdfTable, RefusesBadRowCounts) {
  EXPECT_NE(refusal(12, {}), "");
  EXPECT_EQ(refusal(12, std::vector<Row>(256, kGood)), "");
  EXPECT_NE(refusal(12, std::vector<Row>(257, kGood)), "");
}

TEST(CdfTable, RefusesBadSkip) {
  EXPECT_NE(refusal(12, {kGood}, -1), "");
  EXPECT_NE(refusal(12, {kGood}, 2), "");
  EXPECT_EQ(refusal(12, {kGood}, 1), "");
}

TEST(CdfTable, RefusesBadSums) {
  EXPECT_NE(refusal(12, {{0, {4000, 95}}}).find("row 0"), std::string::npos);
  EXPECT_NE(refusal(12, {kGood, {0, {4000, 97}}}).find("row 1"), std::string::npos);
  // The sum wraps to 2^12 in 32 bits; it must not be taken for it.
  EXPECT_NE(refusal(12, {{0, {4096, 0xffffffffu, 1}}}), "");
}

TEST(CdfTable, RefusesZeroFrequencies) {
  EXPECT_NE(refusal(12, {{0, {0, 4000, 96}}}), "");
  EXPECT_NE(refusal(12, {{0, {4096, 0}}}), "");  // no escape: some integers could not be coded
}

TEST(CdfTable, RefusesBadSupports) {
  EXPECT_NE(refusal(12, {{0, {}}}), "");
  EXPECT_NE(refusal(12, {{0, {4096}}}), "");
  const int32_t max = std::numeric_limits<int32_t>::max();
  EXPECT_EQ(refusal(12, {{max - 1, {2000, 2000, 96}}}), "");
  EXPECT_NE(refusal(12, {{max, {2000, 2000, 96}}}), "");
  EXPECT_EQ(refusal(12, {{std::numeric_limits<int32_t>::min(), {2000, 2000, 96}}}), "");
}

TEST(CdfTable, RefusesHugeSupports) {
  std::vector<uint32_t> freq(kMaxSupport + 1, 1);  // 4096 symbols and the escape
  freq[0] = 65536 - kMaxSupport;
  EXPECT_EQ(refusal(16, {{0, freq}}), "");
  freq.push_back(1);
  --freq[0];
  EXPECT_NE(refusal(16, {{0, freq}}), "");
}

// Against code lengths that can be added up by hand.
TEST(CdfTable, BitsAreIdealCodeLengths) {
  const auto table = CdfTable::create(12, {{0, {4095, 1}}, {-2, {1024, 2048, 512, 256, 256}}}, 0, nullptr);
  ASSERT_TRUE(table);
  EXPECT_DOUBLE_EQ(table->bits(1, -2), 2);
  EXPECT_DOUBLE_EQ(table->bits(1, -1), 1);
  EXPECT_DOUBLE_EQ(table->bits(1, 0), 3);
  // Escapes: 4 bits, then Exp-Golomb of 0, 1, 2, ... for 2, -3, 3, -4.
  EXPECT_DOUBLE_EQ(table->bits(1, 2), 4 + 1);
  EXPECT_DOUBLE_EQ(table->bits(1, -3), 4 + 3);
  EXPECT_DOUBLE_EQ(table->bits(1, 3), 4 + 3);
  EXPECT_DOUBLE_EQ(table->bits(1, -4), 4 + 5);
  EXPECT_DOUBLE_EQ(table->bits(0, std::numeric_limits<int32_t>::min()), 12 + 65);
}

TEST(CdfTable, SkippedRowsCostNothingForZero) {
  const auto table = CdfTable::create(12, {kGood, kGood}, 1, nullptr);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->bits(0, 0), 0);
  EXPECT_TRUE(std::isinf(table->bits(0, 1)));
  EXPECT_GT(table->bits(1, 0), 0);
}

// Which lookup is chosen changes the speed only, but a change of it should be noticed.
TEST(CdfTable, PicksTheLookupByMemoryAndAlphabet) {
  const auto narrow = CdfTable::create(12, gaussian_rows(12, 64, 0.11, 64), 0, nullptr);
  EXPECT_NE(narrow->decode_view().direct, nullptr);
  const auto precise = CdfTable::create(16, gaussian_rows(16, 64, 0.11, 64), 0, nullptr);
  EXPECT_EQ(precise->decode_view().direct, nullptr);
  const auto many = CdfTable::create(12, gaussian_rows(12, 256, 0.11, 64), 0, nullptr);
  EXPECT_EQ(many->decode_view().direct, nullptr);
  // A flat alphabet of 512 would leave the 8-bit codes half of the time.
  const auto wide = CdfTable::create(12, {quantise_pmf(12, 0, std::vector<double>(512, 1.0), 0)}, 0, nullptr);
  EXPECT_EQ(wide->decode_view().direct, nullptr);
}

// Encoding divides by multiplication; the quotient must be exact for every state that can occur before a
// step, which is below freq << (32 - precision). The edges are where a reciprocal that is rounded too
// coarsely fails first.
TEST(CdfTable, ReciprocalsDivideExactly) {
  for (int precision = kMinPrecision; precision <= kMaxPrecision; ++precision) {
    const uint32_t total = 1u << precision;
    for (uint32_t freq :
         {1u, 2u, 3u, 5u, 7u, 127u, 641u, total / 2 - 1, total / 2, total / 2 + 1, total - 3, total - 1}) {
      const auto table = CdfTable::create(precision, {{0, {freq, total - freq}}}, 0, nullptr);
      ASSERT_TRUE(table);
      const EncodeSymbol& s = table->encode_symbols()[0];
      const uint64_t limit = uint64_t{freq} << (32 - precision);
      ASSERT_LT(limit - 1, uint64_t{1} << 32);
      for (uint64_t k = 0; k < 2000; ++k) {
        // Multiples of the frequency and their neighbours, from both ends of the range, and a stride through
        // it.
        for (uint64_t x : {k * freq, k * freq + freq - 1, limit - 1 - k, limit - 1 - k * (limit / 2000)}) {
          if (x >= limit) continue;
          ASSERT_EQ(x * s.reciprocal >> (32 + precision), x / freq) << "x " << x << ", freq " << freq;
        }
      }
    }
  }
}

void expect_valid(const Row& row, int precision) {
  const auto sum = std::accumulate(row.freq.begin(), row.freq.end(), uint64_t{0});
  EXPECT_EQ(sum, uint64_t{1} << precision);
  for (uint32_t f : row.freq) EXPECT_GE(f, 1u);
}

TEST(QuantisePmf, SumsExactlyAndKeepsEverySymbol) {
  for (int precision = kMinPrecision; precision <= kMaxPrecision; ++precision) {
    expect_valid(quantise_pmf(precision, 0, std::vector<double>{1.0}, 0), precision);
    expect_valid(quantise_pmf(precision, 0, std::vector<double>(512, 1e-9), 0), precision);
    std::vector<double> spike(512, 0.0);
    spike[17] = 1;
    const Row row = quantise_pmf(precision, -5, spike, 0.1);
    expect_valid(row, precision);
    EXPECT_EQ(row.min_symbol, -5);
    EXPECT_EQ(*std::max_element(row.freq.begin(), row.freq.end()), row.freq[17]);
  }
}

// Trainers feed what a network put out; a NaN must not poison the row.
TEST(QuantisePmf, IgnoresNonsenseProbabilities) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Row row = quantise_pmf(12, 0, std::vector<double>{nan, -3, 0.5, 0.5}, -1);
  expect_valid(row, 12);
  EXPECT_EQ(row.freq[0], 1u);
  EXPECT_EQ(row.freq[1], 1u);
}

TEST(QuantisePmf, RefusesWhatCannotFit) {
  EXPECT_THROW(quantise_pmf(12, 0, {}, 1), std::invalid_argument);
  EXPECT_THROW(quantise_pmf(10, 0, std::vector<double>(1024, 1.0), 0), std::invalid_argument);
  EXPECT_THROW(quantise_pmf(9, 0, std::vector<double>(4, 1.0), 0), std::invalid_argument);
  EXPECT_THROW(quantise_pmf(12, 0, std::vector<double>(4, 0.0), 0), std::invalid_argument);
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_THROW(quantise_pmf(12, 0, std::vector<double>{inf, 1}, 0), std::invalid_argument);
}

// The expected code length must come close to the entropy: that is what the greedy repair is for.
TEST(QuantisePmf, LosesLittleRate) {
  for (double sigma : {0.3, 1.0, 5.0, 20.0}) {
    const Row row = gaussian_row(12, sigma);
    const auto table = CdfTable::create(12, {row}, 0, nullptr);
    double entropy = 0, cost = 0;
    for (int k = row.min_symbol; k <= -row.min_symbol; ++k) {
      const double p = 0.5 * (std::erfc((k - 0.5) / (sigma * std::sqrt(2.0))) -
                              std::erfc((k + 0.5) / (sigma * std::sqrt(2.0))));
      if (p < 1e-15) continue;
      entropy -= p * std::log2(p);
      cost += p * table->bits(0, k);
    }
    EXPECT_LT(cost, entropy * 1.002 + 0.0005) << sigma;
  }
}

TEST(GaussianRows, AreSymmetricUnimodalAndWidening) {
  size_t last = 0;
  for (const Row& row : gaussian_rows(12, 64, 0.11, 64)) {
    const size_t support = row.freq.size() - 1;
    EXPECT_EQ(support, static_cast<size_t>(-row.min_symbol) * 2 + 1);
    EXPECT_GE(support, last);
    EXPECT_LE(support, 511u);
    last = support;
    // Flat tops round to counts that differ by one.
    const uint32_t top = *std::max_element(row.freq.begin(), row.freq.end() - 1);
    EXPECT_LE(top - row.freq[support / 2], 1u) << support;
  }
}

}  // namespace
}  // namespace tessera::entropy
