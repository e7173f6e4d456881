// Exact layers: the float32 path gives the integers of plain integer arithmetic, at the edge of the bound
// too.
#include "models/exact/exact.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>

#include "tests/models/tensors.h"

namespace tessera::models::exact {
namespace {

using test::random_integers;
using test::random_normal;
using test::same;
using test::Threads;

// The sum of |weights| that leaves room for a bias of 2^19.
constexpr int64_t kTypicalSum = (kSumLimit - 1 - (1 << 19)) / kActivationMax;

Frozen empty_frozen(int64_t out, int64_t n) {
  return {at::zeros({out, n}, at::kChar), at::zeros({out}, at::kByte), at::zeros({out}, at::kInt)};
}

// Random weights of every magnitude that the bound allows; each channel has its own shift and bias.
Frozen random_frozen(std::mt19937_64& rng, int64_t out, int64_t n) {
  Frozen f = empty_frozen(out, n);
  for (int64_t o = 0; o < out; ++o) {
    const int64_t peak = std::max<int64_t>(1, std::min<int64_t>(kWeightMax, kTypicalSum / n));
    const int64_t limit =
        rng() % 2 == 0 ? peak : 1 + static_cast<int64_t>(rng() % static_cast<uint64_t>(peak));
    for (int64_t i = 0; i < n; ++i) {
      f.weight.data_ptr<int8_t>()[o * n + i] =
          static_cast<int8_t>(static_cast<int64_t>(rng() % static_cast<uint64_t>(2 * limit + 1)) - limit);
    }
    f.shift.data_ptr<uint8_t>()[o] = static_cast<uint8_t>(rng() % 15);
    f.bias.data_ptr<int32_t>()[o] = static_cast<int32_t>(rng() % (1 << 20)) - (1 << 19);
  }
  return f;
}

std::vector<int64_t> to_ints(const at::Tensor& x) {
  const at::Tensor c = x.to(at::kLong).contiguous();
  return {c.const_data_ptr<int64_t>(), c.const_data_ptr<int64_t>() + c.numel()};
}

at::Tensor reference(const Frozen& f, const at::Tensor& x, int64_t out) {
  const std::vector<int64_t> y = ExactLinear::reference(f, to_ints(x), x.size(-1), out);
  auto shape = x.sizes().vec();
  shape.back() = out;
  return at::tensor(y, at::kLong).reshape(shape).to(at::kFloat);
}

int64_t rescale(int64_t sum, int shift) {
  const int64_t half = shift == 0 ? 0 : int64_t{1} << (shift - 1);
  return std::clamp<int64_t>((sum + half) >> shift, -kActivationMax, kActivationMax);
}

// The definition of the depthwise layer, written out.
at::Tensor depthwise_reference(const Frozen& f, const at::Tensor& x) {
  const int64_t batch = x.size(0), h = x.size(1), w = x.size(2), c = x.size(3);
  const std::vector<int64_t> in = to_ints(x);
  at::Tensor out = at::empty(x.sizes(), at::kFloat);
  const auto at_or_zero = [&](int64_t b, int64_t r, int64_t s, int64_t k) {
    const bool inside = r >= 0 && r < h && s >= 0 && s < w;
    return inside ? in[static_cast<size_t>(((b * h + r) * w + s) * c + k)] : 0;
  };
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t r = 0; r < h; ++r) {
      for (int64_t s = 0; s < w; ++s) {
        for (int64_t k = 0; k < c; ++k) {
          int64_t sum = f.bias.const_data_ptr<int32_t>()[k];
          for (int64_t tap = 0; tap < 9; ++tap) {
            sum += f.weight.const_data_ptr<int8_t>()[tap * c + k] *
                   at_or_zero(b, r + tap / 3 - 1, s + tap % 3 - 1, k);
          }
          out.data_ptr<float>()[((b * h + r) * w + s) * c + k] =
              static_cast<float>(rescale(sum, f.shift.const_data_ptr<uint8_t>()[k]));
        }
      }
    }
  }
  return out;
}

