// Copies through page-locked memory, and the samples of video on their way to and from a GPU: the same numbers as on the CPU.
#include <gtest/gtest.h>

#include <random>

#include "codec/transfer.h"
#include "codec/video_samples.h"
#include "models/device.h"

namespace tessera {
namespace {

class TransferOnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    if (!models::load_cuda(&why)) GTEST_SKIP() << why;
  }
};

TEST_F(TransferOnGpu, BringsAllThatWasTaken) {
  std::vector<at::Tensor> expected, taken;
  for (int round = 0; round < 20; ++round) {  // memory is handed out again
    expected.clear();
    taken.clear();
    Arrivals arrivals;
    for (const int64_t size : {1, 1000, 3000000}) {
      const at::Tensor x = at::randint(-100, 100, {size, 2}, at::kInt);
      taken.push_back(arrivals.take(x.to(at::kCUDA).to(at::kFloat).transpose(0, 1), at::kInt));
      expected.push_back(x.transpose(0, 1).contiguous());
    }
    arrivals.wait();
    for (size_t i = 0; i < taken.size(); ++i) EXPECT_TRUE(taken[i].equal(expected[i]));
  }
  EXPECT_TRUE(taken[0].is_pinned());
}

TEST_F(TransferOnGpu, SendsWhatIsWrittenOnce) {
  for (int round = 0; round < 20; ++round) {
    at::Tensor x = host_tensor({1000000}, at::kChar, at::kCUDA);
    x.random_(-128, 128);
    const at::Tensor copy = x.clone();
    const at::Tensor there = sent(x, at::kFloat, at::kCUDA);
    x = at::Tensor();  // its memory may be had again at once
    EXPECT_TRUE(there.cpu().equal(copy.to(at::kFloat)));
  }
}

TEST_F(TransferOnGpu, SamplesAreThoseOfTheCpu) {
  for (const int depth : {8, 10}) {
    VideoFormat format;
    format.width = 319;
    format.height = 241;
    format.bit_depth = static_cast<decltype(format.bit_depth)>(depth);
    std::vector<uint8_t> bytes(format.plane_bytes(0) + 2 * format.plane_bytes(1));
    std::mt19937 rng(3);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(rng());
    VideoFrameView view;
    const uint8_t* at = bytes.data();
    for (int p = 0; p < 3; ++p) {
      view.planes[p] = at;
      view.strides[p] = format.plane_width(p) * format.sample_bytes();
      at += format.plane_bytes(p);
    }
    const models::Planes cpu = planes_of(view, format), gpu = planes_of(view, format, Device::cuda);
    EXPECT_TRUE(gpu.y.is_cuda());
    EXPECT_TRUE(gpu.y.cpu().equal(cpu.y));
    EXPECT_TRUE(gpu.uv.cpu().equal(cpu.uv));
    EXPECT_EQ(samples_of(gpu, format), samples_of(cpu, format));
  }
}

}  // namespace
}  // namespace tessera
