// Limits refuse before any work is done: the weights' folder of these decoders is empty, and nobody notices.
#include <chrono>

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

TEST_F(LimitsTest, TimeIsOverAtOnce) {
  auto decoder = ImageDecoder::create({.threads = 1, .limits = {.max_seconds = 1e-9}});
  for (const Status& status : {decoder->decode(stream_).status(), decoder->verify(stream_)}) {
    EXPECT_EQ(status.code(), ErrorCode::limit) << status.message();
    EXPECT_NE(status.message().find("time limit"), std::string::npos) << status.message();
  }
  EXPECT_EQ(decoded(stream_, {.limits = {.max_seconds = 3600}}).width, 90u);
}

// One tile of four megapixels takes some seconds of one thread, a tenth of it is given.
TEST_F(LimitsTest, TimeIsHonouredWithinASecond) {
  const Bytes stream = encoded(photo(2048, 2048), {.threads = 0, .tile = 2048});
  const auto seconds_of = [&](double limit, ErrorCode expected) {
    auto decoder = ImageDecoder::create({.threads = 1, .limits = {.max_seconds = limit}});
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(decoder->decode(stream).status().code(), expected);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double whole = seconds_of(0, ErrorCode::ok), limit = whole / 10;
  double over = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {  // a busy machine may take the processor away for a while
    over = seconds_of(limit, ErrorCode::limit) - limit;
    if (over < 1) break;
  }
  EXPECT_LT(over, 1) << "of " << whole << " s";
}

}  // namespace
}  // namespace tessera::test
