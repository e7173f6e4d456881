#include "models/video/cpu_planes.h"

#include <algorithm>
#include <cstring>

#include "models/clones.h"
#include "models/parallel.h"

namespace tessera::models {
namespace {

// One block; `from` is the sample at its corner, with kTaps / 2 - 1 rows and columns before and kTaps / 2 behind.
template <int kSide, int kTaps>
__attribute__((always_inline)) inline void interpolate_of(const float* from, int64_t stride, const float* h, const float* v, float* out, int64_t out_stride) {
  static_assert(kTaps == 4 || kTaps == 8);
  constexpr int before = kTaps / 2 - 1, height = kSide + kTaps - 1;
  float rows[height * kSide];
  for (int y = 0; y < height; ++y) {
    const float* r = from + (y - before) * stride - before;
    float* to = rows + y * kSide;
    if constexpr (kTaps == 4) {  // written out: of loops over the taps gcc 12 makes slower code
      for (int x = 0; x < kSide; ++x) to[x] = h[0] * r[x] + h[1] * r[x + 1] + h[2] * r[x + 2] + h[3] * r[x + 3];
    } else {
      for (int x = 0; x < kSide; ++x) {
        to[x] = h[0] * r[x] + h[1] * r[x + 1] + h[2] * r[x + 2] + h[3] * r[x + 3] + h[4] * r[x + 4] + h[5] * r[x + 5] + h[6] * r[x + 6] + h[7] * r[x + 7];
      }
    }
  }
  constexpr int s = kSide;
  for (int y = 0; y < kSide; ++y) {
    const float* r = rows + y * kSide;
    float* to = out + y * out_stride;
    if constexpr (kTaps == 4) {
      for (int x = 0; x < kSide; ++x) to[x] = v[0] * r[x] + v[1] * r[s + x] + v[2] * r[2 * s + x] + v[3] * r[3 * s + x];
    } else {
      for (int x = 0; x < kSide; ++x) {
        to[x] = v[0] * r[x] + v[1] * r[s + x] + v[2] * r[2 * s + x] + v[3] * r[3 * s + x] + v[4] * r[4 * s + x] + v[5] * r[5 * s + x] + v[6] * r[6 * s + x] +
                v[7] * r[7 * s + x];
      }
    }
  }
}
using Interpolate = void (*)(const float* from, int64_t stride, const float* h, const float* v, float* out, int64_t out_stride);
TESSERA_CLONES() void bicubic_8(const float* from, int64_t stride, const float* h, const float* v, float* out, int64_t out_stride) {
  interpolate_of<8, 4>(from, stride, h, v, out, out_stride);
}
TESSERA_CLONES() void bicubic_4(const float* from, int64_t stride, const float* h, const float* v, float* out, int64_t out_stride) {
  interpolate_of<4, 4>(from, stride, h, v, out, out_stride);
}
TESSERA_CLONES() void lagrange_8(const float* from, int64_t stride, const float* h, const float* v, float* out, int64_t out_stride) {
  interpolate_of<8, 8>(from, stride, h, v, out, out_stride);
}
TESSERA_CLONES() void lagrange_4(const float* from, int64_t stride, const float* h, const float* v, float* out, int64_t out_stride) {
  interpolate_of<4, 8>(from, stride, h, v, out, out_stride);
}

constexpr int64_t kMostSide = 8;

void warp_block(const float* plane, int64_t width, int64_t height, int64_t x, int64_t y, int64_t side, int64_t dx, int64_t dy, Interpolation kind, float* out) {
  // In eighths of a sample; shifts round down for negative numbers as well.
  const int64_t px = x + (dx >> 3), py = y + (dy >> 3), taps = tap_count(kind), before = taps_before(kind), behind = taps / 2;
  const size_t fx = static_cast<size_t>(dx & 7), fy = static_cast<size_t>(dy & 7);
  const float* from = plane + py * width + px;
  int64_t stride = width;
  float patch[(kMostSide + kWarpTaps - 1) * (kMostSide + kWarpTaps - 1)];
  if (px < before || py < before || px + side + behind > width || py + side + behind > height) {  // edges are repeated
    stride = side + taps - 1;
    for (int64_t j = 0; j < stride; ++j) {
      const float* row = plane + std::clamp<int64_t>(py - before + j, 0, height - 1) * width;
      for (int64_t i = 0; i < stride; ++i) patch[j * stride + i] = row[std::clamp<int64_t>(px - before + i, 0, width - 1)];
    }
    from = patch + before * (stride + 1);
  }
  if (fx == 0 && fy == 0) {
    for (int64_t j = 0; j < side; ++j) std::memcpy(out + j * width, from + j * stride, static_cast<size_t>(side) * sizeof(float));
    return;
  }
  const bool bicubic = kind == Interpolation::bicubic;
  const Interpolate by = side == 8 ? (bicubic ? bicubic_8 : lagrange_8) : bicubic ? bicubic_4 : lagrange_4;
  by(from, stride, taps_of(kind, fx), taps_of(kind, fy), out, width);
}

// Rows of a patch: `picture` minus `other`, or minus `level`.
template <int kSide>
inline void put_square(const float* picture, const float* other, float level, int64_t width, float* out) {
  for (int64_t y = 0; y < kSide; ++y) {
    const float* a = picture + y * width;
    if (other == nullptr) {
      for (int64_t x = 0; x < kSide; ++x) out[y * kSide + x] = a[x] - level;
    } else {
      const float* b = other + y * width;
      for (int64_t x = 0; x < kSide; ++x) out[y * kSide + x] = a[x] - b[x];
    }
  }
}

const float* data_of(const at::Tensor& t) { return t.defined() ? t.const_data_ptr<float>() : nullptr; }
const float* shifted(const float* p, int64_t by) { return p == nullptr ? nullptr : p + by; }

}  // namespace

at::Tensor warp_planes_cpu(const at::Tensor& planes, const at::Tensor& dense, int64_t side, int64_t steps, Interpolation kind) {
  const at::Tensor in = planes.contiguous(), vectors = dense.contiguous();
  at::Tensor out = at::empty_like(in);
  const int64_t b = in.size(0), c = in.size(1), height = in.size(2), width = in.size(3), h = height / side, w = width / side;
  const int64_t eighths = kWarpPhases / steps;  // a step of the vectors
  const float *from = in.const_data_ptr<float>(), *v = vectors.const_data_ptr<float>();
  float* to = out.data_ptr<float>();
  parallel(b * c * h, 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t plane = i / h, by = i % h;
      const float* row = v + ((plane / c) * h + by) * w * 2;
      for (int64_t bx = 0; bx < w; ++bx) {
        warp_block(from + plane * height * width, width, height, bx * side, by * side, side, eighths * static_cast<int64_t>(row[2 * bx]),
                   eighths * static_cast<int64_t>(row[2 * bx + 1]), kind, to + plane * height * width + by * side * width + bx * side);
      }
    }
  });
  return out;
}

