// Probabilities, single symbols, parameters and grids: there and back, and damage.
#include <gtest/gtest.h>

#include <cmath>

#include "bitstream/crc.h"
#include "models/inr/symbol_coder.h"
#include "tests/models/inr/random_network.h"

namespace tessera::test {
namespace {

using namespace models::inr;

TEST(LaplaceTable, RowsAreCompleteAndFixed) {
  std::vector<uint8_t> bytes;
  for (int scale = 0; scale < kScales; ++scale) {
    for (int phase = 0; phase < kPhases; ++phase) {
      const LaplaceTable::Row& row = LaplaceTable::get().row(scale, phase);
      ASSERT_EQ(row.start.size(), static_cast<size_t>(2 * row.half + 3));
      ASSERT_EQ(row.start.front(), 0u);
      ASSERT_EQ(row.start.back(), 1u << kProbabilityBits);
      for (size_t i = 1; i < row.start.size(); ++i) ASSERT_GT(row.start[i], row.start[i - 1]);
      for (const uint32_t s : row.start) {
        for (int b = 0; b < 32; b += 8) bytes.push_back(static_cast<uint8_t>(s >> b));
      }
    }
  }
  EXPECT_EQ(bitstream::crc32c(bytes), 0xCBEBA3AEu) << "the table is part of the format";
}

// A row's cost of a number is the distribution's own.
TEST(LaplaceTable, FollowsTheDistribution) {
  for (const int scale : {8, 20, 40}) {
    const double b = -1 / (16 * std::log1p(-kFirst * std::pow(kRatio, scale)));
    const auto below = [&](double x) { return x < 0 ? 0.5 * std::exp(x / b) : 1 - 0.5 * std::exp(-x / b); };
    for (const int mean : {0, 5, -5, 8, -8, 7 + 16 * 3}) {
      for (int value = -3; value <= 5; ++value) {
        const double p = below(value + 0.5 - mean / 16.0) - below(value - 0.5 - mean / 16.0);
        if (p < 1e-3) continue;
        SymbolCounter counter;
        counter.put(value, scale, mean);
        EXPECT_NEAR(counter.bits(), -std::log2(p), 0.03) << scale << " " << mean << " " << value;
      }
    }
  }
}

TEST(SymbolCoder, AnyNumberComesBack) {
  std::mt19937 random(1);
  std::vector<int32_t> values, means;
  std::vector<int> scales;
  for (int i = 0; i < 20000; ++i) {
    scales.push_back(static_cast<int>(random() % kScales));
    means.push_back(static_cast<int32_t>(random() % (i % 10 == 0 ? 1000000 : 200)) - (i % 10 == 0 ? 500000 : 100));
    const int reach = i % 7 == 0 ? kMaxLatent : 1 + scales.back();
    values.push_back(static_cast<int32_t>(random() % static_cast<uint32_t>(2 * reach + 1)) - reach);
  }
  SymbolEncoder encoder;
  SymbolCounter counter;
  for (size_t i = 0; i < values.size(); ++i) {
    encoder.put(values[i], scales[i], means[i]);
    counter.put(values[i], scales[i], means[i]);
  }
  const std::vector<std::byte> bytes = encoder.finish();
  EXPECT_NEAR(static_cast<double>(bytes.size()) * 8, counter.bits(), counter.bits() * 0.001 + 16);
  SymbolDecoder decoder(bytes);
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(decoder.get(scales[i], means[i]), values[i]) << i;
  EXPECT_TRUE(decoder.at_end());
}

TEST(NetworkCoding, ParametersComeBack) {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    Network n = random_network(with_front(pyramid(300, 200, seed % 2 ? 1 : 3), static_cast<Front>(seed / 2), 300, 200), seed);
    n.parts[kContextFirst].values[3] = 32767;
    PartScales scales{};
    for (size_t p = 0; p < kParts; ++p) scales[p] = static_cast<uint8_t>(part_cost(n.parts[p].values).scale);
    const auto bytes = code_parameters(n, scales);
    Network back;
    back.config = n.config;
    ASSERT_TRUE(decode_parameters(bytes, scales, back).ok());
    for (size_t p = 0; p < kParts; ++p) EXPECT_EQ(back.parts[p].values, n.parts[p].values);
    // Bytes that are missing read as zeros: other parameters, which only a checksum can tell, or none.
    for (size_t size = 0; size < bytes.size(); size += 7) {
      Network cut;
      cut.config = n.config;
      const Status status = decode_parameters(std::span(bytes).first(size), scales, cut);
      if (!status.ok()) continue;
      bool same = true;
      for (size_t p = 0; p < kParts; ++p) same &= cut.parts[p].values == n.parts[p].values;
      EXPECT_FALSE(same) << size;
    }
  }
}

// Grids of several kinds: a pyramid, grids that share a level, a grid without a parent.
std::vector<Config> arrangements(int64_t height, int64_t width) {
  Config plain = pyramid(height, width, 3), rich = pyramid(height, width, 3, 3), lone = pyramid(height, width, 1, 1);
  rich.grids = {{2, 0, 0}, {2, 1, 4}, {2, 1, -4}, {1, 3, 0}, {0, 1, 0}, {0, 0, 0}};
  rich.spatial = 11;
  rich.coarse = 5;
  return {plain, rich, lone};
}

TEST(GridCoding, RoundTripsOfOddSizes) {
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>(1, 1), {1, 37}, {50, 1}, {2, 3}, {33, 65}, {64, 64}, {47, 90}}) {
    for (const Config& c : arrangements(height, width)) {
      ASSERT_FALSE(problem(c)) << *problem(c);
      const Network n = random_network(c, 7);
      const auto best = ContextNetwork::create(n), scalar = ContextNetwork::create(n, Kernel::scalar);
      ASSERT_TRUE(best && scalar);
      std::vector<Plane> planes = random_planes(c, height, width, 11);
      if (planes.size() > 2) planes[1].values.assign(planes[1].values.size(), 0);
      const CodedGrids coded = encode_grids(c, *best, planes), plain = encode_grids(c, *scalar, planes);
      EXPECT_EQ(coded.bytes, plain.bytes) << "kernels differ";
      EXPECT_EQ(coded.empty, plain.empty);
      EXPECT_NEAR(static_cast<double>(coded.bytes.size()) * 8, grid_bits(c, *best, planes), grid_bits(c, *best, planes) * 0.001 + 16);
      std::vector<Plane> back = make_planes(c, height, width);
      const Status status = decode_grids(c, *scalar, coded.empty, coded.bytes, back);
      ASSERT_TRUE(status.ok()) << status.message();
      for (size_t g = 0; g < planes.size(); ++g) EXPECT_EQ(back[g].values, planes[g].values) << g;
    }
  }
}

