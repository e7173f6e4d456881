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

constexpr double kShareFirst = -8.0, kShareStep = 0.18;  // logarithm of the odds
constexpr double kNear = 3.0, kFar = 20.0;               // standard deviations, quarter samples
constexpr int kVectorReach = 100;

// Mass of the integer s under a Laplace density.
double laplace_mass(int s, double sigma) {
  return s == 0 ? 1 - 2 * laplace_above(0.5 / sigma) : laplace_above((std::abs(s) - 0.5) / sigma) - laplace_above((std::abs(s) + 0.5) / sigma);
}
at::Tensor laplace_mass(const at::Tensor& a, double sigma) {
  const at::Tensor outer = at::exp((a + 0.5) * (-M_SQRT2 / sigma)), inner = at::exp((a - 0.5).abs() * (-M_SQRT2 / sigma));
  return at::where(a > 0, (inner - outer) * 0.5, 1 - inner);
}

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

double vector_share(double row) { return 1 / (1 + std::exp(-kShareFirst - kShareStep * row)); }
double vector_row_of(double share) { return (std::log(share / (1 - share)) - kShareFirst) / kShareStep; }

at::Tensor vector_bits(const at::Tensor& v, const at::Tensor& index) {
  const at::Tensor a = v.abs(), share = at::sigmoid(index * kShareStep + kShareFirst);
  const at::Tensor spread = (laplace_mass(a, kNear) + laplace_mass(a, kFar)) * 0.5 * share;
  return at::log2(clamp_ste(at::where(a > 0, spread, spread + 1 - share), 1e-9, 1.0)).neg();
}

double vector_mass(int s, double row) {
  const double share = vector_share(row), spread = 0.5 * (laplace_mass(s, kNear) + laplace_mass(s, kFar)) * share;
  return s == 0 ? spread + 1 - share : spread;
}

std::vector<entropy::CdfTable::Row> vector_rows() {
  std::vector<entropy::CdfTable::Row> rows;
  for (int64_t i = 0; i < kVectorRows; ++i) {
    std::vector<double> pmf;
    for (int s = -kVectorReach; s <= kVectorReach; ++s) pmf.push_back(vector_mass(s, static_cast<double>(i)));
    const double edge = kVectorReach + 0.5;
    const double tail = (laplace_above(edge / kNear) + laplace_above(edge / kFar)) * vector_share(static_cast<double>(i));
    rows.push_back(entropy::quantise_pmf(entropy::kMaxPrecision, -kVectorReach, pmf, tail));
  }
  return rows;
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
