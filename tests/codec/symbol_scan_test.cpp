#include "codec/symbol_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <vector>

#include "bitstream/crc.h"
#include "models/parallel.h"

namespace tessera {
namespace {

std::vector<int32_t> symbols_of(size_t count) {
  std::mt19937 rng(static_cast<unsigned>(count));
  std::vector<int32_t> s(count);
  for (int32_t& v : s) v = rng() % 50 == 0 ? static_cast<int32_t>(rng() % 200) - 100 : 0;
  return s;
}

uint32_t checksum(const std::vector<int32_t>& s) { return bitstream::crc32c({reinterpret_cast<const uint8_t*>(s.data()), s.size() * 4}); }

// Of less than a piece, whole pieces and some more, with any number of threads.
TEST(SymbolScan, IsThatOfOneThread) {
  const int before = models::threads();
  for (const int threads : {1, 3}) {
    models::set_threads(threads);
    for (const size_t count : {size_t{0}, size_t{1}, size_t{65535}, size_t{65536}, size_t{65537}, size_t{300000}}) {
      std::vector<int32_t> s = symbols_of(count);
      if (count > 2) s[count - 2] = -127;
      std::vector<int8_t> bytes(count);
      const SymbolScan scan = scan_symbols(s, bytes);
      EXPECT_EQ(scan.count, count);
      EXPECT_EQ(scan.checksum, checksum(s)) << count;
      EXPECT_EQ(scan.checksum, scan_symbols(s).checksum);
      EXPECT_TRUE(std::equal(s.begin(), s.end(), bytes.begin()));
      if (count > 2) {
        EXPECT_EQ(scan.lowest, -127);
        EXPECT_EQ(scan.magnitude(), 127);
      }
    }
  }
  models::set_threads(before);
}

TEST(SymbolScan, Extremes) {
  const std::vector<int32_t> s = {5, INT32_MIN, 7};
  const SymbolScan scan = scan_symbols(s);
  EXPECT_EQ(scan.lowest, INT32_MIN);
  EXPECT_EQ(scan.highest, 7);
  EXPECT_EQ(scan.magnitude(), INT32_MAX);
  std::vector<int8_t> wrong(2);
  EXPECT_THROW(scan_symbols(s, wrong), std::invalid_argument);
}

TEST(SymbolScan, CountsCodedRows) {
  for (const size_t count : {size_t{0}, size_t{10}, size_t{262144}, size_t{600001}}) {
    std::vector<uint8_t> rows(count);
    size_t coded = 0;
    std::mt19937 rng(5);
    for (uint8_t& r : rows) {
      r = static_cast<uint8_t>(rng());
      coded += r >= 20;
    }
    EXPECT_EQ(count_coded(rows, 20), coded);
    EXPECT_EQ(count_coded(rows, 0), count);
  }
}

}  // namespace
}  // namespace tessera
