// The kernels by which pictures are read between their samples. Both are separable.
#pragma once

#include <array>
#include <string>

namespace tessera::models {

enum class Interpolation {
  bicubic,   // a = -3/4, 4 taps; amplifies by up to 3 % along an axis
  lagrange,  // through 8 samples; exact on polynomials up to degree 7, and amplifies at no frequency
};

const char* name_of(Interpolation kind);
// "bicubic" or "lagrange"; false for anything else.
bool interpolation_of(const std::string& name, Interpolation& kind);

inline constexpr int kWarpPhases = 8;  // of a sample
inline constexpr int kWarpTaps = 8;    // weights of the samples -3 .. 4
using WarpTaps = std::array<float, kWarpTaps>;

// How many taps in the middle of a row are not zero for every phase: 4 or 8. They begin `taps_before()` samples before the position.
constexpr int tap_count(Interpolation kind) { return kind == Interpolation::bicubic ? 4 : kWarpTaps; }
constexpr int taps_before(Interpolation kind) { return tap_count(kind) / 2 - 1; }

// Weights at each eighth of a sample: luma moves by quarters, chroma of half the resolution by eighths.
const std::array<WarpTaps, kWarpPhases>& warp_taps(Interpolation kind);
// The `tap_count()` weights of a phase that count.
inline const float* taps_of(Interpolation kind, size_t phase) { return warp_taps(kind)[phase].data() + (kWarpTaps - tap_count(kind)) / 2; }

}  // namespace tessera::models