Frozen random_depthwise(std::mt19937_64& rng, int64_t channels) {
  Frozen f = random_frozen(rng, channels, 9);
  f.weight = f.weight.t().contiguous();
  return f;
}

struct Linear {
  Linear(int64_t in, int64_t out) : layer(params, "layer", in, out, 0.1) { params.initialise(); }
  ParamSet params;
  ExactLinear layer;
};

struct Depthwise {
  explicit Depthwise(int64_t channels) : layer(params, "layer", channels) { params.initialise(); }
  ParamSet params;
  ExactDepthwise layer;
};

const std::vector<std::array<int64_t, 3>> kPlaces = {{1, 1, 1}, {1, 1, 7}, {1, 5, 1},
                                                     {2, 3, 5}, {3, 8, 8}, {1, 13, 17}};

TEST(ExactLinear, EqualsTheInt64Reference) {
  std::mt19937_64 rng(1);
  const std::vector<std::pair<int64_t, int64_t>> sizes = {{1, 1},     {3, 5},     {8, 16},    {17, 33},
                                                          {128, 512}, {192, 384}, {384, 192}, {1000, 7}};
  for (const auto& [in, out] : sizes) {
    Linear l(in, out);
    for (const auto& [b, h, w] : kPlaces) {
      const Frozen f = random_frozen(rng, out, in);
      l.layer.load(f);
      const at::Tensor x = random_integers({b, h, w, in}, kActivationMax, rng());
      ASSERT_TRUE(same(l.layer.forward(x, Mode::quantised), reference(f, x, out)))
          << in << " to " << out << ", " << b << "x" << h << "x" << w;
    }
  }
}

// Every activation at its end with the sign of its weight, sums that come within one of the limit, and biases
// that put the sum on both sides of every rounding and clamping decision.
TEST(ExactLinear, EqualsTheReferenceAtTheLimitOfTheBound) {
  const int64_t in = 63, out = 3000;
  std::mt19937_64 rng(2);
  for (int shift = 0; shift <= 14; ++shift) {
    Frozen f = empty_frozen(out, in);
    std::vector<float> sign(static_cast<size_t>(in));
    for (int64_t i = 0; i < in; ++i) sign[static_cast<size_t>(i)] = rng() % 2 == 0 ? 1.f : -1.f;
    for (int64_t o = 0; o < out; ++o) {
      int64_t budget = kTypicalSum, sum = 0;
      for (int64_t i = 0; i < in; ++i) {
        const int64_t w = std::min<int64_t>(kWeightMax, budget);
        budget -= w;
        sum += w;
        f.weight.data_ptr<int8_t>()[o * in + i] =
            static_cast<int8_t>(sign[static_cast<size_t>(i)] > 0 ? w : -w);
      }
      ASSERT_EQ(sum, kTypicalSum);
      // The last thousand sums below the limit one by one, the rest spread over what is allowed.
      const int64_t largest = kSumLimit - 1 - sum * kActivationMax;
      const int64_t bias =
          o < 1000 ? largest - o : largest - static_cast<int64_t>(rng() % static_cast<uint64_t>(2 * largest));
      f.bias.data_ptr<int32_t>()[o] = static_cast<int32_t>(bias);
      f.shift.data_ptr<uint8_t>()[o] = static_cast<uint8_t>(shift);
    }
    Linear l(in, out);
    l.layer.load(f);
    const at::Tensor all = at::tensor(sign).mul(kActivationMax).reshape({1, 1, 1, in});
    for (const at::Tensor& x : {all, at::neg(all), at::floor(all * 0.5), at::zeros_like(all)}) {
      ASSERT_TRUE(same(l.layer.forward(x, Mode::quantised), reference(f, x, out))) << "shift " << shift;
    }
  }
}

