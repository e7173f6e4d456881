// The search for indices that weighs distance against bits.
#include "models/audio/index_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "tests/models/random_index.h"

namespace tessera::models {
namespace {

using audio::IndexChoice;
using audio::IndexModel;
using audio::IndexSearch;
using audio::IndexSearchOptions;
using test::IndexSizes;
using test::Numbers;
using test::random_index;

constexpr int64_t kD = 6;

using Books = std::vector<float>;  // [levels][groups][codes][kD]

float number(Numbers& n) { return static_cast<float>(n.between(-1000, 1000)) / 1000; }

// Codes that shrink from level to level.
Books random_books(const IndexSizes& s, uint64_t seed) {
  Numbers n(seed);
  Books b;
  for (int64_t l = 0; l < s.levels; ++l) {
    for (int64_t k = 0; k < s.groups * s.codes * kD; ++k) b.push_back(number(n) * std::pow(0.7f, static_cast<float>(l)));
  }
  return b;
}

std::vector<float> random_latents(const IndexSizes& s, int64_t frames, uint64_t seed) {
  Numbers n(seed);
  std::vector<float> x(static_cast<size_t>(frames * s.groups * kD));
  for (float& v : x) v = number(n);
  return x;
}

IndexChoice search_indices(const IndexModel& model, const Books& books, const std::vector<float>& latents, int64_t frames, int64_t levels,
                           const IndexSearchOptions& options = {}) {
  return IndexSearch(model, books, kD)(latents, frames, levels, options);
}

// Level by level the nearest code, by brute force.
std::vector<uint16_t> nearest(const IndexSizes& s, const Books& b, std::vector<float> left, int64_t frames, int64_t levels) {
  std::vector<uint16_t> out;
  for (int64_t f = 0; f < frames; ++f) {
    for (int64_t l = 0; l < levels; ++l) {
      for (int64_t g = 0; g < s.groups; ++g) {
        float* const r = left.data() + (f * s.groups + g) * kD;
        int64_t best = 0;
        double least = 1e30;
        for (int64_t k = 0; k < s.codes; ++k) {
          double distance = 0;
          for (int64_t i = 0; i < kD; ++i) distance += std::pow(double{r[i]} - double{b[static_cast<size_t>(((l * s.groups + g) * s.codes + k) * kD + i)]}, 2);
          if (distance < least) least = distance, best = k;
        }
        for (int64_t i = 0; i < kD; ++i) r[i] -= b[static_cast<size_t>(((l * s.groups + g) * s.codes + best) * kD + i)];
        out.push_back(static_cast<uint16_t>(best));
      }
    }
  }
  return out;
}

double energy(const std::vector<float>& x) {
  double sum = 0;
  for (const float v : x) sum += double{v} * v;
  return sum;
}

const IndexSizes kShapes[] = {{4, 1, 64, 8, 8, 16, 16}, {3, 2, 100, 16, 8, 8, 24}, {1, 1, 7, 8, 8, 16, 8}};

TEST(IndexSearch, WithoutThriftFindsTheNearestCodes) {
  uint64_t seed = 7;
  for (const IndexSizes& s : kShapes) {
    const IndexModel model = random_index(s, ++seed);
    const Books books = random_books(s, ++seed);
    const std::vector<float> latents = random_latents(s, 9, ++seed);
    // All classes looked at; those of one path.
    const IndexChoice found = search_indices(model, books, latents, 9, s.levels, {.thrift = 0, .paths = 1, .classes = 64});
    EXPECT_EQ(found.indices, nearest(s, books, latents, 9, s.levels));
  }
}

TEST(IndexSearch, WhatIsLeftBelongsToTheIndices) {
  const IndexSizes& s = kShapes[1];
  const IndexModel model = random_index(s, 3);
  const Books books = random_books(s, 4);
  const std::vector<float> latents = random_latents(s, 5, 5);
  const IndexChoice found = search_indices(model, books, latents, 5, 2, {.paths = 3});
  ASSERT_EQ(found.indices.size(), static_cast<size_t>(5 * 2 * s.groups));
  ASSERT_EQ(found.left.size(), latents.size());
  std::vector<float> left = latents;
  for (size_t i = 0; i < found.indices.size(); ++i) {
    const size_t frame = i / static_cast<size_t>(2 * s.groups), book = i % static_cast<size_t>(2 * s.groups), group = book % static_cast<size_t>(s.groups);
    for (size_t j = 0; j < kD; ++j) {
      left[(frame * static_cast<size_t>(s.groups) + group) * kD + j] -= books[(book * static_cast<size_t>(s.codes) + found.indices[i]) * kD + j];
    }
  }
  for (size_t i = 0; i < left.size(); ++i) EXPECT_NEAR(left[i], found.left[i], 1e-5);
}

TEST(IndexSearch, ThriftBuysBitsWithDistanceAndPathsBuyBoth) {
  uint64_t seed = 50;
  for (const IndexSizes& s : {kShapes[0], kShapes[1]}) {
    const IndexModel model = random_index(s, ++seed, 100);
    const Books books = random_books(s, ++seed);
    const std::vector<float> latents = random_latents(s, 60, ++seed);
    const auto run = [&](double thrift, int paths) {
      const IndexChoice c = search_indices(model, books, latents, 60, s.levels, {.thrift = thrift, .paths = paths, .classes = 16});
      return std::pair(model.ideal_bits(c.indices, 60, s.levels), energy(c.left));
    };
    const auto plain = run(0, 1), wide = run(0, 6), thrifty = run(0.5, 1), very = run(2, 1);
    EXPECT_LT(wide.second, plain.second);
    EXPECT_LT(thrifty.first, plain.first);
    EXPECT_LT(very.first, thrifty.first);
    EXPECT_GT(very.second, plain.second);
  }
}

TEST(IndexSearch, RefusesOtherShapes) {
  const IndexSizes& s = kShapes[0];
  const IndexModel model = random_index(s, 1);
  const Books books = random_books(s, 2);
  const std::vector<float> latents = random_latents(s, 2, 3);
  EXPECT_THROW(search_indices(model, books, latents, 3, 1), std::invalid_argument);
  EXPECT_THROW(search_indices(model, books, latents, 2, s.levels + 1), std::invalid_argument);
  EXPECT_THROW(search_indices(model, books, latents, 2, 1, {.paths = 0}), std::invalid_argument);
  EXPECT_THROW(IndexSearch(model, std::vector<float>(7), kD), std::invalid_argument);
  EXPECT_TRUE(search_indices(model, books, {}, 0, 1).indices.empty());
}

}  // namespace
}  // namespace tessera::models
