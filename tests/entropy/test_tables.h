// Tables and data that the coder's tests share.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "entropy/cdf_table.h"
#include "entropy/rans.h"

namespace tessera::entropy::test {

// A random row of `support` symbols: a few heavy ones, the others light, as `skew` (>= 0) grows.
inline CdfTable::Row random_row(std::mt19937_64& rng, int precision, int32_t min_symbol, size_t support,
                                double skew) {
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  std::vector<double> pmf(support);
  for (double& p : pmf) p = std::pow(uniform(rng), 1 + skew) + 1e-12;
  return quantise_pmf(precision, min_symbol, pmf, uniform(rng) * 0.01);
}

inline CdfTable make_table(int precision, std::vector<CdfTable::Row> rows, int skip_below = 0) {
  std::string error;
  auto table = CdfTable::create(precision, std::move(rows), skip_below, &error);
  if (!table) throw std::logic_error(error);
  return *table;
}

// All kinds of rows at once: narrow and wide, centred and not, at the ends of the integers.
inline CdfTable mixed_table(std::mt19937_64& rng, int precision, int rows, int skip_below = 0) {
  std::vector<CdfTable::Row> list;
  for (int r = 0; r < rows; ++r) {
    const size_t support = r % 3 == 0 ? 1 + rng() % 4 : 1 + rng() % 512;
    const int32_t min_symbol = r % 7 == 6 ? INT32_MIN + 5 : -static_cast<int32_t>(rng() % support);
    list.push_back(random_row(rng, precision, min_symbol, support, r % 5));
  }
  return make_table(precision, std::move(list), skip_below);
}

struct Sample {
  std::vector<int32_t> symbols;
  std::vector<uint8_t> rows;
  double ideal_bits = 0;
};

// n symbols drawn from the table's own rows; one in `escape_every` (0: none but the drawn ones) is any int32.
inline Sample draw(std::mt19937_64& rng, const CdfTable& table, size_t n, unsigned escape_every = 0) {
  Sample sample;
  for (size_t i = 0; i < n; ++i) {
    const auto row = static_cast<int>(rng() % static_cast<uint64_t>(table.rows()));
    int32_t symbol = 0;
    if (row >= table.skip_below()) {
      const auto& r = table.row(row);
      uint64_t slot = rng() & ((1u << table.precision()) - 1);
      size_t index = 0;
      while (slot >= r.freq[index]) slot -= r.freq[index++];
      // The escape slot stands for one symbol beyond the support; in 64 bits, as the row may end at
      // INT32_MAX.
      symbol = static_cast<int32_t>(int64_t{r.min_symbol} + static_cast<int64_t>(index));
      if (escape_every != 0 && rng() % escape_every == 0) symbol = static_cast<int32_t>(rng());
    }
    sample.symbols.push_back(symbol);
    sample.rows.push_back(static_cast<uint8_t>(row));
    sample.ideal_bits += table.bits(row, symbol);
  }
  return sample;
}

inline std::vector<uint8_t> encoded(const CdfTable& table, const Sample& sample, int lanes) {
  std::vector<uint8_t> bytes;
  encode(table, sample.symbols, sample.rows, lanes, bytes);
  return bytes;
}

inline const std::vector<int>& all_lanes() {
  static const std::vector<int> lanes{1, 4, 32};
  return lanes;
}

// The levels that this processor really has.
inline std::vector<Simd> all_levels() {
  std::vector<Simd> levels{Simd::scalar};
  for (Simd level : {Simd::avx2, Simd::avx512}) {
    if (simd_level(level) == level) levels.push_back(level);
  }
  return levels;
}

}  // namespace tessera::entropy::test
