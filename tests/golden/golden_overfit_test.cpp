// Streams of overfitted networks that every later build, on every machine, has to decode to the same symbols. They carry their networks: no weights
// change them. `golden_overfit_test --regenerate NAME...` stores new ones, which only a new stream or a new revision of the model may ask for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "data/byte_file.h"
#include "tests/codec/pictures.h"

namespace tessera::test {
namespace {

struct Golden {
  const char* name;
  uint32_t width, height, channels;
  const char* front;
  uint32_t checksum;  // of the decoded symbols
};
constexpr Golden kStreams[] = {{"overfit_rgb", 61, 45, 3, "plain", 0x4a79dd07},
                               {"overfit_grey", 33, 70, 1, "plain", 0x806749a2},
                               {"overfit_alpha", 20, 20, 4, "plain", 0x41a0f0bb},
                               {"overfit_rbf", 50, 40, 3, "rbf", 0xdd6cba31},
                               {"overfit_metric", 40, 50, 3, "metric", 0x916f2371}};

std::string path(const Golden& g) { return std::string(TESSERA_GOLDEN) + "/" + g.name + ".tsr"; }

class GoldenOverfit : public testing::TestWithParam<Golden> {
 protected:
  void TearDown() override { ::unsetenv("TESSERA_SIMD"); }
};

TEST_P(GoldenOverfit, DecodesToTheSameSymbols) {
  const Golden& g = GetParam();
  const auto bytes = media::read_file(path(g));
  ASSERT_TRUE(bytes) << bytes.status().message();
  for (const char* simd : {"scalar", "avx2", "avx512"}) {
    ::setenv("TESSERA_SIMD", simd, 1);
    Report report;
    const Image image = decoded(*bytes, {.weights_dir = "/nonexistent"}, &report);
    EXPECT_EQ(report.symbol_checksum, g.checksum) << simd;
    EXPECT_GT(psnr(photo(g.width, g.height, g.channels), image), 26) << simd;
  }
}

INSTANTIATE_TEST_SUITE_P(Streams, GoldenOverfit, testing::ValuesIn(kStreams), [](const auto& test) { return std::string(test.param.name); });

int regenerate(const std::vector<std::string>& names) {
  for (const Golden& g : kStreams) {
    if (std::find(names.begin(), names.end(), g.name) == names.end()) continue;
    EncoderOptions options;
    options.model = "overfit";
    options.quality = 36;
    options.effort = 2;
    options.fit_front = g.front;
    Report report;
    const Bytes stream = encoded(photo(g.width, g.height, g.channels), options, {}, &report);
    if (!media::write_file(path(g), stream).ok()) return 1;
    std::printf("%s: %zu bytes, checksum 0x%08x\n", g.name, stream.size(), report.symbol_checksum);
  }
  return 0;
}

}  // namespace
}  // namespace tessera::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return argc > 1 && std::strcmp(argv[1], "--regenerate") == 0 ? tessera::test::regenerate({argv + 2, argv + argc}) : RUN_ALL_TESTS();
}