// One input that multiplies by 1 and a sum made of input and bias: every rounding decision of every shift.
TEST(ExactLinear, RoundsHalvesUpForEveryShift) {
  const int64_t out = 512;
  for (int shift = 0; shift <= 14; ++shift) {
    Frozen f = empty_frozen(out, 1);
    f.weight.fill_(1);
    f.shift.fill_(shift);
    const int64_t half = (int64_t{1} << shift) / 2;
    for (int64_t o = 0; o < out; ++o)
      f.bias.data_ptr<int32_t>()[o] = static_cast<int32_t>(half * (o - out / 2) + o % 3 - 1);
    Linear l(1, out);
    l.layer.load(f);
    const at::Tensor x = at::arange(-3, 4, at::kFloat).reshape({1, 1, 7, 1});
    ASSERT_TRUE(same(l.layer.forward(x, Mode::quantised), reference(f, x, out))) << "shift " << shift;
  }
}

TEST(ExactLinear, RefusesWhatCouldLeaveTheExactRange) {
  const int64_t in = 100;
  Linear l(in, 2);
  Frozen f = empty_frozen(2, in);
  // 81 * 100 = 8100 alone fits (8195 would be the most), and leaves this much for the bias.
  f.weight[1].fill_(-81);
  const int32_t room = static_cast<int32_t>(kSumLimit - 1 - 8100 * kActivationMax);
  for (const int32_t bias : {room, -room}) {
    f.bias[1] = bias;
    EXPECT_NO_THROW(l.layer.load(f));
    f.bias[1] = bias > 0 ? bias + 1 : bias - 1;
    EXPECT_THROW(l.layer.load(f), std::runtime_error);
  }
  for (const int32_t bias : {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}) {
    f.bias[1] = bias;
    EXPECT_THROW(l.layer.load(f), std::runtime_error);
  }
  f.bias[1] = 0;
  EXPECT_NO_THROW(l.layer.load(f));
  f.weight[1].fill_(-128);
  EXPECT_THROW(l.layer.load(f), std::runtime_error);
  f.weight[1].fill_(1);
  f.shift[1] = 14;
  EXPECT_NO_THROW(l.layer.load(f));
  for (const int shift : {15, 24, 255}) {
    f.shift[1] = shift;
    EXPECT_THROW(l.layer.load(f), std::runtime_error) << shift;
  }
}

// The message names the layer: a model has dozens.
TEST(ExactLinear, SaysWhichLayerIsRefused) {
  Linear l(4, 2);
  Frozen f = empty_frozen(2, 4);
  f.bias[1] = 1 << 24;
  try {
    l.layer.load(f);
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("exact layer layer: channel 1"), std::string::npos) << e.what();
  }
}

// The same refusals for both kinds of layer.
template <class Layer>
void expect_bad_shapes_refused(Layer& layer, const Frozen& good) {
  EXPECT_NO_THROW(layer.load(good));
  const auto refused = [&](const char* what, const std::function<void(Frozen&)>& spoil) {
    Frozen f = {good.weight.clone(), good.shift.clone(), good.bias.clone()};
    spoil(f);
    EXPECT_THROW(layer.load(f), std::runtime_error) << what;
  };
  refused("transposed", [](Frozen& f) { f.weight = f.weight.t().contiguous(); });
  refused("one row more", [](Frozen& f) { f.weight = at::cat({f.weight, f.weight.narrow(0, 0, 1)}); });
  refused("one dimension", [](Frozen& f) { f.weight = f.weight.reshape({-1}); });
  refused("three dimensions", [](Frozen& f) { f.weight = f.weight.unsqueeze(0); });
  refused("scalar", [](Frozen& f) { f.weight = f.weight.sum().to(at::kChar); });
  refused("weight type", [](Frozen& f) { f.weight = f.weight.to(at::kInt); });
  refused("shift type", [](Frozen& f) { f.shift = f.shift.to(at::kChar); });
  refused("shift length", [](Frozen& f) { f.shift = f.shift.narrow(0, 0, 1); });
  refused("bias type", [](Frozen& f) { f.bias = f.bias.to(at::kLong); });
  refused("bias length", [](Frozen& f) { f.bias = at::cat({f.bias, f.bias}); });
}

