#include "models/video/symbol_model.h"

#include <algorithm>
#include <cmath>

#include "models/ops.h"
#include "models/still_model.h"

namespace tessera::models {
namespace {

const double kLogisticUnit = M_PI / std::sqrt(3.0);  // of unit variance

// Mass above v >= 0 of a density of standard deviation 1.
double laplace_above(double v) { return 0.5 * std::exp(-M_SQRT2 * v); }
double logistic_above(double v) { return 1 / (1 + std::exp(v * kLogisticUnit)); }

}  // namespace

double ScaleRows::sigma(double row) const { return min * std::exp(step * row); }
double ScaleRows::row_of(double s) const { return std::log(s / min) / step; }

at::Tensor symbol_bits(const at::Tensor& v, const at::Tensor& index, const at::Tensor& blend, const ScaleRows& scales) {
  const at::Tensor inverse = at::exp(index * -scales.step) / scales.min;
  const at::Tensor a = v.abs();
  const at::Tensor far = (a + 0.5) * inverse, near = (a - 0.5) * inverse;
  const at::Tensor logistic = at::sigmoid(far * kLogisticUnit) - at::sigmoid(near * kLogisticUnit);
  // The nearer edge lies on the other side of zero for |v| < 1/2; both branches use exp of nothing positive.
  const at::Tensor outer = 0.5 * at::exp(far * -M_SQRT2), edge = 0.5 * at::exp(near.abs() * -M_SQRT2);
  const at::Tensor laplace = at::where(near > 0, edge, 1 - edge) - outer;
  const at::Tensor w = at::sigmoid(blend);
  return at::log2(clamp_ste(w * laplace + (1 - w) * logistic, 1e-7, 1.0)).neg();
}

double symbol_mass(int s, double sigma, double laplace_weight) {
  const double far = (std::abs(s) + 0.5) / sigma, near = (std::abs(s) - 0.5) / sigma;
  const double laplace = (near > 0 ? laplace_above(near) : 1 - laplace_above(-near)) - laplace_above(far);
  const double logistic = logistic_above(near) - logistic_above(far);
  return laplace_weight * laplace + (1 - laplace_weight) * logistic;
}

double symbol_tail(int reach, double sigma, double laplace_weight) {
  const double v = (reach + 0.5) / sigma;
  return 2 * (laplace_weight * laplace_above(v) + (1 - laplace_weight) * logistic_above(v));
}

std::vector<entropy::CdfTable::Row> symbol_rows(const ScaleRows& scales, double laplace_weight) {
  std::vector<entropy::CdfTable::Row> rows;
  for (int64_t i = 0; i < scales.rows; ++i) {
    const double sigma = scales.sigma(static_cast<double>(i));
    const int reach = static_cast<int>(std::min(250.0, std::ceil(4.5 * sigma) + 1));
    std::vector<double> pmf;
    for (int s = -reach; s <= reach; ++s) pmf.push_back(symbol_mass(s, sigma, laplace_weight));
    rows.push_back(entropy::quantise_pmf(kTablePrecision, -reach, pmf, symbol_tail(reach, sigma, laplace_weight)));
  }
  return rows;
}

}  // namespace tessera::models
