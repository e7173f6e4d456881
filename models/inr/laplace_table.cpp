#include "models/inr/laplace_table.h"

#include "entropy/cdf_table.h"

namespace tessera::models::inr {
namespace {

constexpr int kMaxHalf = 320;
constexpr int kSteps = 1 << kPhaseBits;
constexpr double kTail = 1.0 / (1 << (kProbabilityBits + 1));  // beyond the support, on either side, unless kMaxHalf ends it

// u = exp(-1 / 16b): the tail beyond j sixteenths of the mean is u^j / 2.
LaplaceTable::Row make_row(double u, int phase) {
  double step = u;  // u^16
  for (int i = 0; i < kPhaseBits; ++i) step *= step;
  // Tails above +1/2, +3/2, ... of the nearest whole number and below -1/2, -3/2, ...; the mean lies `phase` sixteenths above it.
  double above = 0.5, below = 0.5;
  for (int i = 0; i < kSteps / 2 - phase; ++i) above *= u;
  for (int i = 0; i < kSteps / 2 + phase; ++i) below *= u;
  std::vector<double> right{above}, left{below};  // tails beyond 1/2 + k
  while (right.back() > kTail && static_cast<int>(right.size()) <= kMaxHalf) {
    right.push_back(right.back() * step);
    left.push_back(left.back() * step);
  }
  LaplaceTable::Row row;
  row.half = static_cast<int>(right.size()) - 1;
  const auto half = static_cast<size_t>(row.half);
  std::vector<double> pmf(2 * half + 1);
  for (size_t k = 1; k <= half; ++k) {
    pmf[half + k] = right[k - 1] - right[k];
    pmf[half - k] = left[k - 1] - left[k];
  }
  pmf[half] = 1 - right[0] - left[0];
  const entropy::CdfTable::Row integers = entropy::quantise_pmf(kProbabilityBits, -row.half, pmf, right[half] + left[half]);
  row.start.assign(2 * half + 3, 0);
  const auto set = [&](size_t index, uint32_t frequency) { row.start[index + 1] = frequency; };
  set(0, integers.freq.back());
  for (int k = -row.half; k <= row.half; ++k) set(row.index(k), integers.freq[static_cast<size_t>(k + row.half)]);
  for (size_t i = 1; i < row.start.size(); ++i) row.start[i] += row.start[i - 1];
  return row;
}

}  // namespace

LaplaceTable::LaplaceTable() {
  double d = kFirst;
  for (int scale = 0; scale < kScales; ++scale, d *= kRatio) {
    for (int phase = 0; phase < kPhases; ++phase) rows_.push_back(make_row(1 - d, phase));
  }
}

const LaplaceTable& LaplaceTable::get() {
  static const LaplaceTable table;
  return table;
}

}  // namespace tessera::models::inr
