#include "models/video/interpolation.h"

namespace tessera::models {
namespace {

using Table = std::array<WarpTaps, kWarpPhases>;

Table bicubic_taps() {
  constexpr double a = -0.75;
  const auto near = [](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  Table out{};
  for (int i = 0; i < kWarpPhases; ++i) {
    const double t = static_cast<double>(i) / kWarpPhases;
    out[static_cast<size_t>(i)] = {0, 0, static_cast<float>(far(1 + t)), static_cast<float>(near(t)), static_cast<float>(near(1 - t)), static_cast<float>(far(2 - t)), 0, 0};
  }
  return out;
}

// The product formula: of sample k, (t - j) / (k - j) over all other samples j.
Table lagrange_taps() {
  Table out{};
  for (int i = 0; i < kWarpPhases; ++i) {
    const double t = static_cast<double>(i) / kWarpPhases;
    for (int k = 0; k < kWarpTaps; ++k) {
      double weight = 1;
      for (int j = 0; j < kWarpTaps; ++j) {
        if (j != k) weight *= (t - (j - taps_before(Interpolation::lagrange))) / (k - j);
      }
      out[static_cast<size_t>(i)][static_cast<size_t>(k)] = static_cast<float>(weight);
    }
  }
  return out;
}

}  // namespace

const char* name_of(Interpolation kind) { return kind == Interpolation::bicubic ? "bicubic" : "lagrange"; }

bool interpolation_of(const std::string& name, Interpolation& kind) {
  for (const Interpolation known : {Interpolation::bicubic, Interpolation::lagrange}) {
    if (name != name_of(known)) continue;
    kind = known;
    return true;
  }
  return false;
}

const Table& warp_taps(Interpolation kind) {
  static const Table bicubic = bicubic_taps(), lagrange = lagrange_taps();
  return kind == Interpolation::bicubic ? bicubic : lagrange;
}

}  // namespace tessera::models
