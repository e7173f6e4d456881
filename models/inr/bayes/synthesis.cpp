#include "models/inr/bayes/synthesis.h"

#include <algorithm>
#include <cmath>

#include "models/inr/bayes/codebook.h"

namespace tessera::models::inr::bayes {
namespace {

// out[j] += sum of x[i] matrix[i][j].
void add_product(std::span<const float> x, const float* matrix, size_t columns, float* out) {
  for (size_t i = 0; i < x.size(); ++i) {
    if (x[i] == 0) continue;
    const float* const row = matrix + i * columns;
    for (size_t j = 0; j < columns; ++j) out[j] += x[i] * row[j];
  }
}

class Synthesis {
 public:
  Synthesis(const Prior& prior, const Layout& layout, std::span<const int16_t> latents, double weight)
      : p_(prior), g_(prior.geometry), l_(layout), noise_(static_cast<float>(noise_of(g_, weight))), rest_(static_cast<size_t>(g_.planes * (g_.cell_area() - 1))) {
    values_.reserve(latents.size());
    for (const int16_t v : latents) values_.push_back(static_cast<float>(v) / kUnit);
  }

  std::vector<float> run() {
    lowest_coefficients();
    std::vector<float> planes = kernels();
    return network(planes);
  }

 private:
  std::span<const float> picture() const { return {values_.data(), static_cast<size_t>(l_.picture)}; }
  std::span<const float> super(int64_t y, int64_t x) const {
    return {values_.data() + l_.picture + (y * l_.supers_x + x) * l_.super, static_cast<size_t>(l_.super)};
  }
  std::span<const float> cell(int64_t y, int64_t x) const {
    return {values_.data() + l_.picture + l_.supers_y * l_.supers_x * l_.super + (y * l_.cells_x + x) * l_.cell, static_cast<size_t>(l_.cell)};
  }

  // The first coefficient of each cell and plane: [planes][cells_y][cells_x].
  void lowest_coefficients() {
    const auto area = static_cast<size_t>(g_.super_area());
    low_.assign(static_cast<size_t>(g_.planes * l_.cells_y * l_.cells_x), 0.f);
    std::vector<float> own(area), cells(area);
    for (int64_t sy = 0; sy < l_.supers_y; ++sy) {
      for (int64_t sx = 0; sx < l_.supers_x; ++sx) {
        const auto latents = super(sy, sx).subspan(static_cast<size_t>(g_.super_scales));
        for (int p = 0; p < g_.planes; ++p) {
          const size_t at = static_cast<size_t>(p) * area;
          for (size_t i = 0; i < area; ++i) own[i] = latents[at + i] * gain_of(p_.super_base[at + i], noise_);
          std::fill(cells.begin(), cells.end(), 0.f);
          add_product(own, p_.lift.data() + at * area, area, cells.data());
          for (int64_t i = 0; i < g_.super_area(); ++i) {
            const int64_t y = sy * g_.super_h + i / g_.super_w, x = sx * g_.super_w + i % g_.super_w;
            if (y < l_.cells_y && x < l_.cells_x) low_[static_cast<size_t>((p * l_.cells_y + y) * l_.cells_x + x)] = cells[static_cast<size_t>(i)];
          }
        }
      }
    }
  }

  // The picture's planes: [planes][height][width].
  std::vector<float> kernels() const {
    const int64_t canvas_h = (l_.cells_y + (g_.overlap_rows ? 1 : 0)) * g_.cell_h, canvas_w = (l_.cells_x + 1) * g_.cell_w;
    const auto area = static_cast<size_t>(g_.cell_area()), window = static_cast<size_t>(g_.window_h() * g_.window_w());
    std::vector<float> canvas(static_cast<size_t>(g_.planes * canvas_h * canvas_w)), shared = p_.base, logs, coefficients(area), block(window);
    add_product(picture().first(static_cast<size_t>(g_.picture_scales)), p_.by_picture.data(), rest_, shared.data());
    for (int64_t cy = 0; cy < l_.cells_y; ++cy) {
      for (int64_t cx = 0; cx < l_.cells_x; ++cx) {
        const auto latents = cell(cy, cx);
        logs = shared;
        add_product(super(cy / g_.super_h, cx / g_.super_w).first(static_cast<size_t>(g_.super_scales)), p_.by_super.data(), rest_, logs.data());
        add_product(latents.first(static_cast<size_t>(g_.cell_scales)), p_.by_cell.data(), rest_, logs.data());
        for (int p = 0; p < g_.planes; ++p) {
          const size_t begin = static_cast<size_t>(p) * (area - 1);
          coefficients[0] = low_[static_cast<size_t>((p * l_.cells_y + cy) * l_.cells_x + cx)];
          for (size_t i = 0; i + 1 < area; ++i) {
            const float v = latents[static_cast<size_t>(g_.cell_scales) + begin + i];
            coefficients[i + 1] = v == 0 ? 0 : v * gain_of(logs[begin + i], noise_);
          }
          std::fill(block.begin(), block.end(), 0.f);
          add_product(coefficients, p_.kernel.data() + static_cast<size_t>(p) * area * window, window, block.data());
          for (int y = 0; y < g_.window_h(); ++y) {
            float* const to = canvas.data() + (p * canvas_h + cy * g_.cell_h + y) * canvas_w + cx * g_.cell_w;
            for (int x = 0; x < g_.window_w(); ++x) to[x] += block[static_cast<size_t>(y * g_.window_w() + x)];
          }
        }
      }
    }
    std::vector<float> planes;
    planes.reserve(static_cast<size_t>(g_.planes * l_.height * l_.width));
    for (int p = 0; p < g_.planes; ++p) {
      for (int64_t y = 0; y < l_.height; ++y) {
        const float* const row = canvas.data() + (p * canvas_h + l_.top + y) * canvas_w + l_.left;
        planes.insert(planes.end(), row, row + l_.width);
      }
    }
    return planes;
  }

