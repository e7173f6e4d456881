// The same symbols whatever the machine does.
#include <cstdlib>

#include "tests/codec/pictures.h"

namespace tessera::test {
namespace {

class Exact : public testing::Test {
 protected:
  void TearDown() override { ::unsetenv("TESSERA_SIMD"); }
};

TEST_F(Exact, EncodingTwiceGivesTheSameBytes) {
  const Picture picture = photo(150, 90, 4);
  auto encoder = ImageEncoder::create({.threads = 2});
  ASSERT_TRUE(encoder);
  const auto first = encoder->encode(view_of(picture), {});
  ASSERT_TRUE(first);
  ASSERT_TRUE(encoder->encode(view_of(photo(64, 64)), {})) << "something else in between";
  EXPECT_EQ(*encoder->encode(view_of(picture), {}), *first);
  EXPECT_EQ(encoded(picture, {.threads = 2}), *first);
}

TEST_F(Exact, EncoderThreadsDoNotMatter) {
  const Picture picture = photo(200, 136);
  for (int quality : {8, 40, 63}) {
    Report one, two;
    const Bytes a = encoded(picture, {.quality = quality, .threads = 1}, {}, &one);
    const Bytes b = encoded(picture, {.quality = quality, .threads = 2}, {}, &two);
    EXPECT_EQ(a, b) << quality;
    EXPECT_EQ(one.symbol_checksum, two.symbol_checksum) << quality;
  }
}

TEST_F(Exact, DecoderAgreesForEveryInstructionSetAndThreads) {
  for (int quality : {5, 63}) {  // few symbols in one lane, many in 32
    Report encoder_report;
    const Bytes stream = encoded(photo(200, 200, 4), {.quality = quality}, {}, &encoder_report);
    Image first;
    for (const char* simd : {"scalar", "avx2", "avx512"}) {
      for (int threads : {1, 2}) {
        ::setenv("TESSERA_SIMD", simd, 1);
        Report report;
        const Image image = decoded(stream, {.threads = threads}, &report);
        EXPECT_EQ(report.symbol_checksum, encoder_report.symbol_checksum) << simd << " " << threads;
        if (first.data.empty()) first = image;
        ASSERT_EQ(image.data.size(), first.data.size());
        int largest = 0;
        for (size_t i = 0; i < image.data.size(); ++i) largest = std::max(largest, std::abs(image.data[i] - first.data[i]));
        EXPECT_LE(largest, 1) << simd << " " << threads;
      }
    }
  }
}

}  // namespace
}  // namespace tessera::test
