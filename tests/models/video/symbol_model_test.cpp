#include "models/video/symbol_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/still_model.h"
#include "tests/models/tensors.h"

namespace tessera::models {
namespace {

TEST(SymbolModel, MassesSumToOne) {
  for (const double sigma : {0.12, 0.5, 3.0, 40.0}) {
    for (const double laplace : {0.0, 0.3, 1.0}) {
      double sum = symbol_tail(20, sigma, laplace);
      for (int s = -20; s <= 20; ++s) sum += symbol_mass(s, sigma, laplace);
      EXPECT_NEAR(sum, 1, 1e-9) << sigma << " " << laplace;
      EXPECT_EQ(symbol_mass(3, sigma, laplace), symbol_mass(-3, sigma, laplace));
    }
  }
}

TEST(SymbolModel, TensorsAgreeWithDoubles) {
  const ScaleRows scales;
  const at::Tensor v = at::arange(-6, 7, at::kFloat), blend = at::full({1}, 0.4f);
  const double laplace = 1 / (1 + std::exp(-0.4));
  for (const int row : {5, 20, 45, 79}) {
    const at::Tensor bits = symbol_bits(v, at::full({1}, static_cast<float>(row)), blend, scales);
    for (int s = -6; s <= 6; ++s) {
      const double expected = -std::log2(std::max(1e-7, symbol_mass(s, scales.sigma(row), laplace)));
      EXPECT_NEAR(bits[s + 6].item<double>(), expected, 1e-3 + 1e-3 * expected) << row << " " << s;
    }
  }
}

TEST(SymbolModel, RowsCostWhatTheModelSays) {
  const ScaleRows scales;
  const auto rows = symbol_rows(scales, 0.5);
  ASSERT_EQ(rows.size(), static_cast<size_t>(scales.rows));
  const auto table = entropy::CdfTable::create(kTablePrecision, rows, 0, nullptr);
  ASSERT_TRUE(table);
  for (const int row : {20, 40, 70}) {
    for (const int s : {0, 1, -2}) EXPECT_NEAR(table->bits(row, s), -std::log2(symbol_mass(s, scales.sigma(row), 0.5)), 0.1) << row << " " << s;
  }
}

TEST(SymbolModel, ScalesAndRowsAreInverse) {
  const ScaleRows scales;
  for (const double row : {0.0, 12.5, 79.0}) EXPECT_NEAR(scales.row_of(scales.sigma(row)), row, 1e-9);
}

TEST(VectorRows, MassesSumToOneAndTensorsAgree) {
  const at::Tensor v = at::arange(-300, 301, at::kFloat);
  for (const int row : {0, 30, 63}) {
    double sum = 0;
    for (int s = -300; s <= 300; ++s) sum += vector_mass(s, row);
    EXPECT_NEAR(sum, 1, 1e-6);
    const at::Tensor bits = vector_bits(v, at::full({1}, static_cast<float>(row)));
    for (const int s : {-40, -1, 0, 2, 17}) EXPECT_NEAR(bits[300 + s].item<double>(), -std::log2(vector_mass(s, row)), 1e-2) << row << " " << s;
  }
  EXPECT_NEAR(vector_share(vector_row_of(0.2)), 0.2, 1e-9);
}

TEST(VectorRows, TablesCostWhatTheModelSays) {
  std::string error;
  const auto table = entropy::CdfTable::create(entropy::kMaxPrecision, vector_rows(), 0, &error);
  ASSERT_TRUE(table) << error;
  for (const int row : {10, 40, 60}) {
    for (const int s : {0, 1, -8}) EXPECT_NEAR(table->bits(row, s), -std::log2(vector_mass(s, row)), 0.3) << row << " " << s;
  }
  EXPECT_LT(table->bits(0, 0), 0.01);      // where nothing moves, vectors cost nothing
  EXPECT_LT(table->bits(40, 2000), 40);    // far ones escape
}

TEST(SymbolModel, GradientsAreFinite) {
  at::Tensor v = (at::arange(-50, 51, at::kFloat) * 0.25).requires_grad_(), index = at::full({101}, 10.f).requires_grad_();
  at::Tensor blend = at::zeros({1}).requires_grad_();
  symbol_bits(v, index, blend, ScaleRows{}).sum().backward();
  for (const at::Tensor& t : {v, index, blend}) EXPECT_TRUE(at::isfinite(t.grad()).all().item<bool>());
}

}  // namespace
}  // namespace tessera::models
