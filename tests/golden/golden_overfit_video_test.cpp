// Streams of overfitted video that every later build, on every machine, has to decode to the same symbols. They carry their networks: no weights change
// them. `golden_overfit_video_test --regenerate` stores new ones, which only a new revision of the model may ask for.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bitstream/stream_reader.h"
#include "data/byte_file.h"
#include "tests/codec/videos.h"

namespace tessera::test {
namespace {

struct Golden {
  const char* name;
  uint32_t width, height, depth;
  size_t frames;
  uint32_t group;
  const char* ideas;
  uint32_t checksum;  // of the decoded symbols
  double psnr;        // dB of luma, at least
};
constexpr Golden kStreams[] = {{"overfit_video", 64, 48, 8, 5, 3, "", 0x7d949b0c, 20},
                               {"overfit_video_odd10", 45, 33, 10, 4, 4, "+sine,+affine", 0x48736767, 20},
                               {"overfit_video_plain", 48, 32, 8, 3, 3, "plain", 0x67dde658, 20}};

std::string path(const Golden& g) { return std::string(TESSERA_GOLDEN) + "/" + g.name + ".tsr"; }
Clip clip_of(const Golden& g) { return moving_clip(g.width, g.height, g.frames, g.depth); }

class GoldenOverfitVideo : public testing::TestWithParam<Golden> {
 protected:
  void TearDown() override { ::unsetenv("TESSERA_SIMD"); }
};

TEST_P(GoldenOverfitVideo, DecodesToTheSameSymbols) {
  const Golden& g = GetParam();
  const auto bytes = media::read_file(path(g));
  ASSERT_TRUE(bytes) << bytes.status().message();
  const Clip clip = clip_of(g);
  for (const char* simd : {"scalar", "avx2", "avx512"}) {
    ::setenv("TESSERA_SIMD", simd, 1);
    VideoDecoderOptions options;
    options.strict = true;
    options.threads = 2;
    options.weights_dir = "/nonexistent";
    auto decoder = VideoDecoder::create(options);
    ASSERT_TRUE(decoder);
    bitstream::StreamReader reader;
    reader.push(*bytes);
    reader.finish();
    size_t frames = 0;
    for (auto event = reader.next(); event.kind != bitstream::StreamReader::Kind::end; event = reader.next()) {
      const bool header = event.kind == bitstream::StreamReader::Kind::header;
      ASSERT_NE(event.kind, bitstream::StreamReader::Kind::lost);
      const Status status = header ? decoder->open(event.bytes) : decoder->send(event.bytes);
      ASSERT_TRUE(status.ok()) << status.message();
      while (const auto frame = decoder->receive()) {
        EXPECT_GT(luma_psnr(clip, frames, *frame), g.psnr) << simd << ", frame " << frames;
        ++frames;
      }
    }
    EXPECT_EQ(frames, g.frames);
    EXPECT_EQ(decoder->report().checked, g.frames);
    EXPECT_EQ(decoder->report().symbol_checksum, g.checksum) << simd;
  }
}

INSTANTIATE_TEST_SUITE_P(Streams, GoldenOverfitVideo, testing::ValuesIn(kStreams), [](const auto& test) { return std::string(test.param.name); });

int regenerate() {
  for (const Golden& g : kStreams) {
    VideoEncoderOptions options;
    options.model = "overfit-video";
    options.quality = 36;
    options.keyint = g.group;
    options.fit_steps = 200;
    options.fit_without = g.ideas;
    const VideoStream stream = encoded(options, clip_of(g));
    if (!media::write_file(path(g), stream.bytes()).ok()) return 1;
    std::printf("%s: %zu bytes, checksum 0x%08x\n", g.name, stream.bytes().size(), stream.report.symbol_checksum);
  }
  return 0;
}

}  // namespace
}  // namespace tessera::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return argc > 1 && std::strcmp(argv[1], "--regenerate") == 0 ? tessera::test::regenerate() : RUN_ALL_TESTS();
}
