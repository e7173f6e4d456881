// The loops over blocks against the tensor operators whose place they take in inference on a CPU.
#include "models/video/cpu_planes.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "models/ops.h"
#include "models/video/phase_warp.h"
#include "models/video/vectors.h"
#include "tests/models/tensors.h"

namespace tessera::models {
namespace {

using test::random_integers;
using test::random_normal;
using test::same;
using test::Threads;

Planes random_planes(int64_t batch, int64_t height, int64_t width, uint64_t seed) {
  return {random_normal({batch, 1, height, width}, seed), random_normal({batch, 2, height / 2, width / 2}, seed + 1)};
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

constexpr Interpolation kKinds[] = {Interpolation::bicubic, Interpolation::lagrange};

TEST(CpuPlanes, WarpedAsByTheTensorOperators) {
  for (const Interpolation kind : kKinds) {
    for (const auto& [height, width, reach] : {std::tuple<int64_t, int64_t, int>{16, 16, 40}, {48, 80, 7}, {48, 80, 300}, {160, 32, 4095}}) {
      const Planes reference = random_planes(2, height, width, 5);
      const at::Tensor dense = random_integers({2, height / 8, width / 8, 2}, reach, 9);
      const Planes slow = warp(reference, dense, kind);
      const Planes exact = {warp_planes_by_phases(reference.y, dense, 8, 4, kind), warp_planes_by_phases(reference.uv, dense, 4, 8, kind)};
      const Threads threads(2);
      const c10::InferenceMode inference;
      const Planes fast = warp(reference, dense, kind);
      // Positions of the grid sampler, which does it in training for bicubic, are rounded to some 10^-5 samples.
      const double near = kind == Interpolation::bicubic ? 2e-3 : 4e-6;
      EXPECT_LT(largest_difference(fast.y, slow.y), near) << name_of(kind) << ' ' << reach;
      EXPECT_LT(largest_difference(fast.uv, slow.uv), near) << name_of(kind) << ' ' << reach;
      // Those of exact phases are not.
      EXPECT_LT(largest_difference(fast.y, exact.y), 4e-6) << name_of(kind) << ' ' << reach;
      EXPECT_LT(largest_difference(fast.uv, exact.uv), 4e-6) << name_of(kind) << ' ' << reach;
    }
  }
}

TEST(CpuPlanes, WholeShiftsAreCopies) {
  const c10::InferenceMode inference;
  const Planes reference = random_planes(1, 32, 32, 3);
  const at::Tensor still = at::zeros({1, 4, 4, 2}), aside = at::full({1, 4, 4, 2}, 8.0);  // two luma samples, one of chroma
  for (const Interpolation kind : kKinds) {
    EXPECT_TRUE(same(warp(reference, still, kind).y, reference.y));
    EXPECT_TRUE(same(warp(reference, still, kind).uv, reference.uv));
    const Planes moved = warp(reference, aside, kind);
    EXPECT_TRUE(same(moved.y.narrow(2, 0, 30).narrow(3, 0, 30), reference.y.narrow(2, 2, 30).narrow(3, 2, 30)));
    EXPECT_TRUE(same(moved.uv.narrow(2, 0, 15).narrow(3, 0, 15), reference.uv.narrow(2, 1, 15).narrow(3, 1, 15)));
  }
}

TEST(CpuPlanes, PatchesThereAndBack) {
  const Planes a = random_planes(2, 32, 48, 1), b = random_planes(2, 32, 48, 7);
  const at::Tensor patches = to_patches(a), centred = centred_patches(a), paired = paired_patches(a, b);
  const c10::InferenceMode inference;
  EXPECT_TRUE(same(centred_patches(a), centred));
  EXPECT_TRUE(same(paired_patches(a, b), paired));
  const Planes back = from_patches(patches);
  EXPECT_TRUE(same(back.y, a.y));
  EXPECT_TRUE(same(back.uv, a.uv));
}

TEST(CpuPlanes, DepthAndSpace) {
  for (const int64_t s : {2, 4}) {
    const at::Tensor deep = random_normal({2, 3, 5, 6 * s * s}, 4), wide = random_normal({2, 3 * s, 5 * s, 7}, 6);
    const at::Tensor spread = depth_to_space(deep, s), folded = space_to_depth(wide, s);
    const c10::InferenceMode inference;
    EXPECT_TRUE(same(depth_to_space(deep, s), spread));
    EXPECT_TRUE(same(space_to_depth(wide, s), folded));
    EXPECT_TRUE(same(space_to_depth(depth_to_space(deep, s), s), deep));
  }
}

}  // namespace
}  // namespace tessera::models
