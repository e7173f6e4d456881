// The kernels that move pictures, against tensor operators on the CPU: to the bit forwards, and their gradient.
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "models/cuda/register.h"
#include "models/device.h"
#include "models/ops.h"
#include "models/video/kernel_warp.h"
#include "models/video/phase_warp.h"
#include "models/video/vectors.h"

namespace tessera::models {
namespace {

struct Case {
  int64_t batch, channels, height, width, side, steps;
  int reach;  // of the vectors, in steps
  Interpolation kind;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << name_of(c.kind) << ' ' << c.batch << 'x' << c.channels << 'x' << c.height << 'x' << c.width << ", blocks of " << c.side << ", vectors up to " << c.reach << '/' << c.steps;
}

class WarpKernels : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    std::string why;
    if (!load_cuda(&why)) GTEST_SKIP() << why;
    cuda::register_kernels();
    at::manual_seed(5);
    const Case& c = GetParam();
    planes = at::rand({c.batch, c.channels, c.height, c.width});
    dense = at::randint(-c.reach, c.reach + 1, {c.batch, c.height / c.side, c.width / c.side, 2}).to(at::kFloat);
  }
  at::Tensor planes, dense;
};

TEST_P(WarpKernels, EqualTheTensorOperators) {
  const Case& c = GetParam();
  const at::Tensor expected = warp_planes_by_phases(planes, dense, c.side, c.steps, c.kind);
  ASSERT_TRUE(has_warp_kernel(planes.cuda()));
  const at::Tensor trained = warp_planes_by_kernel(planes.cuda(), dense.cuda(), c.side, c.steps, c.kind);
  EXPECT_TRUE(at::equal(trained.cpu(), expected)) << (trained.cpu() - expected).abs().max();
  EXPECT_TRUE(at::equal(warp_planes_by_phases(planes.cuda(), dense.cuda(), c.side, c.steps, c.kind).cpu(), expected));
  const c10::InferenceMode inference;
  EXPECT_TRUE(at::equal(warp_planes_by_kernel(planes.cuda(), dense.cuda(), c.side, c.steps, c.kind).cpu(), expected));
}

TEST_P(WarpKernels, GradientIsThatOfTheTensorOperators) {
  const Case& c = GetParam();
  const at::Tensor dy = at::randn_like(planes);
  at::Tensor slow = planes.to(at::kDouble).set_requires_grad(true), fast = planes.cuda().set_requires_grad(true);
  torch::autograd::backward({warp_planes_by_phases(slow, dense, c.side, c.steps, c.kind)}, {dy.to(at::kDouble)});
  at::Tensor sizes = planes.to(at::kDouble).set_requires_grad(true);
  torch::autograd::backward({warp_planes_by_phases(sizes, dense, c.side, c.steps, c.kind)}, {dy.abs().to(at::kDouble)});
  torch::autograd::backward({warp_planes_by_kernel(fast, dense.cuda(), c.side, c.steps, c.kind)}, {dy.cuda()});
  const at::Tensor expected = slow.grad(), found = fast.grad().cpu().to(at::kDouble);
  // A sample at an edge may sum up the gradients of hundreds of blocks, of both signs: what is rounded is as large as their sizes are, not as their sum.
  EXPECT_LT((found - expected).abs().max().item<double>(), 2e-6 * std::max(1.0, sizes.grad().abs().max().item<double>()));
}

constexpr Interpolation kBicubic = Interpolation::bicubic, kLagrange = Interpolation::lagrange;
INSTANTIATE_TEST_SUITE_P(Sizes, WarpKernels,
                         ::testing::Values(Case{1, 1, 8, 8, 8, 4, 9, kLagrange}, Case{1, 1, 8, 8, 8, 4, 9, kBicubic}, Case{1, 2, 4, 4, 4, 8, 9, kLagrange},
                                           Case{1, 2, 4, 4, 4, 8, 9, kBicubic}, Case{3, 1, 48, 80, 8, 4, 60, kLagrange}, Case{3, 1, 48, 80, 8, 4, 60, kBicubic},
                                           Case{3, 2, 24, 40, 4, 8, 60, kLagrange}, Case{3, 2, 24, 40, 4, 8, 60, kBicubic}, Case{2, 1, 160, 32, 8, 4, 4222, kLagrange},
                                           Case{2, 2, 80, 16, 4, 8, 4222, kBicubic}, Case{1, 1, 368, 640, 8, 4, 3, kLagrange}, Case{5, 3, 24, 56, 8, 1, 7, kLagrange},
                                           Case{5, 3, 12, 28, 4, 2, 7, kBicubic}, Case{8, 1, 128, 128, 8, 8, 200, kLagrange}));

// warp() takes the kernels, in training and in inference, and then gives a GPU the CPU's picture.
TEST(WarpOnTheGpu, IsTheCpus) {
  std::string why;
  if (!load_cuda(&why)) GTEST_SKIP() << why;
  cuda::register_kernels();
  at::manual_seed(6);
  const Planes p = {at::rand({2, 1, 64, 96}), at::rand({2, 2, 32, 48})}, there = {p.y.cuda(), p.uv.cuda()};
  const at::Tensor dense = at::randint(-90, 91, {2, 8, 12, 2}).to(at::kFloat);
  for (const Interpolation kind : {kBicubic, kLagrange}) {
    for (const bool rough : {false, true}) {
      const Planes trained = warp(there, dense.cuda(), kind, rough);
      const c10::InferenceMode inference;
      const Planes here = warp(p, dense, kind, rough), moved = warp(there, dense.cuda(), kind, rough);
      EXPECT_LT((moved.y.cpu() - here.y).abs().max().item<double>(), 1e-6) << name_of(kind);
      EXPECT_LT((moved.uv.cpu() - here.uv).abs().max().item<double>(), 1e-6) << name_of(kind);
      EXPECT_TRUE(at::equal(trained.y, moved.y));
      EXPECT_TRUE(at::equal(trained.uv, moved.uv));
    }
  }
}

}  // namespace
}  // namespace tessera::models
