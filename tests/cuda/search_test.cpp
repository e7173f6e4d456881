// The motion search's kernels find what the same search finds on the CPU, vector by vector.
#include <gtest/gtest.h>

#include "models/cuda/register.h"
#include "models/device.h"
#include "models/video/motion_search.h"

namespace tessera::models {
namespace {

struct Case {
  int64_t batch, height, width;
  double penalty;
  SearchOptions options;
};

class SearchKernels : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    std::string why;
    if (!load_cuda(&why)) GTEST_SKIP() << why;
    cuda::register_kernels();
    at::manual_seed(3);
  }
};

// Smooth noise, and the same moved by a few samples with some noise of its own.
std::pair<at::Tensor, at::Tensor> pictures(const Case& c) {
  const at::Tensor rough = at::rand({c.batch, 1, c.height / 4 + 8, c.width / 4 + 8});
  const at::Tensor smooth = at::upsample_bicubic2d(rough, {c.height + 32, c.width + 32}, false).clamp(0, 1);
  const at::Tensor before = smooth.narrow(2, 9, c.height).narrow(3, 12, c.width);
  const at::Tensor now = smooth.narrow(2, 4, c.height).narrow(3, 17, c.width) + 0.02 * at::randn_like(before);
  return {now.contiguous(), before.contiguous()};
}

TEST_P(SearchKernels, EqualTheCpus) {
  const Case& c = GetParam();
  const auto [now, before] = pictures(c);
  const at::Tensor penalty = at::full({c.batch, 1, 1}, c.penalty);
  const VectorField expected = search_vectors_coloured(now, before, penalty, c.options);
  ASSERT_TRUE(gpu_search_is_good());
  const VectorField found = search_vectors(now.cuda(), before.cuda(), penalty.cuda(), c.options);
  EXPECT_TRUE(at::equal(found.coarse.cpu(), expected.coarse));
  EXPECT_TRUE(at::equal(found.delta.cpu(), expected.delta));
}

INSTANTIATE_TEST_SUITE_P(Sizes, SearchKernels,
                         ::testing::Values(Case{1, 16, 16, 4, {}}, Case{1, 64, 48, 4, {.visits = 3, .diagonals = true}}, Case{3, 48, 176, 0.3, {.reach = 16}},
                                           Case{2, 256, 256, 12, {.quarters = false}}, Case{1, 368, 640, 40, {.reach = 64, .visits = 3, .diagonals = true}},
                                           Case{1, 1088, 1920, 8, {.visits = 3, .diagonals = true}}, Case{20, 128, 128, 5, {}}, Case{1, 16, 16, 4, {.interpolation = Interpolation::lagrange}},
                                           Case{3, 48, 176, 0.3, {.reach = 16, .interpolation = Interpolation::lagrange}},
                                           Case{2, 368, 640, 40, {.reach = 64, .visits = 3, .diagonals = true, .interpolation = Interpolation::lagrange}},
                                           Case{2, 176, 48, 0.1, {.reach = 256, .interpolation = Interpolation::lagrange}}));

}  // namespace
}  // namespace tessera::models
