// Limits refuse before any work is done: the weights' folder of these decoders is empty, and nobody notices.
#include "tests/codec/pictures.h"
#include "tests/data/temporary_folder.h"

namespace tessera::test {
namespace {

class LimitsTest : public testing::Test {
 protected:
  void expect_limit(const Bytes& stream, const Limits& limits, const std::string& part) {
    auto decoder = ImageDecoder::create({.threads = 1, .limits = limits, .weights_dir = empty_.folder()});
    ASSERT_TRUE(decoder);
    for (const Status& status : {decoder->decode(stream).status(), decoder->verify(stream)}) {
      EXPECT_EQ(status.code(), ErrorCode::limit) << status.message();
      EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
    }
  }

  TemporaryFolder empty_;
  Bytes stream_ = encoded(photo(90, 50));
};

TEST_F(LimitsTest, Pixels) {
  expect_limit(stream_, {.max_pixels = 4499}, "pixels");
  EXPECT_EQ(decoded(stream_, {.limits = {.max_pixels = 4500}}).width, 90u);
}

TEST_F(LimitsTest, Dimension) {
  expect_limit(stream_, {.max_dimension = 89}, "89");
  EXPECT_EQ(decoded(stream_, {.limits = {.max_dimension = 90}}).width, 90u);
}

TEST_F(LimitsTest, Memory) {
  expect_limit(stream_, {.max_memory = 1 << 20}, "memory");
  const uint64_t predicted = inspect(stream_)->predicted_memory;
  expect_limit(stream_, {.max_memory = predicted - 1}, "MiB");
  EXPECT_EQ(decoded(stream_, {.limits = {.max_memory = predicted}}).width, 90u);
}

TEST_F(LimitsTest, Metadata) {
  ImageMetadata metadata;
  metadata.xmp.assign(1000, 'x');
  const Bytes stream = encoded(photo(10, 10), {}, metadata);
  expect_limit(stream, {.max_metadata = 999}, "metadata");
  EXPECT_EQ(decoded(stream, {.limits = {.max_metadata = 2000}}).metadata.xmp, metadata.xmp);
}

}  // namespace
}  // namespace tessera::test
