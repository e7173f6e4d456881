#include "codec/alpha.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "bitstream/crc.h"
#include "entropy/cdf_table.h"

namespace tessera {
namespace {

using Plane = std::vector<int32_t>;

Plane noise(uint32_t width, uint32_t height, uint32_t depth, uint32_t seed = 1) {
  std::mt19937 random(seed);
  Plane plane(size_t{width} * height);
  for (int32_t& v : plane) v = static_cast<int32_t>(random() >> (32 - depth));
  return plane;
}

// A soft disc: clear outside, opaque inside.
Plane disc(uint32_t width, uint32_t height, uint32_t depth) {
  const int32_t top = (1 << depth) - 1;
  Plane plane;
  for (int32_t y = 0; y < static_cast<int32_t>(height); ++y) {
    for (int32_t x = 0; x < static_cast<int32_t>(width); ++x) {
      const int32_t dx = 2 * x - static_cast<int32_t>(width), dy = 2 * y - static_cast<int32_t>(height);
      const int64_t inside = int64_t{2000} - dx * dx - dy * dy;
      plane.push_back(static_cast<int32_t>(std::clamp<int64_t>(inside * top / 400, 0, top)));
    }
  }
  return plane;
}

void expect_round_trip(const Plane& plane, uint32_t width, uint32_t height, uint32_t depth) {
  const auto bytes = encode_alpha(plane, width, height, depth);
  const auto back = decode_alpha(bytes, width, height, depth);
  ASSERT_TRUE(back) << width << "x" << height << " " << depth;
  EXPECT_EQ(*back, plane) << width << "x" << height << " " << depth;
}

TEST(Alpha, BitExactForEverySizeAndDepth) {
  for (const auto& [width, height] : {std::pair(1u, 1u), {1u, 100u}, {100u, 1u}, {15u, 17u}, {16u, 16u}, {33u, 31u}, {130u, 70u}}) {
    for (uint32_t depth : {8u, 9u, 10u, 12u, 16u}) {
      expect_round_trip(noise(width, height, depth), width, height, depth);
      expect_round_trip(disc(width, height, depth), width, height, depth);
      Plane ramp;
      for (uint32_t i = 0; i < width * height; ++i) ramp.push_back(static_cast<int32_t>(i % (1u << depth)));
      expect_round_trip(ramp, width, height, depth);
    }
  }
}

TEST(Alpha, StepsOverTheWholeRangeWrap) {
  for (uint32_t depth : {8u, 13u, 16u}) {
    Plane plane(40 * 40);
    for (size_t i = 0; i < plane.size(); ++i) plane[i] = i % 3 ? (1 << depth) - 1 : 0;
    expect_round_trip(plane, 40, 40, depth);
  }
}

TEST(Alpha, ConstantPlanesCostThreeBytes) {
  for (uint32_t depth : {8u, 10u, 16u}) {
    for (int32_t value : {0, 1, (1 << depth) - 1}) {
      const Plane plane(123 * 45, value);
      EXPECT_EQ(encode_alpha(plane, 123, 45, depth).size(), 3u);
      expect_round_trip(plane, 123, 45, depth);
    }
  }
}

TEST(Alpha, CostsWhatItsContentAsks) {
  const size_t pixels = 256 * 256;
  EXPECT_LT(8 * encode_alpha(disc(256, 256, 8), 256, 256, 8).size(), pixels * 16 / 100);
  EXPECT_LT(8 * encode_alpha(noise(256, 256, 8), 256, 256, 8).size(), pixels * 88 / 10);
}

TEST(Alpha, SameBytesAndSamplesForEveryInstructionSet) {
  const Plane plane = disc(150, 150, 12);
  ::setenv("TESSERA_SIMD", "scalar", 1);
  const auto bytes = encode_alpha(plane, 150, 150, 12);
  for (const char* simd : {"scalar", "avx2", "avx512"}) {
    ::setenv("TESSERA_SIMD", simd, 1);
    EXPECT_EQ(encode_alpha(plane, 150, 150, 12), bytes);
    EXPECT_EQ(decode_alpha(bytes, 150, 150, 12), plane);
  }
  ::unsetenv("TESSERA_SIMD");
}

// The probabilities as docs/bitstream.md defines them: the checksum there is this one.
TEST(Alpha, TableOfTheSpecification) {
  std::vector<uint8_t> bytes;
  double decay = 0.75;
  for (int row = 0; row < 16; ++row) {
    std::vector<double> pmf(255);
    double p = 1;
    for (size_t k = 0; k <= 127; ++k) {
      pmf[127 + k] = pmf[127 - k] = p;
      p *= 1.0 - decay;
    }
    for (const uint32_t f : entropy::quantise_pmf(12, -127, pmf, 2 * p / decay).freq) {
      bytes.push_back(static_cast<uint8_t>(f));
      bytes.push_back(static_cast<uint8_t>(f >> 8));
    }
    decay *= 0.703125;
  }
  EXPECT_EQ(bitstream::crc32c(bytes), 0xAB46B5DEu);
}

// What a decoder of another make has to get right: docs/bitstream.md gives the same bytes.
TEST(Alpha, ExampleOfTheSpecification) {
  Plane plane(20 * 2);
  for (size_t i = 0; i < plane.size(); ++i) plane[i] = i % 20 < 10 ? 0 : 255;
  const std::vector<uint8_t> bytes = encode_alpha(plane, 20, 2, 8);
  EXPECT_EQ(bytes, (std::vector<uint8_t>{0x01, 0x05, 0x00, 0x00, 0x00, 0x00, 0x8A, 0x8B, 0x36, 0x00, 0x00, 0xAE, 0x78, 0x2A,
                                         0x17, 0xAE, 0x78, 0x2A, 0x17, 0xD6, 0x48, 0xFD, 0x30, 0xAE, 0x78, 0x2A, 0x17}));
}

TEST(Alpha, TruncationAtEveryByte) {
  for (const Plane& plane : {disc(48, 48, 8), noise(20, 20, 16), Plane(100, 7)}) {
    const uint32_t side = plane.size() == 100 ? 10 : plane.size() == 400 ? 20 : 48, depth = side == 20 ? 16 : 8;
    const auto bytes = encode_alpha(plane, side, side, depth);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_alpha(std::span(bytes).first(size), side, side, depth)) << side << " " << size;
    }
  }
}

