// The training kernels against libtorch's own operators, in float32, bfloat16 and float16, over odd sizes.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "models/cuda/register.h"
#include "models/device.h"
#include "models/ops.h"

namespace tessera::models {
namespace {

struct Case {
  int64_t n, h, w, c;
  double slope;
  at::ScalarType type;
};

double distance(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
  return (x - y).norm().item<double>() / (y.norm().item<double>() + 1e-30);
}

class Kernels : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    std::string why;
    if (!load_cuda(&why)) GTEST_SKIP() << why;
    at::manual_seed(7);
  }
  double tolerance() const { return GetParam().type == at::kFloat ? 2e-6 : GetParam().type == at::kHalf ? 1e-3 : 8e-3; }
};

TEST_P(Kernels, Depthwise) {
  const Case k = GetParam();
  const auto options = at::TensorOptions().device(at::kCUDA).dtype(k.type);
  const at::Tensor x = at::randn({k.n, k.h, k.w, k.c}, options), w = at::randn({9, k.c}, options), b = at::randn({k.c}, options);
  const at::Tensor dy = at::randn({k.n, k.h, k.w, k.c}, options);
  std::array<at::Tensor, 4> with, without;
  for (auto* result : {&with, &without}) {
    cuda_kernels() = {};
    if (result == &with) cuda::register_kernels();
    // The reference runs in float32 on the same (rounded) inputs.
    const at::ScalarType type = result == &with ? k.type : at::kFloat;
    at::Tensor xs = x.to(type).clone().set_requires_grad(true), ws = w.to(type).clone().set_requires_grad(true),
               bs = b.to(type).clone().set_requires_grad(true);
    const at::Tensor y = depthwise3x3(xs, ws, bs, k.slope);
    torch::autograd::backward({y}, {dy.to(type)});
    *result = {y.detach(), xs.grad(), ws.grad(), bs.grad()};
  }
  for (size_t i = 0; i < 4; ++i) EXPECT_LT(distance(with[i], without[i]), tolerance()) << "output " << i;
}

TEST_P(Kernels, Gate) {
  const Case k = GetParam();
  const auto options = at::TensorOptions().device(at::kCUDA).dtype(k.type);
  const at::Tensor x = at::randn({k.n, k.h, k.w, 2 * k.c}, options), dy = at::randn({k.n, k.h, k.w, k.c}, options);
  std::array<at::Tensor, 2> with, without;
  for (auto* result : {&with, &without}) {
    cuda_kernels() = {};
    if (result == &with) cuda::register_kernels();
    const at::ScalarType type = result == &with ? k.type : at::kFloat;
    at::Tensor xs = x.to(type).clone().set_requires_grad(true);
    const at::Tensor y = gated_silu(xs);
    torch::autograd::backward({y}, {dy.to(type)});
    *result = {y.detach(), xs.grad()};
  }
  for (size_t i = 0; i < 2; ++i) EXPECT_LT(distance(with[i], without[i]), tolerance()) << "output " << i;
}

// In float32: in bfloat16 a product on the limit's edge falls to one side or the other.
TEST_P(Kernels, GateWithLimit) {
  const Case k = GetParam();
  const auto options = at::TensorOptions().device(at::kCUDA).dtype(at::kFloat);
  const at::Tensor x = 3 * at::randn({k.n, k.h, k.w, 2 * k.c}, options), dy = at::randn({k.n, k.h, k.w, k.c}, options);
  std::array<at::Tensor, 2> with, without;
  for (auto* result : {&with, &without}) {
    cuda_kernels() = {};
    if (result == &with) cuda::register_kernels();
    at::Tensor xs = x.clone().set_requires_grad(true);
    const at::Tensor y = gated_silu(xs, 2);
    torch::autograd::backward({y}, {dy});
    *result = {y.detach(), xs.grad()};
  }
  EXPECT_LE(with[0].abs().max().item<double>(), 2);
  for (size_t i = 0; i < 2; ++i) EXPECT_LT(distance(with[i], without[i]), 1e-3) << "output " << i;
}

INSTANTIATE_TEST_SUITE_P(Sizes, Kernels,
                         ::testing::Values(Case{2, 32, 32, 256, 0.01, at::kBFloat16}, Case{1, 16, 16, 320, 0.01, at::kFloat},
                                           Case{3, 5, 7, 64, 0.01, at::kBFloat16}, Case{1, 1, 1, 8, 1.0, at::kFloat},
                                           Case{1, 9, 33, 192, 1.0, at::kFloat}, Case{2, 9, 17, 96, 0.01, at::kHalf}, Case{1, 1, 3, 8, 1.0, at::kHalf}, Case{2, 4, 4, 128, 1.0, at::kBFloat16}));

}  // namespace
}  // namespace tessera::models
