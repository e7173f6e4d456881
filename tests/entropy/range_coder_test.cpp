#include "entropy/range_coder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tessera::entropy {
namespace {

// std::mt19937 may give numbers of a wider type.
class Random {
 public:
  explicit Random(uint32_t seed) : generator_(seed) {}
  uint32_t operator()() { return static_cast<uint32_t>(generator_()); }

 private:
  std::mt19937 generator_;
};

struct Symbol {
  uint32_t start, frequency;
  int precision;
};

std::vector<std::byte> encode(const std::vector<Symbol>& symbols) {
  RangeEncoder coder;
  for (const Symbol& s : symbols) coder.put(s.start, s.frequency, s.precision);
  return coder.finish();
}

double ideal_bits(const std::vector<Symbol>& symbols) {
  double bits = 0;
  for (const Symbol& s : symbols) bits += s.precision - std::log2(static_cast<double>(s.frequency));
  return bits;
}

// Every slot lies in its symbol's interval, and the section ends where it should.
void expect_decodes(const std::vector<std::byte>& bytes, const std::vector<Symbol>& symbols) {
  RangeDecoder coder(bytes);
  for (const Symbol& s : symbols) {
    const uint32_t slot = coder.slot(s.precision);
    ASSERT_GE(slot, s.start);
    ASSERT_LT(slot, s.start + s.frequency);
    coder.advance(s.start, s.frequency, s.precision);
  }
  EXPECT_TRUE(coder.at_end());
}

std::vector<Symbol> random_symbols(size_t n, uint32_t seed) {
  Random random(seed);
  std::vector<Symbol> out;
  for (size_t i = 0; i < n; ++i) {
    const int precision = 1 + static_cast<int>(random() % kMaxRangePrecision);
    const uint32_t total = uint32_t{1} << precision, start = random() % total;
    // Intervals of all sizes, as they turn up: likely symbols more often.
    const uint32_t most = total - start;
    out.push_back({start, random() % 3 == 0 ? 1 : 1 + random() % most, precision});
  }
  return out;
}

TEST(RangeCoder, NothingIsNoBytes) {
  EXPECT_TRUE(encode({}).empty());
  expect_decodes({}, {});
}

TEST(RangeCoder, RoundTripsOfAllLengths) {
  for (size_t n = 1; n < 400; n += n < 40 ? 1 : 37) {
    for (uint32_t seed = 0; seed < 20; ++seed) {
      const std::vector<Symbol> symbols = random_symbols(n, seed * 1000 + static_cast<uint32_t>(n));
      const std::vector<std::byte> bytes = encode(symbols);
      expect_decodes(bytes, symbols);
      EXPECT_LE(static_cast<double>(bytes.size()) * 8, ideal_bits(symbols) * 1.003 + 9);
      EXPECT_TRUE(bytes.empty() || bytes.back() != std::byte{0});
    }
  }
}

TEST(RangeCoder, CertainSymbolsAreFree) {
  EXPECT_TRUE(encode(std::vector<Symbol>(1000, {0, 1 << 15, 15})).empty());
}

TEST(RangeCoder, CarriesThroughRunsOfOnes) {
  // The topmost interval again and again brings the low end next to one; a last low or high symbol then decides the carry.
  for (int n = 1; n < 60; ++n) {
    for (const uint32_t last : {uint32_t{0}, uint32_t{1}, uint32_t{65534}, uint32_t{65535}}) {
      std::vector<Symbol> symbols(static_cast<size_t>(n), {65535, 1, 16});
      symbols.push_back({last, 1, 16});
      symbols.push_back({0, 65535, 16});
      expect_decodes(encode(symbols), symbols);
    }
  }
}

TEST(RangeCoder, CarriesAtRandomEnds) {
  Random random(5);
  for (int i = 0; i < 3000; ++i) {
    std::vector<Symbol> symbols;
    for (size_t n = 1 + random() % 12; n > 0; --n) {
      const uint32_t start = random() % 2 ? 65535 - random() % 3 : random() % 3;
      symbols.push_back({start, random() % 2 ? 1 : 65536 - start, 16});
    }
    expect_decodes(encode(symbols), symbols);
  }
}

TEST(RangeCoder, AdditionalBytesAreNoticed) {
  const std::vector<Symbol> symbols = random_symbols(50, 3);
  for (const int extra : {0, 1, 255}) {
    std::vector<std::byte> bytes = encode(symbols);
    for (int i = 0; i < 5; ++i) bytes.push_back(static_cast<std::byte>(extra));
    RangeDecoder coder(bytes);
    for (const Symbol& s : symbols) {
      coder.slot(s.precision);
      coder.advance(s.start, s.frequency, s.precision);
    }
    EXPECT_FALSE(coder.at_end());
  }
}

TEST(RangeCoder, AnyBytesDecodeToSomething) {
  Random random(9);
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::byte> bytes(random() % 12);
    for (std::byte& b : bytes) b = static_cast<std::byte>(i % 5 == 0 ? 255 : random() % 256);
    RangeDecoder coder(bytes);
    for (int n = 0; n < 40; ++n) {
      const uint32_t slot = coder.slot(15);
      ASSERT_LT(slot, 1u << 15);
      // The interval of an imagined model: the slot rounded to a multiple of 64.
      coder.advance(slot & ~63u, 64, 15);
    }
  }
}

// Each sequence of symbols has one section: what else decodes to it is refused.
TEST(RangeCoder, SectionsAreUnique) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    const std::vector<Symbol> symbols = random_symbols(1 + seed % 10, seed);
    const std::vector<std::byte> good = encode(symbols);
    for (int change = 1; change < 256; ++change) {
      std::vector<std::byte> bytes = good;
      if (bytes.empty()) bytes.resize(1);
      bytes.back() ^= static_cast<std::byte>(change);
      RangeDecoder coder(bytes);
      bool same = true;
      for (const Symbol& s : symbols) {
        const uint32_t slot = coder.slot(s.precision);
        same = same && slot >= s.start && slot < s.start + s.frequency;
        if (same) coder.advance(s.start, s.frequency, s.precision);
      }
      EXPECT_FALSE(same && coder.at_end());
    }
  }
}

TEST(RangeCoder, CodeOutsideOfTheRangeIsNoticed) {
  // No interval of the coder contains the very last number.
  const std::vector<std::byte> bytes(4, std::byte{255});
  RangeDecoder coder(bytes);
  EXPECT_FALSE(coder.at_end());
}

}  // namespace
}  // namespace tessera::entropy
