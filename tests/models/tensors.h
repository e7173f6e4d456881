// Random tensors from a seed, and comparisons that say where two tensors part.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace tessera::models::test {

// Integers in [-max, max] as float32; a third of them at the two ends, where sums are largest.
at::Tensor random_integers(at::IntArrayRef shape, int64_t max, uint64_t seed);

// Standard normal float32.
at::Tensor random_normal(at::IntArrayRef shape, uint64_t seed);

// Bit for bit, with the first difference in the message.
testing::AssertionResult same(const at::Tensor& a, const at::Tensor& b);

// |a - b| <= tolerance * max(1, |b|), everywhere.
testing::AssertionResult close(const at::Tensor& a, const at::Tensor& b, double tolerance);

// The number of libtorch's threads within a scope.
class Threads {
 public:
  explicit Threads(int n) : before_(at::get_num_threads()) { at::set_num_threads(n); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

}  // namespace tessera::models::test
