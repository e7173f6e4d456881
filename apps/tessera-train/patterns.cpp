#include "apps/tessera-train/patterns.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>

namespace tessera::train {
namespace {

using Colour = std::array<double, 3>;  // 0..1

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  // The library's distributions differ between implementations; the engine does not.
  double unit() { return static_cast<double>(engine_()) * (1.0 / 4294967296.0); }
  double between(double low, double high) { return low + (high - low) * unit(); }
  int64_t below(int64_t n) { return static_cast<int64_t>(unit() * static_cast<double>(n)); }
  // Half of the colours lie in the corners of the cube: saturated, black, white.
  Colour colour() {
    const bool corner = unit() < 0.5;
    Colour c;
    for (double& v : c) v = corner ? static_cast<double>(below(2)) : unit();
    return c;
  }

 private:
  std::mt19937 engine_;
};

// A picture under work.
class Canvas {
 public:
  explicit Canvas(int64_t side) : side_(side) { picture_ = {side, side, std::vector<uint8_t>(static_cast<size_t>(3 * side * side))}; }

  void put(int64_t x, int64_t y, const Colour& c) {
    uint8_t* at = picture_.rgb.data() + 3 * (y * side_ + x);
    for (size_t i = 0; i < 3; ++i) at[i] = static_cast<uint8_t>(std::lround(std::clamp(c[i], 0.0, 1.0) * 255));
  }
  void rectangle(int64_t x0, int64_t y0, int64_t w, int64_t h, const Colour& c) {
    for (int64_t y = std::max<int64_t>(y0, 0); y < std::min(y0 + h, side_); ++y) {
      for (int64_t x = std::max<int64_t>(x0, 0); x < std::min(x0 + w, side_); ++x) put(x, y, c);
    }
  }
  // Between two colours by a function of the place, 0..1.
  void mix(const Colour& a, const Colour& b, const std::function<double(double, double)>& of) {
    for (int64_t y = 0; y < side_; ++y) {
      for (int64_t x = 0; x < side_; ++x) {
        const double t = of(static_cast<double>(x), static_cast<double>(y));
        put(x, y, {a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t});
      }
    }
  }
  int64_t side() const { return side_; }
  PatternPicture take() { return std::move(picture_); }

 private:
  int64_t side_;
  PatternPicture picture_;
};

void grating(Canvas& canvas, Random& random) {
  const double angle = random.between(0, M_PI), period = 2.5 * std::exp(random.between(0, std::log(16.0)));
  const double fx = 2 * M_PI * std::cos(angle) / period, fy = 2 * M_PI * std::sin(angle) / period;
  const bool square = random.unit() < 0.5;
  canvas.mix(random.colour(), random.colour(), [&](double x, double y) {
    const double s = std::sin(fx * x + fy * y);
    return square ? (s > 0 ? 1.0 : 0.0) : 0.5 + 0.5 * s;
  });
}

void checkerboard(Canvas& canvas, Random& random) {
  const int64_t w = 1 + random.below(24), h = random.unit() < 0.5 ? w : 1 + random.below(24);
  canvas.mix(random.colour(), random.colour(), [&](double x, double y) {
    return static_cast<double>((static_cast<int64_t>(x) / w + static_cast<int64_t>(y) / h) % 2);
  });
}

void zone_plate(Canvas& canvas, Random& random) {
  const double n = static_cast<double>(canvas.side()), cx = random.unit() * n, cy = random.unit() * n, k = random.between(0.3, 0.8) * M_PI / n;
  canvas.mix(random.colour(), random.colour(), [&](double x, double y) {
    return 0.5 + 0.5 * std::cos(k * ((x - cx) * (x - cx) + (y - cy) * (y - cy)));
  });
}

void bars(Canvas& canvas, Random& random) {
  const int64_t n = canvas.side(), count = 4 + random.below(12), rows = 1 + random.below(4);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < count; ++i) canvas.rectangle(i * n / count, r * n / rows, n / count + 1, n / rows + 1, random.colour());
  }
}

