// Damaged sections: no read outside of the span (the sanitizers watch), no endless loop, and the same verdict
// from every decoder.
#include <gtest/gtest.h>

#include <memory>

#include "entropy/gaussian_rows.h"
#include "entropy/rans.h"
#include "tests/entropy/reference_decoder.h"
#include "tests/entropy/test_tables.h"

namespace tessera::entropy {
namespace {

using namespace test;

struct Verdict {
  DecodeError error;
  std::vector<int32_t> symbols;
  bool operator==(const Verdict&) const = default;
};

// Decodes a copy that ends with its allocation, so that a read beyond it is seen by AddressSanitizer.
Verdict verdict(const CdfTable& table, std::span<const uint8_t> data, std::span<const uint8_t> rows,
                int lanes, Simd level) {
  const auto exact = std::make_unique<uint8_t[]>(data.size());
  std::copy(data.begin(), data.end(), exact.get());
  Verdict v{DecodeError::none, std::vector<int32_t>(rows.size())};
  v.error = decode(table, {exact.get(), data.size()}, rows, lanes, v.symbols, level);
  if (v.error != DecodeError::none) v.symbols.clear();
  return v;
}

// All levels agree with the scalar decoder, which accepts exactly what the reference accepts.
DecodeError agreed(const CdfTable& table, std::span<const uint8_t> data, std::span<const uint8_t> rows,
                   int lanes) {
  const Verdict scalar = verdict(table, data, rows, lanes, Simd::scalar);
  for (Simd level : all_levels())
    EXPECT_TRUE(verdict(table, data, rows, lanes, level) == scalar) << int(level);
  const auto reference = ReferenceDecoder::decode(table, data, rows, lanes);
  if (scalar.error == DecodeError::none) {
    EXPECT_TRUE(reference.has_value() && *reference == scalar.symbols);
  }
  return scalar.error;
}

// Small tables of both lookups, with escapes and skipped rows.
std::vector<CdfTable> tables(std::mt19937_64& rng) {
  return {make_table(12, gaussian_rows(12, 8, 0.11, 8), 2), mixed_table(rng, 15, 6, 1)};
}

TEST(RansDamage, TruncationAtEveryByte) {
  std::mt19937_64 rng(1);
  for (const CdfTable& table : tables(rng)) {
    for (int lanes : all_lanes()) {
      const Sample sample = draw(rng, table, 400, 10);
      const auto bytes = encoded(table, sample, lanes);
      ASSERT_EQ(agreed(table, bytes, sample.rows, lanes), DecodeError::none);
      for (size_t n = 0; n < bytes.size(); ++n) {
        EXPECT_EQ(agreed(table, std::span(bytes).first(n), sample.rows, lanes), DecodeError::truncated) << n;
      }
    }
  }
}

TEST(RansDamage, TrailingBytesAreCorrupt) {
  std::mt19937_64 rng(2);
  for (const CdfTable& table : tables(rng)) {
    for (int lanes : all_lanes()) {
      const Sample sample = draw(rng, table, 100);
      auto bytes = encoded(table, sample, lanes);
      for (int extra = 0; extra < 3; ++extra) {
        bytes.push_back(0);
        EXPECT_EQ(agreed(table, bytes, sample.rows, lanes), DecodeError::corrupt);
      }
    }
  }
}

// A flipped bit may pass (an escape's raw bits spell another value); it must never crash, and all must agree
// on it.
TEST(RansDamage, EveryBitFlipped) {
  std::mt19937_64 rng(3);
  for (const CdfTable& table : tables(rng)) {
    for (int lanes : all_lanes()) {
      const Sample sample = draw(rng, table, 150, 30);
      const auto bytes = encoded(table, sample, lanes);
      size_t seen = 0;
      for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
        seen += agreed(table, damaged, sample.rows, lanes) != DecodeError::none;
      }
      EXPECT_GT(seen, bytes.size() * 4);
    }
  }
}

TEST(RansDamage, RandomBytes) {
  std::mt19937_64 rng(4);
  const auto both = tables(rng);
  for (int round = 0; round < 3000; ++round) {
    const CdfTable& table = both[rng() % 2];
    std::vector<uint8_t> bytes(static_cast<size_t>(rng() % 400)), rows(static_cast<size_t>(rng() % 300));
    for (auto& b : bytes) b = static_cast<uint8_t>(rng());
    for (auto& r : rows) r = static_cast<uint8_t>(rng() % static_cast<uint64_t>(table.rows()));
    // A small length of raw bits, or else nearly every section ends at its head.
    if (!bytes.empty()) bytes[0] &= 15;
    (void)agreed(table, bytes, rows, all_lanes()[static_cast<size_t>(rng() % 3)]);
  }
}

// Damage behind the first chunk: the state is then in the middle of the vector loop.
TEST(RansDamage, LargeSections) {
  std::mt19937_64 rng(5);
  for (const CdfTable& table : tables(rng)) {
    const Sample sample = draw(rng, table, 30000, 500);
    const auto bytes = encoded(table, sample, 32);
    for (int round = 0; round < 60; ++round) {
      auto damaged = bytes;
      const size_t at = static_cast<size_t>(rng() % damaged.size());
      if (round % 2 == 0) damaged.resize(at);
      if (round % 2 == 1) damaged[at] ^= static_cast<uint8_t>(1 + rng() % 255);
      (void)agreed(table, damaged, sample.rows, 32);
    }
  }
}

TEST(RansDamage, HeadIsChecked) {
  const CdfTable table = make_table(12, {{0, {4000, 96}}});
  const std::vector<uint8_t> rows{0};
  auto verdict_of = [&](std::vector<uint8_t> bytes) { return agreed(table, bytes, rows, 1); };
  const auto good = encoded(table, {{0}, {0}, 0}, 1);
  ASSERT_EQ(verdict_of(good), DecodeError::none);
  EXPECT_EQ(verdict_of({}), DecodeError::truncated);
  EXPECT_EQ(verdict_of({0x80}), DecodeError::truncated);
  EXPECT_EQ(verdict_of({0x80, 0x00, 0, 0, 1, 0}), DecodeError::corrupt);  // length not in its shortest form
  EXPECT_EQ(verdict_of(std::vector<uint8_t>(12, 0xff)), DecodeError::corrupt);
  EXPECT_EQ(verdict_of({0x7f, 0, 0}), DecodeError::truncated);
  EXPECT_EQ(verdict_of({0x00, 0xff, 0xff, 0x00, 0x00}), DecodeError::corrupt);  // a state below L
}

TEST(RansDamage, RawBitsAreChecked) {
  const CdfTable table = make_table(12, {{0, {4000, 96}}});
  const std::vector<uint8_t> rows{0};
  const auto good = encoded(table, {{1}, {0}, 0}, 1);  // the first value behind the support: one raw bit, "1"
  ASSERT_EQ(good[0], 1);
  ASSERT_EQ(good[1], 0x80);
  auto with_raw = [&](std::vector<uint8_t> raw) {
    std::vector<uint8_t> bytes{static_cast<uint8_t>(raw.size())};
    bytes.insert(bytes.end(), raw.begin(), raw.end());
    bytes.insert(bytes.end(), good.begin() + 2, good.end());
    return agreed(table, bytes, rows, 1);
  };
  EXPECT_EQ(with_raw({0x80}), DecodeError::none);
  EXPECT_EQ(with_raw({0x81}), DecodeError::corrupt);                          // padding
  EXPECT_EQ(with_raw({0x80, 0x00}), DecodeError::corrupt);                    // a byte too many
  EXPECT_EQ(with_raw({}), DecodeError::truncated);                            // no bits
  EXPECT_EQ(with_raw({0x00}), DecodeError::truncated);                        // a prefix that never ends
  EXPECT_EQ(with_raw({0x10}), DecodeError::none);                             // 0001 000: a larger value
  EXPECT_EQ(with_raw({0x08}), DecodeError::truncated);                        // its bits are missing
  EXPECT_EQ(with_raw(std::vector<uint8_t>(20, 0x00)), DecodeError::corrupt);  // longer than any int32 needs
  // Exp-Golomb of 2^33 - 2: a distance of 2^32 - 1 above the support leaves int32.
  EXPECT_EQ(with_raw({0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x80}), DecodeError::corrupt);
}

TEST(RansDamage, BadArgumentsFromAStream) {
  const CdfTable table = make_table(12, {{0, {4000, 96}}});
  const auto bytes = encoded(table, {{0}, {0}, 0}, 1);
  std::vector<int32_t> out(1);
  for (int lanes : {-1, 0, 2, 31, 33, 1 << 30}) {
    EXPECT_EQ(decode(table, bytes, std::vector<uint8_t>{0}, lanes, out), DecodeError::corrupt);
  }
  for (Simd level : all_levels()) {
    EXPECT_EQ(decode(table, bytes, std::vector<uint8_t>{1}, 1, out, level), DecodeError::corrupt);
    EXPECT_EQ(decode(table, bytes, std::vector<uint8_t>{255}, 32, out, level), DecodeError::corrupt);
  }
}

TEST(RansDamage, WrongLaneCountIsNoticed) {
  std::mt19937_64 rng(6);
  const CdfTable table = make_table(12, gaussian_rows(12, 8, 0.5, 8));
  const Sample sample = draw(rng, table, 5000);
  for (int lanes : all_lanes()) {
    const auto bytes = encoded(table, sample, lanes);
    for (int other : all_lanes()) {
      EXPECT_EQ(agreed(table, bytes, sample.rows, other) == DecodeError::none, other == lanes);
    }
  }
}

}  // namespace
}  // namespace tessera::entropy