TEST(ExactLinear, RefusesWrongShapesAndTypes) {
  Linear l(3, 5);
  expect_bad_shapes_refused(l.layer, empty_frozen(5, 3));
}

TEST(ExactDepthwise, RefusesWrongShapesAndTypes) {
  Depthwise d(5);
  Frozen f = empty_frozen(5, 9);
  f.weight = f.weight.t().contiguous();
  expect_bad_shapes_refused(d.layer, f);
}

TEST(ExactDepthwise, EqualsAPlainLoop) {
  std::mt19937_64 rng(3);
  for (const int64_t channels : {1, 3, 8, 17, 64, 130}) {
    Depthwise d(channels);
    for (const auto& [b, h, w] : kPlaces) {
      const Frozen f = random_depthwise(rng, channels);
      d.layer.load(f);
      const at::Tensor x = random_integers({b, h, w, channels}, kActivationMax, rng());
      ASSERT_TRUE(same(d.layer.forward(x, Mode::quantised), depthwise_reference(f, x)))
          << channels << " channels, " << b << "x" << h << "x" << w;
    }
  }
}

// Nine weights alone cannot reach the limit, the bias can.
TEST(ExactDepthwise, EqualsAPlainLoopAtTheLimitOfTheBound) {
  const int64_t channels = 600;
  for (const int shift : {0, 1, 7, 12, 13, 14}) {
    Frozen f = empty_frozen(channels, 9);
    f.weight = at::full({9, channels}, kWeightMax, at::kChar);
    f.shift.fill_(shift);
    const int64_t largest = kSumLimit - 1 - 9 * kWeightMax * kActivationMax;
    for (int64_t k = 0; k < channels; ++k) {
      f.bias.data_ptr<int32_t>()[k] = static_cast<int32_t>(k % 2 == 0 ? largest - k : -largest + k);
    }
    Depthwise d(channels);
    d.layer.load(f);
    for (const double value : {1.0 * kActivationMax, -1.0 * kActivationMax, 1.0}) {
      const at::Tensor x = at::full({1, 3, 3, channels}, value, at::kFloat);
      ASSERT_TRUE(same(d.layer.forward(x, Mode::quantised), depthwise_reference(f, x))) << "shift " << shift;
    }
    f.bias[3] = static_cast<int32_t>(-largest - 1);
    EXPECT_THROW(d.layer.load(f), std::runtime_error);
  }
}

// What a trainer does to its masters before it runs the network.
void quantise(ParamSet& params, const Scales& s) {
  for (const auto& [name, scale] : {std::pair{s.weight_name, s.weight}, {s.bias_name, s.bias}}) {
    at::Tensor p = params.find(name)->tensor;
    p.copy_(at::floor(p * scale + 0.5) / scale);
  }
}

// Random masters: weights as after initialisation, one channel all zero, one of tiny weights, one with a
// single large weight.
void randomise(ParamSet& params, int64_t in, bool by_rows, uint64_t seed) {
  at::Tensor w = params.find("layer.weight")->tensor;
  at::Tensor rows = by_rows ? w : w.t();
  rows.copy_(random_normal(rows.sizes(), seed) / std::sqrt(static_cast<double>(in)));
  if (rows.size(0) > 3) {
    rows[0].zero_();
    rows[1].mul_(1e-4);
    rows[2][0] = 1.9;
  }
  params.find("layer.bias")->tensor.copy_(random_normal({rows.size(0)}, seed + 1) * 0.1);
}

