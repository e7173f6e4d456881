// The exact context network against arithmetic of 64 bits, and its kernels against one another.
#include "models/inr/context_network.h"

#include <gtest/gtest.h>

#include "models/inr/laplace_table.h"
#include "tests/models/inr/random_network.h"

namespace tessera::test {
namespace {

using namespace models::inr;

// The definition in context_network.h, word for word.
ContextNetwork::Distribution reference(const Network& n, const std::vector<int16_t>& x, size_t grid) {
  const Config& c = n.config;
  const auto bias = [&](size_t i, int shift) {
    const int places = shift + kActivationBits - n.parts[kContextBias].shift;
    const int64_t b = n.parts[kContextBias].values[i];
    return places >= 0 ? b * (int64_t{1} << places) : b >> -places;
  };
  const auto rounded = [](int64_t sum, int shift) { return shift == 0 ? sum : (sum + (int64_t{1} << (shift - 1))) >> shift; };
  const auto layer = [&](PartName part, const std::vector<int64_t>& in, size_t bias_at) {
    std::vector<int64_t> out;
    const int shift = n.parts[part].shift;
    for (size_t o = 0; o < static_cast<size_t>(c.width); ++o) {
      int64_t sum = bias(bias_at + o, shift);
      for (size_t i = 0; i < in.size(); ++i) sum += int64_t{n.parts[part].values[i * static_cast<size_t>(c.width) + o]} * in[i];
      out.push_back(std::clamp<int64_t>(rounded(sum, shift), 0, kActivationMax));
    }
    return out;
  };
  const std::vector<int64_t> in(x.begin(), x.begin() + c.context());
  const auto width = static_cast<size_t>(c.width);
  std::vector<int64_t> hidden = layer(kContextSecond, layer(kContextFirst, in, 0), width);
  hidden.insert(hidden.end(), in.begin(), in.end());
  int64_t out[2];
  const int shift = n.parts[kContextLast].shift;
  for (size_t o = 0; o < 2; ++o) {
    int64_t sum = bias(2 * width + o, shift) + (o == 1 ? bias(2 * width + 2 + grid, shift) : 0);
    for (size_t i = 0; i < hidden.size(); ++i) sum += int64_t{n.parts[kContextLast].values[2 * i + o]} * hidden[i];
    out[o] = rounded(sum, shift);
  }
  return {static_cast<int32_t>((out[0] + 4) >> 3), static_cast<int>(std::clamp<int64_t>((out[1] + 16) >> 5, 0, kScales - 1))};
}

Config shaped(int spatial, int coarse, int width) {
  Config c = pyramid(64, 64, 3);
  c.spatial = spatial;
  c.coarse = coarse;
  c.width = width;
  return c;
}

TEST(ContextNetwork, AgreesWithArithmeticOf64Bits) {
  std::mt19937 random(1);
  for (const Config& c : {shaped(16, 8, 16), shaped(2, 0, 8), shaped(20, 8, 32), shaped(14, 4, 24), shaped(9, 1, 8)}) {
    ASSERT_FALSE(problem(c));
    for (uint32_t seed = 0; seed < 20; ++seed) {
      const Network n = random_network(c, seed);
      const auto scalar = ContextNetwork::create(n, Kernel::scalar), best = ContextNetwork::create(n);
      ASSERT_TRUE(scalar && best) << scalar.status().message();
      for (int trial = 0; trial < 200; ++trial) {
        std::vector<int16_t> x(kInputRoom, 0);
        for (int i = 0; i < c.context(); ++i) {
          const int q = trial % 4 == 0 ? (random() % 2 ? kContextMax : -kContextMax) : static_cast<int>(random() % (trial % 4 == 1 ? 511 : 7)) - (trial % 4 == 1 ? 255 : 3);
          x[static_cast<size_t>(i)] = static_cast<int16_t>(q * (1 << kActivationBits));
        }
        const size_t grid = random() % c.grids.size();
        const auto wanted = reference(n, x, grid);
        std::vector<int16_t> other = x;
        const auto a = scalar->predict(x.data(), grid), b = best->predict(other.data(), grid);
        ASSERT_EQ(a.mean, wanted.mean);
        ASSERT_EQ(a.scale, wanted.scale);
        ASSERT_EQ(b.mean, wanted.mean);
        ASSERT_EQ(b.scale, wanted.scale);
      }
    }
  }
}

TEST(ContextNetwork, RefusesWeightsWhoseSumsCouldOverflow) {
  const Config c = shaped(16, 8, 16);
  for (const PartName part : {kContextFirst, kContextSecond, kContextLast}) {
    Network n = random_network(c, 3);
    ASSERT_TRUE(ContextNetwork::create(n));
    for (int32_t& v : n.parts[part].values) v = 30000;
    const auto made = ContextNetwork::create(n);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.status().code(), ErrorCode::corrupt);
    EXPECT_NE(made.status().message().find("overflow"), std::string::npos) << made.status().message();
  }
  Network n = random_network(c, 3);
  n.parts[kContextBias].shift = 0;
  n.parts[kContextFirst].shift = n.parts[kContextSecond].shift = n.parts[kContextLast].shift = 15;
  for (int32_t& v : n.parts[kContextBias].values) v = 32767;
  EXPECT_FALSE(ContextNetwork::create(n));
}

// The largest weights that the bound allows give the same results everywhere.
TEST(ContextNetwork, HoldsAtTheBound) {
  const Config c = shaped(2, 0, 8);
  Network n = random_network(c, 5);
  for (Part& p : n.parts) p.shift = 15;
  n.parts[kContextBias].shift = 8;
  n.parts[kContextBias].values.assign(n.parts[kContextBias].values.size(), 0);
  n.parts[kContextFirst].values.assign(n.parts[kContextFirst].values.size(), 32767);
  n.parts[kContextSecond].values.assign(n.parts[kContextSecond].values.size(), 8191);
  n.parts[kContextLast].values.assign(n.parts[kContextLast].values.size(), 6552);
  const auto scalar = ContextNetwork::create(n, Kernel::scalar), best = ContextNetwork::create(n);
  ASSERT_TRUE(scalar) << scalar.status().message();
  for (const int q : {kContextMax, -kContextMax, 1, 0}) {
    std::vector<int16_t> x(kInputRoom, 0);
    x[0] = x[1] = static_cast<int16_t>(q * (1 << kActivationBits));
    std::vector<int16_t> other = x;
    const auto wanted = reference(n, x, 0), a = scalar->predict(x.data(), 0), b = best->predict(other.data(), 0);
    EXPECT_EQ(a.mean, wanted.mean);
    EXPECT_EQ(b.mean, wanted.mean);
    EXPECT_EQ(b.scale, wanted.scale);
  }
}

}  // namespace
}  // namespace tessera::test