TEST(GridCoding, DamageIsFoundOrHarmless) {
  const Config c = pyramid(40, 30, 3);
  const Network n = random_network(c, 9);
  const auto network = ContextNetwork::create(n);
  ASSERT_TRUE(network);
  const std::vector<Plane> planes = random_planes(c, 40, 30, 2);
  const CodedGrids coded = encode_grids(c, *network, planes);
  int refused = 0, tried = 0;
  const auto attempt = [&](std::span<const std::byte> bytes, uint32_t empty) {
    std::vector<Plane> back = make_planes(c, 40, 30);
    const Status status = decode_grids(c, *network, empty, bytes, back);
    ++tried;
    refused += !status.ok();
    EXPECT_TRUE(status.ok() || (status.code() == ErrorCode::corrupt && !status.message().empty()));
  };
  for (size_t bit = 0; bit < coded.bytes.size() * 8; bit += 5) {
    std::vector<std::byte> bytes = coded.bytes;
    bytes[bit / 8] ^= std::byte{1} << bit % 8;
    attempt(bytes, coded.empty);
  }
  for (size_t size = 0; size < coded.bytes.size(); size += 3) attempt(std::span(coded.bytes).first(size), coded.empty);
  for (uint32_t empty = 0; empty < 128; ++empty) attempt(coded.bytes, empty);
  attempt({}, 0);
  std::vector<Plane> back = make_planes(c, 40, 30);
  EXPECT_FALSE(decode_grids(c, *network, 1u << 7, coded.bytes, back).ok());
  EXPECT_GT(refused, tried / 2) << "most damage leaves bytes that no encoder writes";
}

