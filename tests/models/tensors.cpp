#include "tests/models/tensors.h"

#include <random>

namespace tessera::models::test {

at::Tensor random_integers(at::IntArrayRef shape, int64_t max, uint64_t seed) {
  std::mt19937_64 rng(seed);
  at::Tensor t = at::empty(shape, at::kFloat);
  float* p = t.data_ptr<float>();
  for (int64_t i = 0; i < t.numel(); ++i) {
    const uint64_t kind = rng() % 6;
    const auto inner = static_cast<int64_t>(rng() % static_cast<uint64_t>(2 * max + 1)) - max;
    p[i] = static_cast<float>(kind == 0 ? max : kind == 1 ? -max : inner);
  }
  return t;
}

at::Tensor random_normal(at::IntArrayRef shape, uint64_t seed) {
  at::manual_seed(seed);
  return at::randn(shape, at::kFloat);
}

namespace {

testing::AssertionResult report(const at::Tensor& a, const at::Tensor& b, const at::Tensor& wrong) {
  const at::Tensor where = wrong.reshape({-1}).nonzero();
  if (where.numel() == 0) return testing::AssertionSuccess();
  const int64_t i = where[0].item<int64_t>();
  return testing::AssertionFailure() << where.size(0) << " of " << a.numel()
                                     << " elements differ, the first at " << i << ": "
                                     << a.reshape({-1})[i].item<double>() << " against "
                                     << b.reshape({-1})[i].item<double>();
}

}  // namespace

testing::AssertionResult same(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes())
    return testing::AssertionFailure() << "shapes " << a.sizes() << " and " << b.sizes();
  return report(a, b, a.ne(b));
}

testing::AssertionResult close(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  if (a.sizes() != b.sizes())
    return testing::AssertionFailure() << "shapes " << a.sizes() << " and " << b.sizes();
  // Written so that a NaN is a difference.
  return report(a, b, (a - b).abs().le(b.abs().clamp_min(1) * tolerance).logical_not());
}

}  // namespace tessera::models::test
