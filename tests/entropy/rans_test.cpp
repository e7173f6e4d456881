#include "entropy/rans.h"

#include <gtest/gtest.h>

#include <random>

using namespace tessera::entropy;

TEST(Rans, RoundTrip) {
  auto table = CdfTable::create(12, {{-1, {1000, 2000, 1000, 96}}, {0, {4090, 5, 1}}}, 1, nullptr);
  ASSERT_TRUE(table);
  std::mt19937 rng(1);
  for (size_t n : {0, 1, 2, 31, 32, 33, 100000}) {
    std::vector<int32_t> s(n), d(n, 7);
    std::vector<uint8_t> rows(n, 1);
    for (auto& v : s) v = static_cast<int32_t>(rng() % 64 == 0 ? rng() : 0);
    for (int lanes : {1, 4, 32}) {
      std::vector<uint8_t> bytes;
      encode(*table, s, rows, lanes, bytes);
      ASSERT_EQ(decode(*table, bytes, rows, lanes, d), DecodeError::none);
      ASSERT_EQ(s, d);
    }
  }
}