TEST(ExactLinear, FrozenLayerEqualsTheQuantisedOneOfTheTraining) {
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{8, 16}, {16, 64}, {64, 64}, {96, 33}}) {
    Linear l(in, out);
    randomise(l.params, in, true, static_cast<uint64_t>(in));
    quantise(l.params, l.layer.scales(l.params.find("layer.weight")->tensor, l.params.find("layer.bias")->tensor));
    const at::Tensor x = random_integers({2, 5, 3, in}, kActivationMax, 7);
    const at::Tensor trained = l.layer.forward(x, Mode::quantised);
    const Frozen f = l.layer.freeze();
    l.layer.load(f);
    const at::Tensor loaded = l.layer.forward(x, Mode::quantised);
    ASSERT_TRUE(same(loaded, trained)) << in << " to " << out;
    ASSERT_TRUE(same(loaded, reference(f, x, out)));
  }
}

TEST(ExactDepthwise, FrozenLayerEqualsTheQuantisedOneOfTheTraining) {
  for (const int64_t channels : {1, 8, 33, 192}) {
    Depthwise d(channels);
    randomise(d.params, 9, false, static_cast<uint64_t>(channels));
    quantise(d.params, d.layer.scales(d.params.find("layer.weight")->tensor, d.params.find("layer.bias")->tensor));
    const at::Tensor x = random_integers({2, 5, 3, channels}, kActivationMax, 8);
    const at::Tensor trained = d.layer.forward(x, Mode::quantised);
    const Frozen f = d.layer.freeze();
    d.layer.load(f);
    ASSERT_TRUE(same(d.layer.forward(x, Mode::quantised), trained)) << channels;
    ASSERT_TRUE(same(trained, depthwise_reference(f, x)));
  }
}

// Weights that no shift can bring under the bound.
TEST(ExactLinear, FreezingHugeWeightsIsRefused) {
  Linear l(256, 2);
  l.params.find("layer.weight")->tensor.fill_(200.0);
  EXPECT_THROW(l.layer.freeze(), std::runtime_error);
}

// --- one result, whatever the way to it
// ------------------------------------------------------------------------------

struct LoadedBlock {
  explicit LoadedBlock(int64_t channels, uint64_t seed) : block(params, "block", channels) {
    params.initialise();
    std::mt19937_64 rng(seed);
    const auto load = [&](ExactLinear& l) { l.load(random_frozen(rng, l.out(), l.in())); };
    load(block.mix_in);
    load(block.mix_out);
    load(block.expand);
    load(block.contract);
    block.depthwise.load(random_depthwise(rng, channels));
  }
  ParamSet params;
  ExactBlock block;
};

TEST(ExactBlock, OneThreadEqualsTwo) {
  for (const int64_t channels : {8, 24, 128}) {
    const LoadedBlock b(channels, 5);
    const at::Tensor x = random_integers({2, 31, 33, channels}, kActivationMax, 6);
    at::Tensor one, two;
    {
      const Threads threads(1);
      one = b.block.forward(x, Mode::quantised);
    }
    {
      const Threads threads(2);
      two = b.block.forward(x, Mode::quantised);
    }
    EXPECT_TRUE(same(one, two)) << channels;
  }
}

TEST(ExactBlock, ABatchEqualsItsPictures) {
  const LoadedBlock b(40, 7);
  const at::Tensor x = random_integers({5, 9, 7, 40}, kActivationMax, 8);
  const at::Tensor whole = b.block.forward(x, Mode::quantised);
  for (int64_t i = 0; i < x.size(0); ++i) {
    EXPECT_TRUE(same(whole.narrow(0, i, 1), b.block.forward(x.narrow(0, i, 1), Mode::quantised))) << i;
  }
}