// The coder's own check finds those in its words, none in the raw bits of its escapes; the packet's CRC finds all. What
// comes back is in range.
TEST(Alpha, FlippedBitsGiveNothingOrSamplesInRange) {
  const Plane plane = disc(48, 48, 10);
  const auto bytes = encode_alpha(plane, 48, 48, 10);
  size_t found = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto damaged = bytes;
    damaged[bit / 8] = static_cast<uint8_t>(damaged[bit / 8] ^ 1 << bit % 8);
    const auto back = decode_alpha(damaged, 48, 48, 10);
    found += !back;
    if (!back) continue;
    ASSERT_EQ(back->size(), plane.size());
    EXPECT_TRUE(std::all_of(back->begin(), back->end(), [](int32_t v) { return v >= 0 && v < 1024; }));
  }
  EXPECT_GT(found, bytes.size() * 8 / 2);
}

TEST(Alpha, RandomBytes) {
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::vector<uint8_t> bytes(random() % 80);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
    if (!bytes.empty()) bytes[0] &= 1;
    if (bytes.size() > 4) bytes[2] = bytes[3] = bytes[4] = 0;  // often a length that fits
    (void)decode_alpha(bytes, 33, 17, static_cast<uint32_t>(8 + random() % 9));
  }
}

TEST(Alpha, WrongConstants) {
  EXPECT_FALSE(decode_alpha({}, 4, 4, 8));
  for (const std::vector<uint8_t>& bytes : std::vector<std::vector<uint8_t>>{{0}, {0, 1}, {0, 1, 0, 0}, {0, 0, 1}, {2, 0, 0}, {255}}) {
    EXPECT_FALSE(decode_alpha(bytes, 4, 4, 8));
  }
}

}  // namespace
}  // namespace tessera
