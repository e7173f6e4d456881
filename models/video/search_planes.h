// What block searches on the CPU compare: planes of 8-bit samples with wide edges, the reference at all quarter positions, sums of absolute differences.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/video/coloured_search.h"

namespace tessera::models {

using coloured::kMargin;

// A plane of 8-bit samples with repeated edges.
struct Padded {
  int width = 0, height = 0, stride = 0;
  std::vector<uint8_t> samples;
  const uint8_t* at(int x, int y) const { return samples.data() + static_cast<int64_t>(y + kMargin) * stride + x + kMargin; }
};

// `plane`: width x height samples in 0..1.
Padded padded(const float* plane, int width, int height);
// Means of 4 x 4 samples; sides are multiples of 4.
Padded quarter_size(const Padded& p);
// The plane at all quarter positions, [4 * fy + fx]: every candidate of a search is then a plain difference of samples. Within kTapsBefore samples of the margin's
// end at the top and left, and kTapsBehind at the bottom and right, nothing may be read: interpolation does not fill it in. Belongs to the calling thread, until its next call:
// making 40 MB anew for each frame of 1920 x 1080 would cost as much as searching.
const std::array<Padded, 16>& quarter_positions(Padded whole, Interpolation kind);

// Sums of absolute differences of side x side samples.
int difference_4(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride);
int difference_8(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride);
int difference_16(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride);

}  // namespace tessera::models