  std::vector<float> network(const std::vector<float>& planes) const {
    std::vector<float> w = p_.network;
    add_product(picture().subspan(static_cast<size_t>(g_.picture_scales)), p_.basis.data(), w.size(), w.data());
    const int n = g_.planes, f = g_.features();
    const float *direct = w.data(), *bias = direct + n * n, *first = bias + n, *first_bias = first + g_.hidden * f, *last = first_bias + g_.hidden;
    const int64_t pixels = l_.height * l_.width;
    std::vector<float> out(static_cast<size_t>(n * pixels)), u(static_cast<size_t>(f));
    for (int64_t y = 0; y < l_.height; ++y) {
      const std::vector<float> rows = place(y, l_.height);
      std::copy(rows.begin(), rows.end(), u.begin() + n);
      for (int64_t x = 0; x < l_.width; ++x) {
        const int64_t at = y * l_.width + x;
        if (y == 0) columns_.push_back(place(x, l_.width));
        const std::vector<float>& column = columns_[static_cast<size_t>(x)];
        std::copy(column.begin(), column.end(), u.begin() + n + 2 * g_.octaves);
        for (int p = 0; p < n; ++p) u[static_cast<size_t>(p)] = planes[static_cast<size_t>(p * pixels + at)];
        float v[3];
        for (int o = 0; o < n; ++o) {
          v[o] = bias[o];
          for (int p = 0; p < n; ++p) v[o] += direct[o * n + p] * u[static_cast<size_t>(p)];
        }
        for (int j = 0; j < g_.hidden; ++j) {
          float sum = first_bias[j];
          for (int i = 0; i < f; ++i) sum += first[j * f + i] * u[static_cast<size_t>(i)];
          sum = std::sin(sum);
          for (int o = 0; o < n; ++o) v[o] += last[o * g_.hidden + j] * sum;
        }
        for (int o = 0; o < n; ++o) out[static_cast<size_t>(o * pixels + at)] = v[o];
      }
    }
    return out;
  }

  std::vector<float> place(int64_t at, int64_t size) const {
    std::vector<float> out;
    const double v = (static_cast<double>(at) + 0.5) / static_cast<double>(size);
    for (int k = 0; k < g_.octaves; ++k) {
      out.push_back(static_cast<float>(std::sin(M_PI * (1 << k) * v)));
      out.push_back(static_cast<float>(std::cos(M_PI * (1 << k) * v)));
    }
    return out;
  }

  const Prior& p_;
  const Geometry& g_;
  const Layout& l_;
  float noise_;
  size_t rest_;  // coefficients of a cell without the lowest
  std::vector<float> values_, low_;
  mutable std::vector<std::vector<float>> columns_;
};

}  // namespace

float gain_of(float log_deviation, float noise) {
  const float variance = std::exp(2 * std::clamp(log_deviation, kLeastLog, kMostLog));
  const float above = kSharpness * (variance / noise - 1);
  const float soft = above > 20 ? above : std::log1p(std::exp(above));
  return std::sqrt(noise * soft / kSharpness);
}

std::vector<float> synthesise(const Prior& prior, const Layout& layout, std::span<const int16_t> latents, double weight) {
  return Synthesis(prior, layout, latents, weight).run();
}

}  // namespace tessera::models::inr::bayes
