#include "codec/transfer.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

// On the CPU; on a GPU see tests/cuda/transfer_test.cpp.
TEST(Transfer, TakesWhatIsThere) {
  const at::Tensor x = at::arange(24, at::kFloat).reshape({2, 3, 4});
  Arrivals arrivals;
  const at::Tensor same = arrivals.take(x, at::kFloat), bytes = arrivals.take(x.transpose(0, 2), at::kByte);
  arrivals.wait();
  EXPECT_EQ(same.data_ptr(), x.data_ptr());
  EXPECT_TRUE(bytes.is_contiguous());
  EXPECT_EQ(bytes.scalar_type(), at::kByte);
  EXPECT_TRUE(bytes.equal(x.transpose(0, 2).to(at::kByte)));
}

TEST(Transfer, SendsAsAnotherType) {
  at::Tensor x = host_tensor({3, 2}, at::kChar, at::kCPU);
  x.copy_(at::tensor({-128, -1, 0, 1, 2, 127}).reshape({3, 2}));
  const at::Tensor y = sent(x, at::kFloat, at::kCPU);
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  EXPECT_TRUE(y.equal(x.to(at::kFloat)));
}

TEST(Transfer, TakesNothing) {
  Arrivals arrivals;
  arrivals.wait();
  const at::Tensor none = arrivals.take(at::empty({0, 5}), at::kInt);
  arrivals.wait();
  EXPECT_EQ(none.numel(), 0);
  EXPECT_EQ(host_tensor({0}, at::kInt, at::kCPU).numel(), 0);
}

}  // namespace
}  // namespace tessera