TEST(InrConfig, AbsurdOnesAreRefused) {
  const auto wrong = [](auto change) {
    Config c = pyramid(512, 768, 3);
    EXPECT_FALSE(problem(c));
    change(c);
    return problem(c).has_value();
  };
  EXPECT_TRUE(wrong([](Config& c) { c.grids.clear(); }));
  EXPECT_TRUE(wrong([](Config& c) { c.grids.assign(17, {0, 0, 0}); }));
  EXPECT_TRUE(wrong([](Config& c) { c.grids[0].level = 9; }));
  EXPECT_TRUE(wrong([](Config& c) { c.grids[2].parent = 3; }));
  EXPECT_TRUE(wrong([](Config& c) { c.grids[2].parent = 2; })) << "two levels up";
  EXPECT_TRUE(wrong([](Config& c) { c.grids.erase(c.grids.begin() + 2); })) << "a level is missing";
  EXPECT_TRUE(wrong([](Config& c) { c.grids.pop_back(); }));
  EXPECT_TRUE(wrong([](Config& c) { std::swap(c.grids[0], c.grids[1]); }));
  EXPECT_TRUE(wrong([](Config& c) { c.spatial = 0; }));
  EXPECT_TRUE(wrong([](Config& c) { c.spatial = 22; }));
  EXPECT_TRUE(wrong([](Config& c) { c.coarse = 7; })) << "an odd sum";
  EXPECT_TRUE(wrong([](Config& c) { c.coarse = 10; }));
  EXPECT_TRUE(wrong([](Config& c) { c.width = 40; }));
  EXPECT_TRUE(wrong([](Config& c) { c.width = 12; }));
  EXPECT_TRUE(wrong([](Config& c) { c.hidden = 255; }));
  EXPECT_TRUE(wrong([](Config& c) { c.residuals = 200; }));
  EXPECT_TRUE(wrong([](Config& c) { c.outputs = 4; }));
  EXPECT_TRUE(wrong([](Config& c) { c.features = 1; })) << "features of no front end";
  for (const Front front : {Front::rbf, Front::metric}) {
    const auto wrong_front = [&](auto change) {
      return wrong([&](Config& c) {
        c = with_front(c, front, 512, 768);
        EXPECT_FALSE(problem(c));
        change(c);
      });
    };
    EXPECT_TRUE(wrong_front([](Config& c) { c.features = 0; }));
    EXPECT_TRUE(wrong_front([](Config& c) { c.features = 10; })) << "more inputs than the kernels take";
    EXPECT_TRUE(wrong_front([](Config& c) { c.rows = 0; }));
    EXPECT_TRUE(wrong_front([](Config& c) { c.rows = 65; }));
    EXPECT_TRUE(wrong_front([](Config& c) { c.columns = 255; }));
  }
  EXPECT_TRUE(wrong([](Config& c) {
    c.grids.assign(16, {0, 0, 0});
    c.width = 32;
  })) << "too much work";
}

TEST(InrConfig, DefaultIsWithinTwoThousandMacs) {
  for (const Front front : {Front::plain, Front::rbf, Front::metric}) EXPECT_LE(with_front(colour_pyramid(512, 768), front, 512, 768).macs(), 2000);
  EXPECT_EQ(colour_pyramid(512, 768).grids.size(), 9u);
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>(1, 1), {3, 2}, {4, 1}, {512, 768}}) EXPECT_FALSE(problem(colour_pyramid(height, width)));
  EXPECT_EQ(pyramid(1, 1, 3).grids.size(), 1u);
  EXPECT_EQ(pyramid(512, 768, 3).grids.size(), 7u);
}

}  // namespace
}  // namespace tessera::test