void put_patches_cpu(const Planes& picture, const Planes& minus, float level, at::Tensor& out, int64_t first) {
  const int64_t b = picture.batch(), height = picture.height(), width = picture.width(), h = height / 8, w = width / 8, n = out.size(3);
  const at::Tensor y = picture.y.contiguous(), uv = picture.uv.contiguous();
  const at::Tensor other_y = minus.y.defined() ? minus.y.contiguous() : minus.y, other_uv = minus.uv.defined() ? minus.uv.contiguous() : minus.uv;
  float* to = out.data_ptr<float>();
  parallel(b * h, 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t batch = i / h, row = i % h, luma = batch * height * width + row * 8 * width, cw = width / 2, plane = cw * (height / 2);
      const int64_t chroma = batch * 2 * plane + row * 4 * cw;
      for (int64_t x = 0; x < w; ++x) {
        float* patch = to + (i * w + x) * n + first;
        put_square<8>(data_of(y) + luma + 8 * x, shifted(data_of(other_y), luma + 8 * x), level, width, patch);
        for (int64_t p = 0; p < 2; ++p) {
          const int64_t at = chroma + p * plane + 4 * x;
          put_square<4>(data_of(uv) + at, shifted(data_of(other_uv), at), level, cw, patch + 64 + 16 * p);
        }
      }
    }
  });
}

Planes from_patches_cpu(const at::Tensor& patches) {
  const at::Tensor in = patches.contiguous();
  const int64_t b = in.size(0), h = in.size(1), w = in.size(2), width = 8 * w, height = 8 * h;
  Planes out{at::empty({b, 1, height, width}, in.options()), at::empty({b, 2, height / 2, width / 2}, in.options())};
  const float* from = in.const_data_ptr<float>();
  float *y = out.y.data_ptr<float>(), *uv = out.uv.data_ptr<float>();
  parallel(b * h, 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t batch = i / h, row = i % h, cw = width / 2, plane = cw * (height / 2);
      for (int64_t x = 0; x < w; ++x) {
        const float* patch = from + (i * w + x) * kPatchSamples;
        for (int64_t j = 0; j < 8; ++j) std::memcpy(y + batch * height * width + (row * 8 + j) * width + 8 * x, patch + 8 * j, 8 * sizeof(float));
        for (int64_t p = 0; p < 2; ++p) {
          for (int64_t j = 0; j < 4; ++j) {
            std::memcpy(uv + (batch * 2 + p) * plane + (row * 4 + j) * cw + 4 * x, patch + 64 + 16 * p + 4 * j, 4 * sizeof(float));
          }
        }
      }
    }
  });
  return out;
}

}  // namespace tessera::models
