// The probability model of quantised values in video: a mixture of a Laplace and a logistic density, both of standard deviation
// sigma(row) = scale_min * exp(scale_step * row). The still-image model's mixture of Gaussian and logistic ended at the logistic
// end (docs/results/training.md), its residuals having heavier tails; residuals of motion compensation are more peaked still.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "entropy/cdf_table.h"

namespace tessera::models {

struct ScaleRows {
  int64_t rows = 80;
  double min = 0.12, step = 0.088;
  double sigma(double row) const;
  double row_of(double sigma) const;
};

// Bits of continuous values v under row `index` (of v's shape, or broadcast): -log2 of the mass of [v - 1/2, v + 1/2].
// `blend` [1] in logits weighs the Laplace density. Gradients reach all three.
at::Tensor symbol_bits(const at::Tensor& v, const at::Tensor& index, const at::Tensor& blend, const ScaleRows& scales);

// The mixture's mass of the integer s, and of everything outside of [-reach, reach], in double precision.
double symbol_mass(int s, double sigma, double laplace_weight);
double symbol_tail(int reach, double sigma, double laplace_weight);

// The integer tables that streams are coded with, made once at export.
std::vector<entropy::CdfTable::Row> symbol_rows(const ScaleRows& scales, double laplace_weight);

// Residuals of motion vectors are zero or anything: row r gives zero the mass 1 - share(r) and spreads the rest over two Laplace
// densities of 3 and 20 quarter samples; the logarithm of the odds of `share` moves linearly with the row.
inline constexpr int64_t kVectorRows = 64;
double vector_share(double row);
double vector_row_of(double share);
at::Tensor vector_bits(const at::Tensor& v, const at::Tensor& index);  // v: integers; gradients reach the index
double vector_mass(int s, double row);
std::vector<entropy::CdfTable::Row> vector_rows();

}  // namespace tessera::models
