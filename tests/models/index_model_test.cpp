// The index model: what is decoded is what was encoded, by every kernel, for every shape, and damage is survived.
#include "models/audio/index_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "tests/models/random_index.h"

namespace tessera::models {
namespace {

using audio::IndexKernel;
using audio::IndexModel;
using audio::IndexState;
using test::IndexSizes;
using test::Numbers;
using test::random_index;
using test::random_indices;

using Bytes = std::vector<std::byte>;
using Indices = std::vector<uint16_t>;

const IndexSizes kShapes[] = {
    {4, 1, 64, 8, 8, 16, 16},  {16, 1, 1024, 32, 32, 64, 64}, {3, 2, 1024, 32, 32, 32, 64}, {2, 3, 100, 16, 8, 8, 24},
    {1, 1, 2, 8, 8, 8, 8},     {2, 1, 7, 8, 8, 16, 8},        {1, 2, 4096, 64, 64, 16, 16}, {5, 1, 600, 8, 80, 24, 40},
};

TEST(IndexModel, RoundTripsOfAllShapes) {
  uint64_t seed = 1;
  for (const IndexSizes& s : kShapes) {
    const IndexModel model = random_index(s, ++seed);
    EXPECT_EQ(model.levels(), s.levels);
    EXPECT_EQ(model.groups(), s.groups);
    EXPECT_EQ(model.codes(), s.codes);
    for (const int64_t frames : {0, 1, 2, 3, 19, 38}) {
      for (int64_t levels = 1; levels <= s.levels; ++levels) {
        const Indices indices = random_indices(s, frames, levels, ++seed);
        const auto decoded = model.decode(model.encode(indices, frames, levels), frames, levels);
        ASSERT_TRUE(decoded.ok()) << decoded.status().message();
        EXPECT_EQ(*decoded, indices);
      }
    }
  }
}

TEST(IndexModel, KernelsAgree) {
  uint64_t seed = 100;
  for (const IndexSizes& s : kShapes) {
    for (const int strength : {3, 60, 100}) {
      const IndexModel model = random_index(s, ++seed, strength);
      const Indices indices = random_indices(s, 25, s.levels, ++seed);
      IndexState a, b, c, d;
      const Bytes fast = model.encode(a, indices, 25, s.levels, IndexKernel::best), plain = model.encode(b, indices, 25, s.levels, IndexKernel::scalar);
      EXPECT_EQ(fast, plain);
      EXPECT_EQ(*model.decode(c, plain, 25, s.levels, IndexKernel::best), indices);
      EXPECT_EQ(*model.decode(d, fast, 25, s.levels, IndexKernel::scalar), indices);
    }
  }
}

// The bytes of one random model, recorded once: whoever changes the arithmetic changes the format.
TEST(IndexModel, BytesAreTheSameForEver) {
  const IndexSizes s{16, 1, 1024, 32, 32, 64, 64};
  const IndexModel model = random_index(s, 77, 40);
  uint64_t hash = 0xcbf29ce484222325u;
  for (const int64_t levels : {1, 5, 16}) {
    for (const std::byte b : model.encode(random_indices(s, 30, levels, 78), 30, levels)) hash = (hash ^ static_cast<uint8_t>(b)) * 0x100000001b3u;
  }
  EXPECT_EQ(hash, 17198927571620702767u);
}

TEST(IndexModel, LengthIsIdeal) {
  uint64_t seed = 200;
  for (const IndexSizes& s : kShapes) {
    const IndexModel model = random_index(s, ++seed, 20);
    for (const int64_t frames : {1, 19, 100}) {
      const Indices indices = random_indices(s, frames, s.levels, ++seed);
      const double bits = model.ideal_bits(indices, frames, s.levels);
      const auto coded = static_cast<double>(model.encode(indices, frames, s.levels).size()) * 8;
      EXPECT_LE(coded, bits * 1.001 + 9);
      EXPECT_GE(coded, bits * 0.999 - 25);  // zero bytes at the end are not stored: a lucky section is shorter
    }
  }
}

TEST(IndexModel, BitsByLevelAddUp) {
  const IndexSizes s{6, 2, 64, 8, 8, 16, 16};
  const IndexModel model = random_index(s, 4);
  const Indices indices = random_indices(s, 10, 5, 5);
  IndexState state;
  std::vector<double> part(5);
  const double bits = model.ideal_bits(state, indices, 10, 5, part);
  EXPECT_NEAR(std::accumulate(part.begin(), part.end(), 0.0), bits, 1e-6);
  for (const double p : part) EXPECT_GT(p, 0.0);
}

TEST(IndexModel, StateCarriesTheContext) {
  const IndexSizes s{4, 1, 64, 8, 8, 16, 16};
  const IndexModel model = random_index(s, 6);
  const Indices indices = random_indices(s, 40, 4, 7);
  const auto part = [&](size_t first, size_t frames) { return Indices(indices.begin() + first * 4, indices.begin() + (first + frames) * 4); };
  IndexState state;
  const double first = model.ideal_bits(state, part(0, 15), 15, 4), second = model.ideal_bits(state, part(15, 25), 25, 4);
  EXPECT_NEAR(first + second, model.ideal_bits(indices, 40, 4), 1e-6);
  EXPECT_GT(std::abs(second - model.ideal_bits(part(15, 25), 25, 4)), 1e-3);

  IndexState encoder, decoder;
  const Bytes a = model.encode(encoder, part(0, 15), 15, 4), b = model.encode(encoder, part(15, 25), 25, 4);
  EXPECT_EQ(*model.decode(decoder, a, 15, 4), part(0, 15));
  const IndexState snapshot = decoder;
  EXPECT_EQ(*model.decode(decoder, b, 25, 4), part(15, 25));
  decoder = snapshot;
  EXPECT_EQ(*model.decode(decoder, b, 25, 4), part(15, 25));
  encoder.reset();
  EXPECT_EQ(model.encode(encoder, part(0, 15), 15, 4), a);
}

TEST(IndexModel, LevelsMayChangeBetweenPackets) {
  const IndexSizes s{6, 2, 64, 8, 8, 16, 16};
  const IndexModel model = random_index(s, 8);
  IndexState encoder, decoder;
  for (const int64_t levels : {6, 1, 3, 6, 2}) {
    const Indices indices = random_indices(s, 7, levels, static_cast<uint64_t>(levels));
    const auto decoded = model.decode(decoder, model.encode(encoder, indices, 7, levels), 7, levels);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(*decoded, indices);
  }
}

TEST(IndexModel, OneCodeForEver) {
  for (const IndexSizes& s : kShapes) {
    const IndexModel model = random_index(s, 9, 127 / static_cast<int>(std::max<int64_t>(1, s.levels / 4)));
    for (const uint16_t code : {uint16_t{0}, static_cast<uint16_t>(s.codes - 1)}) {
      const Indices indices(static_cast<size_t>(200 * s.levels * s.groups), code);
      const auto decoded = model.decode(model.encode(indices, 200, s.levels), 200, s.levels);
      ASSERT_TRUE(decoded.ok());
      EXPECT_EQ(*decoded, indices);
    }
  }
}

TEST(IndexModel, ThreadsShareAModel) {
  const IndexSizes s{8, 1, 256, 16, 16, 32, 32};
  const IndexModel model = random_index(s, 10);
  const Indices indices = random_indices(s, 60, 8, 11);
  const Bytes expected = model.encode(indices, 60, 8);
  std::vector<Bytes> got(4);
  std::vector<std::thread> threads;
  for (Bytes& g : got) threads.emplace_back([&] { g = model.encode(indices, 60, 8); });
  for (std::thread& t : threads) t.join();
  for (const Bytes& g : got) EXPECT_EQ(g, expected);
}

TEST(IndexModel, ProgrammersErrors) {
  const IndexSizes s{4, 2, 50, 8, 8, 16, 16};
  const IndexModel model = random_index(s, 12);
  const Indices indices(8 * 3, 0);
  EXPECT_THROW(static_cast<void>(model.encode(indices, 3, 5)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(model.encode(indices, 3, 0)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(model.encode(indices, 2, 4)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(model.encode(indices, -3, 4)), std::invalid_argument);
  Indices wrong = indices;
  wrong.back() = 50;
  EXPECT_THROW(static_cast<void>(model.encode(wrong, 3, 4)), std::invalid_argument);
  IndexState state;
  std::vector<double> part(2);
  EXPECT_THROW(static_cast<void>(model.ideal_bits(state, indices, 3, 4, part)), std::invalid_argument);
  EXPECT_EQ(model.decode({}, 3, 5).status().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(model.decode({}, 3, 0).status().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(model.decode({}, -1, 1).status().code(), ErrorCode::invalid_argument);
  EXPECT_EQ(model.decode({}, int64_t{1} << 40, 1).status().code(), ErrorCode::invalid_argument);
}

// Whatever comes in: an error, or as many indices as were asked for, each of them a code.
void expect_survives(const IndexModel& model, const Bytes& bytes, int64_t frames, int64_t levels) {
  const auto decoded = model.decode(bytes, frames, levels);
  if (!decoded.ok()) {
    EXPECT_EQ(decoded.status().code(), ErrorCode::corrupt);
    EXPECT_FALSE(decoded.status().message().empty());
    return;
  }
  EXPECT_EQ(decoded->size(), static_cast<size_t>(frames * levels * model.groups()));
  for (const uint16_t i : *decoded) EXPECT_LT(i, model.codes());
  EXPECT_EQ(model.encode(*decoded, frames, levels), bytes);
}

TEST(IndexModel, DamageIsSurvived) {
  Numbers numbers(13);
  for (const IndexSizes& s : kShapes) {
    const IndexModel model = random_index(s, 14, 20);
    const Bytes good = model.encode(random_indices(s, 12, s.levels, 15), 12, s.levels);
    for (int i = 0; i < 60; ++i) {
      Bytes bytes = good;
      const auto at = static_cast<size_t>(numbers.between(0, static_cast<int64_t>(bytes.size()) - 1));
      if (i % 3 == 0) bytes[at] ^= static_cast<std::byte>(1 << numbers.between(0, 7));
      if (i % 3 == 1) bytes.resize(at);
      if (i % 3 == 2) std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(numbers.between(0, 255)); });
      expect_survives(model, bytes, 12, s.levels);
    }
    expect_survives(model, {}, 12, s.levels);
    expect_survives(model, Bytes(100, std::byte{255}), 12, s.levels);
  }
}

TEST(IndexModel, AdditionalBytesAreCorrupt) {
  const IndexSizes s{4, 1, 64, 8, 8, 16, 16};
  const IndexModel model = random_index(s, 16);
  const Indices indices = random_indices(s, 12, 4, 17);
  for (const int extra : {0, 7}) {
    Bytes bytes = model.encode(indices, 12, 4);
    for (int i = 0; i < 5; ++i) bytes.push_back(static_cast<std::byte>(extra));
    IndexState state;
    EXPECT_EQ(model.decode(state, bytes, 12, 4).status().code(), ErrorCode::corrupt);
    // The state is a fresh one after the error.
    EXPECT_EQ(*model.decode(state, model.encode(indices, 12, 4), 12, 4), indices);
  }
  EXPECT_EQ(model.decode(Bytes(3, std::byte{1}), 0, 4).status().code(), ErrorCode::corrupt);
}

TEST(IndexModel, PlacesWithoutCodeAreCorrupt) {
  // Two codes in 64 places of equal probability: most bytes meet an empty one.
  const IndexSizes s{1, 1, 2, 8, 8, 8, 8};
  Weights w = test::random_index_weights(s, 18, 1);
  w.tensors["index.member_bias"].zero_();
  const IndexModel model = std::move(IndexModel::load(w).value());
  Numbers numbers(19);
  int corrupt = 0;
  for (int i = 0; i < 100; ++i) {
    Bytes bytes(4);
    for (std::byte& b : bytes) b = static_cast<std::byte>(numbers.between(1, 255));
    corrupt += model.decode(bytes, 8, 1).ok() ? 0 : 1;
  }
  EXPECT_GT(corrupt, 95);
}

}  // namespace
}  // namespace tessera::models
