#include <numeric>

#include "tests/codec/pictures.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

uint64_t sum_of(const StreamInfo& info) {
  return std::accumulate(info.sections.begin(), info.sections.end(), uint64_t{0}, [](uint64_t n, const SectionSize& s) { return n + s.bytes; });
}

uint64_t section(const StreamInfo& info, const std::string& name) {
  for (const SectionSize& s : info.sections) {
    if (s.name == name) return s.bytes;
  }
  return 0;
}

TEST(Inspect, SectionsAddUpToTheFile) {
  ImageMetadata metadata;
  metadata.icc.assign(500, 1);
  for (uint32_t tile : {0u, 64u}) {
    for (uint32_t channels : {3u, 4u}) {
      const Bytes stream = encoded(photo(100, 130, channels), {.tile = tile}, metadata);
      const auto info = inspect(stream);
      ASSERT_TRUE(info) << info.status().message();
      EXPECT_EQ(info->file_bytes, stream.size());
      EXPECT_EQ(sum_of(*info), stream.size());
      EXPECT_EQ(section(*info, "alpha") > 0, channels == 4);
      EXPECT_GT(section(*info, "metadata"), 500u);
      EXPECT_GT(section(*info, "latents"), section(*info, "hyperlatents"));
      EXPECT_EQ(section(*info, "checksum"), 4 * info->tiles);
      EXPECT_EQ(info->packets, info->tiles);
      EXPECT_EQ(info->tiles, tile == 0 ? 1u : 6u);
    }
  }
}

TEST(Inspect, SaysWhatTheStreamIs) {
  const auto info = inspect(encoded(photo(70, 50, 2, 12), {.quality = 17}));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->version_major, 1);
  EXPECT_EQ(info->media, "image");
  EXPECT_EQ(info->model, "still");
  EXPECT_TRUE(info->model_available);
  EXPECT_EQ(info->width, 70u);
  EXPECT_EQ(info->height, 50u);
  EXPECT_EQ(info->channels, 2u);
  EXPECT_EQ(info->bit_depth, 12u);
  EXPECT_EQ(info->quality, 17);
  EXPECT_EQ(info->colour, ColourDescription{});
  EXPECT_GT(info->predicted_memory, 0u);
  EXPECT_GT(info->decode_kmac_per_pixel, 1);
  EXPECT_LE(info->decode_kmac_per_pixel, 70) << "what the model may cost";
}

TEST(Inspect, NeedsNoWeights) {
  const TemporaryFolder empty;
  const Bytes stream = encoded(photo(64, 64));
  const auto info = inspect(stream, empty.folder());
  ASSERT_TRUE(info) << info.status().message();
  EXPECT_FALSE(info->model_available);
  EXPECT_EQ(info->decode_kmac_per_pixel, 0);
  EXPECT_EQ(sum_of(*info), stream.size());
}

TEST(Inspect, DamagedStreams) {
  Bytes stream = encoded(photo(64, 64));
  EXPECT_EQ(inspect(std::span(stream).first(stream.size() - 1)).status().code(), ErrorCode::truncated);
  stream[stream.size() / 2] ^= 1;
  EXPECT_EQ(inspect(stream).status().code(), ErrorCode::corrupt);
  EXPECT_FALSE(inspect({}));
}

}  // namespace
}  // namespace tessera::test
