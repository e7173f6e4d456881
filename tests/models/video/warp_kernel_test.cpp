// The GPU's kernels that move pictures, run on the CPU: forwards to the bit what the tensor operators compute, backwards their gradient. What a GPU itself
// makes of them: tests/cuda/warp_test.cpp.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <tuple>

#include "models/video/phase_warp.h"
#include "tests/models/inr/emulated_cuda.h"
#include "tests/models/tensors.h"

namespace tessera::models::cuda {
using tessera::test::atomicAdd;
using tessera::test::blockIdx;

// Without fused operations, as the whole project is compiled.
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
}  // namespace tessera::models::cuda

#include "models/cuda/warp_device.cuh"

namespace tessera::models {
namespace {

using test::random_integers;
using test::random_normal;
using test::same;

struct Case {
  int64_t batch, channels, height, width, side, steps;
  int reach;  // of the vectors, in steps
};

class WarpKernel : public testing::TestWithParam<std::tuple<Case, Interpolation>> {
 protected:
  WarpKernel() : c(std::get<0>(GetParam())), kind(std::get<1>(GetParam())) {
    planes = random_normal({c.batch, c.channels, c.height, c.width}, 1);
    dense = random_integers({c.batch, c.height / c.side, c.width / c.side, 2}, c.reach, 2);
    shape = {static_cast<int>(c.batch), static_cast<int>(c.channels), static_cast<int>(c.height), static_cast<int>(c.width), static_cast<int>(c.side), static_cast<int>(c.steps), kind};
  }
  const Case c;
  const Interpolation kind;
  at::Tensor planes, dense;
  cuda::WarpShape shape{};
};

TEST_P(WarpKernel, EqualsTheTensorOperators) {
  at::Tensor out = at::full_like(planes, -7);
  ASSERT_TRUE(cuda::launch_warp_forward(shape, planes.const_data_ptr<float>(), dense.const_data_ptr<float>(), out.data_ptr<float>(), nullptr));
  EXPECT_TRUE(same(out, warp_planes_by_phases(planes, dense, c.side, c.steps, kind)));
}

TEST_P(WarpKernel, GradientIsThatOfTheTensorOperators) {
  const at::Tensor dy = random_normal(planes.sizes(), 3);
  at::Tensor slow = planes.to(at::kDouble).set_requires_grad(true), dx = at::zeros_like(dy);
  torch::autograd::backward({warp_planes_by_phases(slow, dense, c.side, c.steps, kind)}, {dy.to(at::kDouble)});
  ASSERT_TRUE(cuda::launch_warp_backward(shape, dy.const_data_ptr<float>(), dense.const_data_ptr<float>(), dx.data_ptr<float>(), nullptr));
  // A sample at an edge may sum up the gradients of many blocks.
  EXPECT_LT((slow.grad() - dx).abs().max().item<double>(), 2e-6 * std::max(1.0, slow.grad().abs().max().item<double>()));
}

INSTANTIATE_TEST_SUITE_P(Sizes, WarpKernel,
                         testing::Combine(testing::Values(Case{1, 1, 8, 8, 8, 4, 9}, Case{1, 2, 4, 4, 4, 8, 9}, Case{3, 1, 48, 40, 8, 4, 60}, Case{3, 2, 24, 20, 4, 8, 60},
                                                          Case{2, 1, 16, 80, 8, 4, 4222}, Case{2, 2, 40, 16, 4, 8, 4222}, Case{5, 3, 8, 24, 8, 1, 7}, Case{5, 3, 12, 28, 4, 2, 7}),
                                          testing::Values(Interpolation::bicubic, Interpolation::lagrange)));

TEST(WarpKernels, OtherShapesAreRefused) {
  const float none = 0;
  float out = 5;
  for (const auto& [side, steps] : {std::pair{16, 4}, {0, 4}, {8, 3}, {4, 0}, {8, 16}}) {
    EXPECT_FALSE(cuda::launch_warp_forward({1, 1, 16, 16, side, steps, Interpolation::bicubic}, &none, &none, &out, nullptr));
    EXPECT_FALSE(cuda::launch_warp_backward({1, 1, 16, 16, side, steps, Interpolation::bicubic}, &none, &none, &out, nullptr));
  }
  EXPECT_TRUE(cuda::launch_warp_forward({0, 1, 16, 16, 8, 4, Interpolation::bicubic}, &none, &none, &out, nullptr));
  EXPECT_EQ(out, 5);
}

}  // namespace
}  // namespace tessera::models