void gradients(Canvas& canvas, Random& random) {
  const double n = static_cast<double>(canvas.side()), angle = random.between(0, 2 * M_PI), steps = 1 + static_cast<double>(random.below(30));
  const bool stepped = random.unit() < 0.5;
  canvas.mix(random.colour(), random.colour(), [&](double x, double y) {
    const double t = std::clamp(0.5 + ((x - n / 2) * std::cos(angle) + (y - n / 2) * std::sin(angle)) / n, 0.0, 1.0);
    return stepped ? std::floor(t * steps) / steps : t;
  });
}

void blocks(Canvas& canvas, Random& random) {
  const int64_t n = canvas.side();
  canvas.rectangle(0, 0, n, n, random.colour());
  for (int64_t i = 0; i < 120; ++i) {
    canvas.rectangle(random.below(n) - 16, random.below(n) - 16, 2 + random.below(n / 4), 2 + random.below(n / 4), random.colour());
  }
}

void lines(Canvas& canvas, Random& random) {
  const int64_t n = canvas.side();
  canvas.rectangle(0, 0, n, n, random.colour());
  for (int64_t i = 0; i < 60; ++i) {
    const Colour c = random.colour();
    double x = random.unit() * static_cast<double>(n), y = random.unit() * static_cast<double>(n);
    const double angle = random.between(0, 2 * M_PI);
    const int64_t thick = 1 + random.below(3);
    for (int64_t s = 0; s < n; ++s, x += std::cos(angle), y += std::sin(angle)) {
      canvas.rectangle(static_cast<int64_t>(x), static_cast<int64_t>(y), thick, thick, c);
    }
  }
}

// Lines of glyphs that are drawn at random out of strokes on a 5 x 7 grid: the look of text, without a font.
void letters(Canvas& canvas, Random& random) {
  const int64_t n = canvas.side(), scale = 1 + random.below(4);
  const Colour paper = random.colour();
  canvas.rectangle(0, 0, n, n, paper);
  std::vector<std::array<uint8_t, 35>> glyphs(26);
  for (auto& glyph : glyphs) {
    glyph.fill(0);
    for (int stroke = 0; stroke < 3; ++stroke) {
      const bool upright = random.unit() < 0.5;
      const int64_t line = random.below(upright ? 5 : 7), from = random.below(upright ? 4 : 3), to = (upright ? 7 : 5) - random.below(2);
      for (int64_t i = from; i < to; ++i) glyph[static_cast<size_t>(upright ? i * 5 + line : line * 5 + i)] = 1;
    }
  }
  for (int64_t y = scale; y + 7 * scale < n; y += 10 * scale) {
    const Colour ink = random.unit() < 0.8 ? Colour{1 - paper[0], 1 - paper[1], 1 - paper[2]} : random.colour();
    for (int64_t x = scale; x + 5 * scale < n; x += 6 * scale) {
      if (random.unit() < 0.15) continue;  // a space
      const auto& glyph = glyphs[static_cast<size_t>(random.below(26))];
      for (int64_t i = 0; i < 35; ++i) {
        if (glyph[static_cast<size_t>(i)] != 0) canvas.rectangle(x + i % 5 * scale, y + i / 5 * scale, scale, scale, ink);
      }
    }
  }
}

// White noise in squares: nothing in it can be predicted.
void noise(Canvas& canvas, Random& random) {
  const int64_t cell = 1 + random.below(8), n = canvas.side();
  const bool grey = random.unit() < 0.5;
  for (int64_t y = 0; y < n; y += cell) {
    for (int64_t x = 0; x < n; x += cell) {
      const double v = random.unit();
      canvas.rectangle(x, y, cell, cell, grey ? Colour{v, v, v} : random.colour());
    }
  }
}

}  // namespace

std::vector<PatternPicture> make_patterns(int64_t count, int64_t side, uint32_t seed) {
  constexpr std::array kinds = {grating, checkerboard, zone_plate, bars, gradients, blocks, lines, letters, noise};
  Random random(seed);
  std::vector<PatternPicture> made;
  for (int64_t i = 0; i < count; ++i) {
    Canvas canvas(side);
    kinds[static_cast<size_t>(i) % kinds.size()](canvas, random);
    made.push_back(canvas.take());
  }
  return made;
}

}  // namespace tessera::train