TEST(ExactLinear, ATileEqualsThatPartOfTheWhole) {
  std::mt19937_64 rng(9);
  Linear l(48, 96);
  l.layer.load(random_frozen(rng, 96, 48));
  const at::Tensor x = random_integers({1, 21, 19, 48}, kActivationMax, 10);
  const at::Tensor whole = l.layer.forward(x, Mode::quantised);
  for (const auto& [y0, x0, h, w] :
       std::vector<std::array<int64_t, 4>>{{0, 0, 1, 1}, {20, 18, 1, 1}, {3, 5, 7, 11}, {0, 7, 21, 1}}) {
    const at::Tensor tile = x.narrow(1, y0, h).narrow(2, x0, w);
    EXPECT_TRUE(same(l.layer.forward(tile, Mode::quantised), whole.narrow(1, y0, h).narrow(2, x0, w)));
  }
}

// Both residual branches reach one position far: the depthwise layer is the only one that looks around.
TEST(ExactBlock, ATileWithAMarginEqualsThatPartOfTheWhole) {
  const LoadedBlock b(16, 11);
  const at::Tensor x = random_integers({1, 20, 22, 16}, kActivationMax, 12);
  const at::Tensor whole = b.block.forward(x, Mode::quantised);
  const at::Tensor tile = b.block.forward(x.narrow(1, 4, 9).narrow(2, 6, 11), Mode::quantised);
  EXPECT_TRUE(same(tile.narrow(1, 1, 7).narrow(2, 1, 9), whole.narrow(1, 5, 7).narrow(2, 7, 9)));
}

TEST(ExactBlock, StaysWithinTheActivationRange) {
  const LoadedBlock b(32, 13);
  const at::Tensor y = b.block.forward(random_integers({1, 16, 16, 32}, kActivationMax, 14), Mode::quantised);
  EXPECT_LE(y.abs().max().item<float>(), kActivationMax);
  EXPECT_TRUE(same(y, at::floor(y)));
}

// --- elementwise parts
// -----------------------------------------------------------------------------------------------

TEST(Leaky, EqualsIntegerArithmeticForEveryActivation) {
  const at::Tensor a = at::arange(-kActivationMax, kActivationMax + 1, at::kFloat);
  const at::Tensor y = leaky(a, Mode::quantised);
  for (int64_t v = -kActivationMax; v <= kActivationMax; ++v) {
    ASSERT_EQ(y[v + kActivationMax].item<float>(), static_cast<float>(std::max(v, (v + 4) >> 3))) << v;
  }
}

TEST(Settle, RoundsHalvesUpAndClamps) {
  const at::Tensor a = at::tensor(std::vector<float>{-1e6f, -2047.5f, -1.5f, -0.5f, -0.25f, 0.f, 0.49f, 0.5f,
                                                     1.5f, 2046.5f, 2047.4f, 1e6f});
  const at::Tensor expected =
      at::tensor(std::vector<float>{-2047, -2047, -1, 0, 0, 0, 0, 1, 2, 2047, 2047, 2047});
  EXPECT_TRUE(same(settle(a, Mode::quantised), expected));
  EXPECT_TRUE(same(settle(a, Mode::real), at::clamp(a, -2047, 2047)));
}

TEST(QualityBias, TheTableEqualsTheTrainedBiasAtEveryQuality) {
  ParamSet params;
  QualityBias bias(params, "bias", 100, -1.0, 2.0);
  params.initialise();
  params.find("bias.lo")->tensor.add_(random_normal({100}, 1));
  params.find("bias.hi")->tensor.add_(random_normal({100}, 2) * 3);
  const at::Tensor table = bias.freeze();
  bias.load(table);
  for (int quality = 0; quality < 64; ++quality) {
    const at::Tensor q = at::full({1, 1, 1, 1}, quality / 63.0, at::kFloat);
    ASSERT_TRUE(same(bias.at_index(quality), bias.at_quality(q, Mode::quantised).reshape({-1}))) << quality;
  }
  EXPECT_THROW(bias.load(table.to(at::kInt)), std::runtime_error);
  EXPECT_THROW(bias.load(table.narrow(0, 0, 63)), std::runtime_error);
  EXPECT_THROW(bias.load(table.narrow(1, 0, 99)), std::runtime_error);
}

}  // namespace
}  // namespace tessera::models::exact
