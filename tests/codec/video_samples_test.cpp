#include "codec/video_samples.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace tessera {
namespace {

// A picture of noise whose rows lie further apart than they are long, in memory that does not begin where samples do.
struct Noise {
  std::vector<uint8_t> bytes;
  VideoFrameView view;

  Noise(const VideoFormat& format, bool beyond) {
    std::mt19937 rng(format.width);
    size_t at = 1;
    std::array<size_t, 3> begin{};
    for (int p = 0; p < 3; ++p) {
      begin[static_cast<size_t>(p)] = at;
      view.strides[p] = format.plane_width(p) * format.sample_bytes() + 5;
      at += view.strides[p] * format.plane_height(p);
    }
    bytes.resize(at);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(rng());
    if (format.bit_depth > 8 && !beyond) {
      for (int p = 0; p < 3; ++p) {
        for (uint32_t y = 0; y < format.plane_height(p); ++y) {
          for (uint32_t x = 0; x < format.plane_width(p); ++x) bytes[begin[static_cast<size_t>(p)] + y * view.strides[p] + 2 * x + 1] &= 3;
        }
      }
    }
    for (int p = 0; p < 3; ++p) view.planes[p] = bytes.data() + begin[static_cast<size_t>(p)];
  }
};

VideoFormat format_of(uint32_t width, uint32_t height, int depth) {
  VideoFormat f;
  f.width = width;
  f.height = height;
  f.bit_depth = static_cast<decltype(f.bit_depth)>(depth);
  return f;
}

// Bit by bit, for sides that need padding and those that do not, one sample wide, and samples beyond ten bits.
TEST(VideoSamples, OperatorsMakeTheSameNumbers) {
  for (const auto& [width, height] : {std::pair{64u, 32u}, std::pair{63u, 33u}, std::pair{1u, 1u}, std::pair{130u, 3u}}) {
    for (const int depth : {8, 10}) {
      const VideoFormat format = format_of(width, height, depth);
      const Noise noise(format, true);
      const models::Planes a = planes_of(noise.view, format), b = planes_by_operators(noise.view, format, at::kCPU);
      EXPECT_TRUE(a.y.equal(b.y)) << width << " x " << height << ", " << depth;
      EXPECT_TRUE(a.uv.equal(b.uv)) << width << " x " << height << ", " << depth;
    }
  }
}

TEST(VideoSamples, ComeBack) {
  for (const int depth : {8, 10}) {
    const VideoFormat format = format_of(35, 19, depth);
    const Noise noise(format, false);
    const std::vector<uint8_t> samples = samples_of(planes_by_operators(noise.view, format, at::kCPU), format);
    size_t at = 0;
    for (int p = 0; p < 3; ++p) {
      const size_t row = format.plane_width(p) * format.sample_bytes();
      for (uint32_t y = 0; y < format.plane_height(p); ++y, at += row) {
        const auto* from = static_cast<const uint8_t*>(noise.view.planes[p]) + y * noise.view.strides[p];
        EXPECT_TRUE(std::equal(from, from + row, samples.begin() + static_cast<std::ptrdiff_t>(at))) << depth << " bits, plane " << p << ", row " << y;
      }
    }
    EXPECT_EQ(at, samples.size());
  }
}

}  // namespace
}  // namespace tessera
