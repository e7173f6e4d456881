#include "models/video/vector_coder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "entropy/range_coder.h"
#include "entropy/range_table.h"
#include "models/video/symbol_model.h"

namespace tessera::models {
namespace {

constexpr size_t kComponents = VectorCoder::kComponents;

struct Coded {
  int64_t h = 0, w = 0;
  std::vector<uint8_t> rows;
  std::vector<int32_t> symbols;
};

// Residuals of which a share is not zero, of all sizes up to `most`, and deltas up to `most_delta`.
Coded random_field(int64_t h, int64_t w, uint32_t seed, double share, int most = 40, int most_delta = 20) {
  std::mt19937 random(seed);
  const auto chance = [&] { return static_cast<double>(random() % 10000) / 10000; };
  Coded f{h, w, {}, {}};
  const auto blocks = static_cast<size_t>(h * w);
  for (size_t i = 0; i < blocks; ++i) {
    for (size_t k = 0; k < kComponents; ++k) {
      f.rows.push_back(static_cast<uint8_t>(random() % 64));
      const int limit = k < 2 ? most : most_delta;
      const double size = chance() * chance() * chance() * limit;
      const bool any = chance() < (k < 2 ? share : share / 3);
      f.symbols.push_back(any ? static_cast<int32_t>(std::lround(chance() < 0.5 ? -size : size)) : 0);
    }
  }
  return f;
}

std::vector<std::byte> encoded(VectorCoder& coder, const Coded& f) {
  entropy::RangeEncoder out;
  coder.encode(f.h, f.w, f.rows, f.symbols, out);
  return out.finish();
}

// Whether the bytes decode to the field, all of them and no more.
testing::AssertionResult decodes(VectorCoder& coder, const std::vector<std::byte>& bytes, const Coded& f) {
  entropy::RangeDecoder in(bytes);
  std::vector<int32_t> out(f.symbols.size(), 99);
  coder.decode(f.h, f.w, f.rows, out, in);
  if (out != f.symbols) return testing::AssertionFailure() << "other symbols";
  if (!in.at_end()) return testing::AssertionFailure() << "bytes are left";
  return testing::AssertionSuccess();
}

class Fields : public testing::TestWithParam<std::tuple<int64_t, int64_t, double>> {};

TEST_P(Fields, ComeBackOneAfterTheOther) {
  const auto [h, w, share] = GetParam();
  VectorCoder encoder, decoder, counter;
  for (uint32_t frame = 0; frame < 6; ++frame) {
    const Coded f = random_field(h, w, frame, share);
    const double bits = counter.count(h, w, f.rows, f.symbols);
    const auto bytes = encoded(encoder, f);
    EXPECT_TRUE(decodes(decoder, bytes, f)) << frame;
    EXPECT_NEAR(8.0 * static_cast<double>(bytes.size()), bits, 16 + 0.002 * bits) << frame;
    if (frame == 3) {  // a key frame
      encoder.reset();
      decoder.reset();
      counter.reset();
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, Fields, testing::Values(std::tuple{1, 1, 0.9}, std::tuple{1, 7, 0.5}, std::tuple{9, 1, 0.5}, std::tuple{12, 17, 0.0}, std::tuple{12, 17, 0.1},
                                                        std::tuple{5, 4, 1.0}, std::tuple{23, 40, 0.6}));

TEST(VectorCoder, LargestNumbers) {
  for (const int32_t coarse : {8190, -8190, VectorCoder::kMost, -VectorCoder::kMost, 1, -1, 1024, 1023}) {
    for (const int32_t delta : {127, -127, 1, 64}) {
      Coded f = random_field(3, 3, 1, 0.0);
      for (size_t i = 0; i < f.symbols.size(); ++i) f.symbols[i] = i % kComponents < 2 ? coarse : delta;
      VectorCoder encoder, decoder;
      EXPECT_TRUE(decodes(decoder, encoded(encoder, f), f)) << coarse << " " << delta;
    }
  }
}

// One quarter after the other moves alone; the last one's move is not said.
TEST(VectorCoder, EveryPatternOfQuarters) {
  VectorCoder encoder, decoder;
  for (size_t pattern = 0; pattern < 256; ++pattern) {
    Coded f = random_field(2, 2, 1, 0.0);
    for (size_t k = 0; k < 8; ++k) f.symbols[kComponents + 2 + k] = (pattern >> k) & 1 ? static_cast<int32_t>(k) - 9 : 0;
    EXPECT_TRUE(decodes(decoder, encoded(encoder, f), f)) << pattern;
  }
}

TEST(VectorCoder, LearnsFromFieldToField) {
  VectorCoder coder;
  const Coded f = random_field(15, 26, 5, 0.15);
  const double first = coder.count(f.h, f.w, f.rows, f.symbols);
  double last = 0;
  for (int i = 0; i < 10; ++i) last = coder.count(f.h, f.w, f.rows, f.symbols);
  EXPECT_LT(last, 0.8 * first);
  coder.reset();
  EXPECT_EQ(coder.count(f.h, f.w, f.rows, f.symbols), first);
}

TEST(VectorCoder, WhatStandsStillCostsNextToNothing) {
  VectorCoder coder;
  Coded f = random_field(45, 80, 5, 0.0);
  double last = 0;
  for (int i = 0; i < 5; ++i) last = coder.count(f.h, f.w, f.rows, f.symbols);
  EXPECT_LT(last / (45 * 80), 0.01);  // bits a block; 0.3 by rows that are at their end
}

// Vectors that are alike in patches, of which the rows know nothing: the contexts do.
TEST(VectorCoder, TakesFewerBitsThanTheRowsAlone) {
  std::mt19937 random(3);
  std::string error;
  const auto table = entropy::CdfTable::create(entropy::kMaxPrecision, vector_rows(), 0, &error);
  ASSERT_TRUE(table) << error;
  const auto row = static_cast<uint8_t>(std::lround(vector_row_of(0.1)));
  double by_rows = 0, mixed = 0;
  VectorCoder coder;
  for (int frame = 0; frame < 8; ++frame) {
    Coded f{20, 30, std::vector<uint8_t>(20 * 30 * kComponents, row), std::vector<int32_t>(20 * 30 * kComponents, 0)};
    for (int patch = 0; patch < 6; ++patch) {
      const auto y0 = random() % 17, x0 = random() % 27;
      for (auto y = y0; y < y0 + 3; ++y) {
        for (auto x = x0; x < x0 + 3; ++x) {
          for (size_t k = 0; k < kComponents; ++k) f.symbols[(y * 30 + x) * kComponents + k] = static_cast<int32_t>(random() % 9) - 4;
        }
      }
    }
    for (const int32_t s : f.symbols) by_rows += table->bits(row, s);
    mixed += coder.count(f.h, f.w, f.rows, f.symbols);
  }
  EXPECT_LT(mixed, 0.85 * by_rows);
}

TEST(VectorCoder, DamagedBytesDecodeToSomethingWithinTheLargest) {
  const Coded f = random_field(9, 16, 2, 0.5);
  VectorCoder encoder;
  const auto bytes = encoded(encoder, f);
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    auto bad = bytes;
    for (int k = 0; k < 3; ++k) bad[random() % bad.size()] ^= static_cast<std::byte>(1 + random() % 255);
    if (i % 4 == 0) bad.resize(random() % bad.size());
    VectorCoder decoder;
    entropy::RangeDecoder in(bad);
    std::vector<int32_t> out(f.symbols.size());
    decoder.decode(f.h, f.w, f.rows, out, in);
    for (const int32_t s : out) ASSERT_LE(std::abs(s), VectorCoder::kMost);
  }
}

// Streams depend on every bit of it.
TEST(VectorCoder, WritesTheSameBytesForEver) {
  VectorCoder encoder;
  uint64_t sum = 14695981039346656037u;
  size_t count = 0;
  for (uint32_t frame = 0; frame < 4; ++frame) {
    for (const std::byte b : encoded(encoder, random_field(14, 19, frame, 0.3, 2000, 100))) {
      sum = (sum ^ static_cast<uint64_t>(b)) * 1099511628211u;
      ++count;
    }
  }
  EXPECT_EQ(count, 2201u);
  EXPECT_EQ(sum, 9308366196284160421u);
}

}  // namespace
}  // namespace tessera::models
