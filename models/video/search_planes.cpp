#include "models/video/search_planes.h"

#include <algorithm>
#include <cstdlib>

#include "models/clones.h"
#include "models/parallel.h"

namespace tessera::models {
namespace {

// make(y, to) writes a row of `width` samples.
template <class Make>
Padded with_edges(int width, int height, Make make) {
  Padded p{width, height, width + 2 * kMargin, {}};
  p.samples.resize(static_cast<size_t>(p.stride) * static_cast<size_t>(height + 2 * kMargin));
  parallel(height + 2 * kMargin, 32, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      uint8_t* to = p.samples.data() + row * p.stride;
      make(static_cast<int>(std::clamp<int64_t>(row - kMargin, 0, height - 1)), to + kMargin);
      std::fill(to, to + kMargin, to[kMargin]);
      std::fill(to + kMargin + width, to + p.stride, to[kMargin + width - 1]);
    }
  });
  return p;
}

// The side is known at compile time: the compiler then makes it of instructions for sums of absolute differences.
template <int kSide>
__attribute__((always_inline)) inline int difference_of(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride) {
  int sum = 0;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) sum += std::abs(a[y * a_stride + x] - b[y * b_stride + x]);
  }
  return sum;
}

// n samples between those of a row; `from` begins at the first tap's sample. In 1/32 of a sample.
template <int kTaps>
__attribute__((always_inline)) inline void filter_across(const uint8_t* from, const int* h, int16_t* out, int64_t n) {
  for (int64_t x = 0; x < n; ++x) {
    int sum = h[0] * from[x];
    for (int i = 1; i < kTaps; ++i) sum += h[i] * from[x + i];
    out[x] = static_cast<int16_t>(sum >> 2);
  }
}

// n samples between kTaps such rows.
template <int kTaps>
__attribute__((always_inline)) inline void filter_down(const int16_t* rows, int64_t stride, const int* v, uint8_t* out, int64_t n) {
  for (int64_t x = 0; x < n; ++x) {
    int sum = v[0] * rows[x];
    for (int i = 1; i < kTaps; ++i) sum += v[i] * rows[i * stride + x];
    out[x] = static_cast<uint8_t>(std::clamp((sum + 2048) >> 12, 0, 255));
  }
}

TESSERA_CLONES() void across_4(const uint8_t* from, const int* h, int16_t* out, int64_t n) { filter_across<4>(from, h, out, n); }
TESSERA_CLONES() void across_6(const uint8_t* from, const int* h, int16_t* out, int64_t n) { filter_across<6>(from, h, out, n); }
TESSERA_CLONES() void down_4(const int16_t* rows, int64_t stride, const int* v, uint8_t* out, int64_t n) { filter_down<4>(rows, stride, v, out, n); }
TESSERA_CLONES() void down_6(const int16_t* rows, int64_t stride, const int* v, uint8_t* out, int64_t n) { filter_down<6>(rows, stride, v, out, n); }

}  // namespace

Padded padded(const float* plane, int width, int height) {
  return with_edges(width, height, [&](int y, uint8_t* to) {
    const float* from = plane + int64_t{y} * width;
    for (int x = 0; x < width; ++x) to[x] = static_cast<uint8_t>(std::clamp(from[x], 0.f, 1.f) * 255.f + 0.5f);
  });
}

Padded quarter_size(const Padded& p) {
  const int width = p.width / 4, height = p.height / 4;
  return with_edges(width, height, [&](int y, uint8_t* to) {
    for (int x = 0; x < width; ++x) {
      int sum = 8;
      for (int i = 0; i < 4; ++i) {
        const uint8_t* row = p.at(4 * x, 4 * y + i);
        sum += row[0] + row[1] + row[2] + row[3];
      }
      to[x] = static_cast<uint8_t>(sum >> 4);
    }
  });
}

TESSERA_CLONES() int difference_4(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride) { return difference_of<4>(a, a_stride, b, b_stride); }
TESSERA_CLONES() int difference_8(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride) { return difference_of<8>(a, a_stride, b, b_stride); }
TESSERA_CLONES() int difference_16(const uint8_t* a, int a_stride, const uint8_t* b, int b_stride) { return difference_of<16>(a, a_stride, b, b_stride); }

const std::array<Padded, 16>& quarter_positions(Padded whole, Interpolation kind) {
  thread_local std::array<Padded, 16> planes;
  for (Padded& p : planes) {
    p.width = whole.width;
    p.height = whole.height;
    p.stride = whole.stride;
    if (&p != planes.data()) p.samples.resize(whole.samples.size());
  }
  const int count = coloured::search_taps(kind), first = count / 2 - 1;
  std::array<std::array<int, 6>, 4> taps{};
  for (int q = 0; q < 4; ++q) {
    for (int i = 0; i < count; ++i) taps[static_cast<size_t>(q)][static_cast<size_t>(i)] = coloured::tap(kind, q, i);
  }
  const auto across_of = count == 4 ? across_4 : across_6;
  const auto down_of = count == 4 ? down_4 : down_6;
  const int64_t stride = whole.stride, rows = whole.height + 2 * kMargin, more = count - 1, n = stride - more;
  constexpr int64_t band = 16;
  parallel(rows - more, band, [&, &planes = planes](int64_t begin, int64_t end) {
    std::vector<int16_t> across(static_cast<size_t>((end - begin + more) * stride));
    for (size_t fx = 0; fx < 4; ++fx) {
      for (int64_t y = begin; y < end + more; ++y) across_of(whole.samples.data() + y * stride, taps[fx].data(), across.data() + (y - begin) * stride, n);
      for (size_t fy = fx == 0 ? 1 : 0; fy < 4; ++fy) {
        uint8_t* to = planes[4 * fy + fx].samples.data();
        for (int64_t y = begin; y < end; ++y) down_of(across.data() + (y - begin) * stride, stride, taps[fy].data(), to + (y + first) * stride + first, n);
      }
    }
  });
  planes[0] = std::move(whole);
  return planes;
}

}  // namespace tessera::models
