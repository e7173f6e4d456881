// The kernels of the index model against arithmetic of 64 bits and against one another.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "models/audio/index_tables.h"
#include "tests/models/random_index.h"

namespace tessera::models::audio::detail {
namespace {

using test::Numbers;

TEST(IndexKernels, ProductsAreExact) {
  Numbers numbers(1);
  for (const int64_t out : {8, 16, 24, 32, 40, 64, 72, 96, 128, 256}) {
    for (const int64_t in : {2, 16, 64, 250}) {
      for (const bool extreme : {false, true}) {
        std::vector<int8_t> weight(static_cast<size_t>(in * out));
        std::vector<int16_t> x(static_cast<size_t>(in));
        std::vector<int32_t> bias(static_cast<size_t>(out)), shift(bias.size()), fast(bias.size()), plain(bias.size());
        for (int8_t& w : weight) w = static_cast<int8_t>(extreme ? -127 : numbers.between(-127, 127));
        for (int16_t& v : x) v = static_cast<int16_t>(extreme ? -32767 : numbers.between(-32767, 32767));
        for (int32_t& b : bias) b = static_cast<int32_t>(numbers.between(-(1 << 20), 1 << 20));
        for (int32_t& s : shift) s = static_cast<int32_t>(numbers.between(0, 20));
        kScalarIndexKernels.product(weight.data(), x.data(), in, out, bias.data(), shift.data(), plain.data());
        best_index_kernels().product(weight.data(), x.data(), in, out, bias.data(), shift.data(), fast.data());
        EXPECT_EQ(fast, plain);
        for (int64_t o = 0; o < out; ++o) {
          int64_t sum = bias[static_cast<size_t>(o)];
          for (int64_t i = 0; i < in; ++i) sum += int64_t{weight[static_cast<size_t>((i / 2 * out + o) * 2 + i % 2)]} * x[static_cast<size_t>(i)];
          ASSERT_EQ(plain[static_cast<size_t>(o)], sum >> shift[static_cast<size_t>(o)]);
        }
      }
    }
  }
}

TEST(IndexKernels, DistributionsAreComplete) {
  Numbers numbers(2);
  for (const int64_t n : {8, 16, 32, 40, 64, 256}) {
    for (const int64_t spread : {0, 1, 300, 3000, 100000, (1 << 29)}) {
      for (int i = 0; i < 20; ++i) {
        std::vector<int32_t> logits(static_cast<size_t>(n));
        for (int32_t& x : logits) x = static_cast<int32_t>(numbers.between(-spread, spread));
        std::vector<uint16_t> fast(logits.size()), plain(logits.size());
        kScalarIndexKernels.distribution(logits.data(), n, plain.data());
        best_index_kernels().distribution(logits.data(), n, fast.data());
        ASSERT_EQ(fast, plain);
        uint32_t sum = 0;
        for (const uint16_t f : plain) {
          ASSERT_GE(f, 1);
          sum += f;
        }
        ASSERT_EQ(sum, 1u << kProbabilityBits);
      }
    }
  }
}

// Relative entropy to the softmax in floating point: what the integers cost.
TEST(IndexKernels, DistributionsAreNearTheSoftmax) {
  Numbers numbers(3);
  for (const int64_t spread : {100, 500, 2000}) {
    double cost = 0;
    for (int i = 0; i < 200; ++i) {
      std::vector<int32_t> logits(32);
      for (int32_t& x : logits) x = static_cast<int32_t>(numbers.between(-spread, spread));
      std::vector<uint16_t> frequency(32);
      kScalarIndexKernels.distribution(logits.data(), 32, frequency.data());
      double total = 0;
      for (const int32_t x : logits) total += std::exp2(x / static_cast<double>(kLogitUnit));
      for (size_t k = 0; k < 32; ++k) {
        const double p = std::exp2(logits[k] / static_cast<double>(kLogitUnit)) / total;
        cost += p * std::log2(p * (1 << kProbabilityBits) / frequency[k]);
      }
    }
    EXPECT_LT(cost / 200, 0.003) << spread;
  }
}

TEST(IndexKernels, PowersOfTwo) {
  EXPECT_EQ(power(0), 65536u);
  EXPECT_EQ(power(256), 32768u);
  EXPECT_EQ(power(1u << 31), 0u);
  uint32_t last = power(0);
  for (uint32_t d = 1; d < 31 * 256; ++d) {
    ASSERT_LE(power(d), last);
    last = power(d);
    ASSERT_NEAR(last, 65536 * std::exp2(-static_cast<double>(d) / 256), 0.0035 * last + 1);
  }
}

}  // namespace
}  // namespace tessera::models::audio::detail
