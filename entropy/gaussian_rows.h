// Rows of zero-mean, integer-quantised Gaussians: the usual model of a latent. For tools, trainers and tests
// only: the error function differs between C libraries, so rows travel in the weights file and are never
// recomputed by a decoder.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "entropy/cdf_table.h"

namespace tessera::entropy {

// The standard deviation of level i of `levels` (>= 2), log-spaced from `lowest` to `highest` (latent units,
// > 0).
inline double log_spaced_scale(int i, int levels, double lowest, double highest) {
  return lowest * std::exp(std::log(highest / lowest) * i / (levels - 1));
}

// P(round(x) = k) for x ~ N(0, sigma), k in [-h, h]. h is the smallest half-width whose tails hold less than
// half a count of 2^precision, at most max_half_width; the escape takes the rest.
inline CdfTable::Row gaussian_row(int precision, double sigma, int max_half_width = 255) {
  // The complementary error function keeps its precision in the tails, where 1 - erf would be rounding noise.
  auto upper = [&](double x) { return 0.5 * std::erfc(x / (sigma * std::sqrt(2.0))); };
  int half = 1;
  while (half < max_half_width && 2 * upper(half + 0.5) > std::ldexp(0.5, -precision)) ++half;
  std::vector<double> pmf;
  for (int k = -half; k <= half; ++k) pmf.push_back(upper(std::abs(k) - 0.5) - upper(std::abs(k) + 0.5));
  return quantise_pmf(precision, -half, pmf, 2 * upper(half + 0.5));
}

// `levels` such rows over log-spaced scales.
inline std::vector<CdfTable::Row> gaussian_rows(int precision, int levels, double lowest, double highest) {
  std::vector<CdfTable::Row> rows;
  for (int i = 0; i < levels; ++i) {
    rows.push_back(gaussian_row(precision, log_spaced_scale(i, levels, lowest, highest)));
  }
  return rows;
}

}  // namespace tessera::entropy
