// The real Fourier transform against its definition, at sizes of every kind of factor.
#include "models/audio/fft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <random>
#include <stdexcept>
#include <vector>

namespace tessera::models::audio {
namespace {

std::vector<float> noise(int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<size_t>(n));
  for (float& x : out) x = normal(random);
  return out;
}

class Fft : public testing::TestWithParam<int64_t> {};

TEST_P(Fft, IsTheSumOfItsDefinition) {
  const int64_t n = GetParam(), count = 3;
  RealFft fft(n);
  const std::vector<float> x = noise(n * count, 1);
  std::vector<float> re(static_cast<size_t>(count * fft.bins())), im(re.size());
  fft.forward(x.data(), count, re.data(), im.data());
  const double unit = std::sqrt(static_cast<double>(n));
  const int64_t step = std::max<int64_t>(1, fft.bins() / 40);
  for (int64_t f = 0; f < count; ++f) {
    for (int64_t k = 0; k < fft.bins(); k += step) {
      std::complex<double> sum = 0;
      for (int64_t t = 0; t < n; ++t) sum += static_cast<double>(x[static_cast<size_t>(f * n + t)]) * std::polar(1.0, -2 * M_PI * static_cast<double>(k * t % n) / static_cast<double>(n));
      const auto at = static_cast<size_t>(f * fft.bins() + k);
      EXPECT_NEAR(static_cast<double>(re[at]), sum.real(), 3e-6 * unit) << k;
      EXPECT_NEAR(static_cast<double>(im[at]), sum.imag(), 3e-6 * unit) << k;
    }
  }
}

// Any number of frames, of which the last ones do not fill the lanes; each frame comes out the same whatever stands beside it.
TEST_P(Fft, InverseGivesTheSamplesBack) {
  const int64_t n = GetParam();
  RealFft fft(n);
  for (const int64_t count : {1, 8, 13}) {
    const std::vector<float> x = noise(n * count, 2);
    std::vector<float> re(static_cast<size_t>(count * fft.bins())), im(re.size()), back(x.size());
    fft.forward(x.data(), count, re.data(), im.data());
    fft.inverse(re.data(), im.data(), count, back.data());
    for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(back[i], x[i], 8e-6) << count << " " << i;
    std::vector<float> one_re(static_cast<size_t>(fft.bins())), one_im(one_re.size());
    fft.forward(x.data() + (count - 1) * n, 1, one_re.data(), one_im.data());
    for (size_t k = 0; k < one_re.size(); ++k) {
      ASSERT_EQ(one_re[k], re[re.size() - one_re.size() + k]);
      ASSERT_EQ(one_im[k], im[im.size() - one_im.size() + k]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Fft, testing::Values(2, 4, 6, 8, 10, 14, 18, 22, 30, 96, 256, 338, 480, 640, 1280, 1920, 2048, 2 * 7 * 11 * 13, 2 * 499));

TEST(RealFft, ImaginaryEndsDoNotCount) {
  RealFft fft(8);
  std::vector<float> re = noise(5, 3), im = noise(5, 4), a(8), b(8);
  fft.inverse(re.data(), im.data(), 1, a.data());
  im[0] = im[4] = 100;
  fft.inverse(re.data(), im.data(), 1, b.data());
  EXPECT_EQ(a, b);
}

TEST(RealFft, RefusesOtherSizes) {
  for (const int64_t n : {int64_t{-2}, int64_t{0}, int64_t{1}, int64_t{7}, (int64_t{1} << 20) + 2}) EXPECT_THROW(RealFft{n}, std::invalid_argument) << n;
}

}  // namespace
}  // namespace tessera::models::audio
