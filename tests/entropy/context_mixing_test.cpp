#include "entropy/context_mixing.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

namespace tessera::entropy {
namespace {

constexpr int kMost = 2047;

TEST(Logistic, IsTheFunctionWithinHalfAStep) {
  for (int d = -kMost; d <= kMost; ++d) {
    const double wanted = 65536 / (1 + std::exp(-d / 256.0));
    EXPECT_NEAR(squashed(d), wanted, 0.51) << d;
    EXPECT_EQ(squashed(d) + squashed(-d), 65536) << d;
  }
  EXPECT_EQ(squashed(1 << 20), squashed(kMost));
  EXPECT_EQ(squashed(-(1 << 20)), squashed(-kMost));
  EXPECT_GT(squashed(-kMost), 0);
  EXPECT_LT(squashed(kMost), 65536);
}

TEST(Logistic, TheInverseIsWithinAStepOfTwelveBits) {
  int before = -kMost;
  for (uint32_t p = 8; p < 65536; p += 16) {
    const int d = stretched(p);
    EXPECT_GE(d, before);
    before = d;
    const double exact = std::clamp(256 * std::log(p / (65536.0 - p)), -1.0 * kMost, 1.0 * kMost);
    const double rounding = 128 / (p * (1 - p / 65536.0));  // half a unit of the probability
    EXPECT_LE(d, exact + 1 + rounding) << p;
    // What is lost is less than the next table entry's distance.
    const double next = 256 * std::log(std::min(p + 17.0, 65535.0) / (65536.0 - std::min(p + 17.0, 65535.0)));
    EXPECT_GE(d + 1, std::min(exact - (next - exact), 1.0 * kMost)) << p;
  }
  EXPECT_EQ(stretched(0), -kMost);
  EXPECT_EQ(stretched(70000), stretched(65535));
}

// Decisions of which each context knows something.
struct Source {
  std::mt19937 random{7};
  uint32_t last = 0;
  std::array<uint32_t, 3> contexts() const { return {last, 17u, last * 3 + 1}; }
  bool next() {
    const bool bit = random() % 100 < (last % 2 != 0 ? 90u : 4u);
    last = (last << 1 | (bit ? 1u : 0u)) & 7;
    return bit;
  }
};

TEST(ContextMixer, DecodesWhatWasEncoded) {
  std::vector<bool> bits;
  RangeEncoder encoder;
  {
    Source source;
    ContextMixer mixer(2);
    BitWriter writer(encoder);
    for (int i = 0; i < 20000; ++i) {
      const auto contexts = source.contexts();
      bits.push_back(source.next());
      EXPECT_EQ(writer.code(mixer, i % 2, contexts, bits.back()), bits.back());
      if (i % 100 == 0) writer.raw(bits.back());
    }
  }
  const std::vector<std::byte> bytes = encoder.finish();
  Source source;
  ContextMixer mixer(2);
  RangeDecoder decoder(bytes);
  BitReader reader(decoder);
  for (int i = 0; i < 20000; ++i) {
    const auto contexts = source.contexts();
    source.next();
    ASSERT_EQ(reader.code(mixer, i % 2, contexts, false), bits[static_cast<size_t>(i)]) << i;
    if (i % 100 == 0) {
      ASSERT_EQ(reader.raw(false), bits[static_cast<size_t>(i)]);
    }
  }
  EXPECT_TRUE(decoder.at_end());
}

TEST(ContextMixer, ComesNearTheSourcesEntropy) {
  Source source;
  ContextMixer mixer(1);
  BitCounter counter;
  double entropy = 0;
  RangeEncoder encoder;
  BitWriter writer(encoder);
  ContextMixer other(1);
  constexpr int count = 50000;
  for (int i = 0; i < count; ++i) {
    const auto contexts = source.contexts();
    const double one = source.last % 2 != 0 ? 0.9 : 0.04;
    const bool bit = source.next();
    entropy -= std::log2(bit ? one : 1 - one);
    counter.code(mixer, 0, contexts, bit);
    writer.code(other, 0, contexts, bit);
  }
  EXPECT_LT(counter.bits(), 1.03 * entropy);
  EXPECT_NEAR(8.0 * static_cast<double>(encoder.finish().size()), counter.bits(), 16 + 1e-3 * counter.bits());
}

TEST(ContextMixer, CertaintyCostsNextToNothingAndSurpriseIsPossible) {
  ContextMixer mixer(1);
  const std::array context = {5u};
  for (int i = 0; i < 3000; ++i) {
    mixer.predict(0, context);
    mixer.learn<1>(true);
  }
  EXPECT_GT(mixer.predict(0, context), 65000u);
  EXPECT_LT(mixer.predict(0, context), 65536u);
  for (int i = 0; i < 3000; ++i) {
    mixer.predict(0, context);
    mixer.learn<1>(false);
  }
  EXPECT_LT(mixer.predict(0, context), 536u);
  EXPECT_GT(mixer.predict(0, context), 0u);
}

TEST(ContextMixer, ResetForgets) {
  ContextMixer mixer(1), fresh(1);
  const std::array contexts = {1u, 2u};
  const uint32_t first = fresh.predict(0, contexts);
  for (int i = 0; i < 100; ++i) {
    mixer.predict(0, contexts);
    mixer.learn<2>(i % 3 != 0);
  }
  EXPECT_NE(mixer.predict(0, contexts), first);
  mixer.reset();
  EXPECT_EQ(mixer.predict(0, contexts), first);
}

// Streams depend on these numbers: they never change.
TEST(ContextMixer, PredictsTheSameForEver) {
  Source source;
  ContextMixer mixer(3);
  uint64_t sum = 14695981039346656037u;
  for (int i = 0; i < 10000; ++i) {
    const auto contexts = source.contexts();
    sum = (sum ^ mixer.predict(i % 3, contexts)) * 1099511628211u;
    mixer.learn<3>(source.next());
  }
  EXPECT_EQ(sum, 5013452765988568975u);
}

}  // namespace
}  // namespace tessera::entropy
