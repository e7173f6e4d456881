// Device code of models/inr/fit_kernels.h. Only blocks, shared memory, barriers and atomic additions: tests run it on the CPU as well
// (tests/models/inr/emulated_cuda.h). Who includes it says what TESSERA_LAUNCH(kernel, blocks, threads, stream, arguments...) and
// TESSERA_LAUNCHED() do, and how many blocks leave partial sums: TESSERA_BLOCKS.
#pragma once

#include "models/inr/fit_kernels.h"

namespace tessera::models::cuda {

using namespace inr;

constexpr int kBlockThreads = 96;           // latents or pixels that a block works on at a time
constexpr int kRow = kBlockThreads + 4;     // of a shared array: the margin spreads rows over the memory banks
static_assert(kFusedItem == kBlockThreads);

struct alignas(16) Four {
  float v[4];
};
__device__ inline Four four(const float* p) { return *reinterpret_cast<const Four*>(p); }

// acc[i][j] += sum over a stretch of four columns of a[row_a + i step_a] b[row_b + j step_b], of rows of kRow.
template <int A, int B>
__device__ inline void outer(const float* a, int step_a, const float* b, int step_b, float (&acc)[A][B]) {
  Four x[A], y[B];
#pragma unroll
  for (int i = 0; i < A; ++i) x[i] = four(a + i * step_a * kRow);
#pragma unroll
  for (int j = 0; j < B; ++j) y[j] = four(b + j * step_b * kRow);
#pragma unroll
  for (int i = 0; i < A; ++i) {
#pragma unroll
    for (int j = 0; j < B; ++j) {
#pragma unroll
      for (int k = 0; k < 4; ++k) acc[i][j] += x[i].v[k] * y[j].v[k];
    }
  }
}

template <int N>
__device__ inline void add_rows(const float* a, int step, float (&sum)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) {
    const Four x = four(a + i * step * kRow);
#pragma unroll
    for (int k = 0; k < 4; ++k) sum[i] += x.v[k];
  }
}

// ---- rounding ----

__device__ inline float soft_round_of(float x, float temperature, float& slope) {
  const float middle = floorf(x) + 0.5f, half = 2 * tanhf(0.5f / temperature), t = tanhf((x - middle) / temperature);
  slope = (1 - t * t) / (temperature * half);
  return middle + t / half;
}

__global__ void soft_round_kernel(const float* x, const float* uniform, const float* temperature, const float* shape, float* value, float* slope, int64_t count) {
  const float t = *temperature, s = *shape;
  const float other = (exp2f(s) * (s - 1) + 1) / s;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += int64_t{gridDim.x} * blockDim.x) {
    float inner, outside;
    const float v = fminf(fmaxf(uniform[i], 1e-6f), 1 - 1e-6f);
    const float noise = powf(1 - powf(1 - v, 1 / other), 1 / s) - 0.5f;
    const float once = soft_round_of(x[i], t, inner);
    value[i] = soft_round_of(once + noise, t, outside);
    slope[i] = inner * outside;
  }
}

// ---- context network ----

// The weights' order: first [C][H], second [H][H], last [H + C][2], bias [2 H + 2 + G].
constexpr int kC = kFusedContext, kH = kFusedWidth;
constexpr int kSecondAt = kC * kH, kLastAt = kSecondAt + kH * kH, kBiasAt = kLastAt + 2 * (kH + kC), kScalesAt = kBiasAt + 2 * kH + 2;
constexpr float kSeen = 255;  // kContextMax

// Bits and their derivatives by the latent and by the scale's row (fit.cpp: laplace_bits).
__device__ inline void laplace(float q, float mean, float row, float& bits, float& d_q, float& d_row) {
  constexpr float kLogRatio = -0.11145541f, kPerLog2 = 1.4426950408889634f;
  const float inside = fminf(fmaxf(row, 0.0f), 63.0f), bounded = fminf(fmaxf(row, -50.0f), 100.0f);
  const float r = inside + (bounded - inside) * 0.02f;
  const float slope = row == inside ? 1.0f : row == bounded ? 0.02f : 0.0f;
  const float share = expf(r * kLogRatio) * 0.75f, u = 1 - share, inverse = logf(u) * -16;
  float u16 = u * u;
  u16 *= u16;
  u16 *= u16;
  u16 *= u16;
  const float d = fabsf(q - mean);
  float log_p, by_d, by_inverse;
  if (d < 0.5f) {
    const float e1 = expf((d - 0.5f) * inverse), e2 = expf((d + 0.5f) * -inverse), p = fmaxf(1 - (e1 + e2) * 0.5f, 1e-9f);
    log_p = logf(p);
    by_d = (e1 - e2) * inverse * -0.5f / p;
    by_inverse = ((d - 0.5f) * e1 - (d + 0.5f) * e2) * -0.5f / p;
  } else {
    log_p = (0.5f - d) * inverse + logf((1 - u16) * 0.5f);
    by_d = -inverse;
    by_inverse = (0.5f - d) + u16 / (1 - u16);
  }
  bits = log_p * -kPerLog2;
  d_q = (q >= mean ? by_d : -by_d) * -kPerLog2;
  d_row = by_inverse * (16 * kLogRatio) * share / u * slope * -kPerLog2;
}

// y[o] += w[o] x
__device__ inline void add_input(const float* w, float x, float (&y)[kH]) {
#pragma unroll
  for (int o = 0; o < kH; o += 4) {
    const Four v = four(w + o);
#pragma unroll
    for (int k = 0; k < 4; ++k) y[o + k] += v.v[k] * x;
  }
}

// sum_o w[i][o] d[o]
__device__ inline float back(const float* w, int i, const float (&d)[kH]) {
  float s = 0;
#pragma unroll
  for (int o = 0; o < kH; o += 4) {
    const Four v = four(w + i * kH + o);
#pragma unroll
    for (int k = 0; k < 4; ++k) s += v.v[k] * d[o + k];
  }
  return s;
}

__global__ void __launch_bounds__(kBlockThreads) context_kernel(const __grid_constant__ FusedContext job, const float* latents, const float* weights, float* d_latents, float* partial) {
  constexpr int kRows = kC + 4 * kH + 2;           // context, first, second; their gradients, those of the outputs
  constexpr int kFirstRow = kC, kSecondRow = kC + kH, kD1 = kC + 2 * kH, kD2 = kD1 + kH, kDOut = kD2 + kH;
  alignas(16) __shared__ float w[kScalesAt + kMaxGrids + 2];
  alignas(16) __shared__ float s[kRows * kRow];
  __shared__ float scales[kMaxGrids];
  const int t = threadIdx.x;
  for (int i = t; i < kScalesAt + job.grids; i += kBlockThreads) w[i] = weights[i];
  if (t < kMaxGrids) scales[t] = 0;
  float bits_sum = 0, scale_sum = 0;  // the latter of the present grid
  int g = 0;

  // Which products this thread adds up: 24 tiles of the first layer, 16 of the second, each for half of the latents; 5 of the last for a third.
  const bool hidden = t < 80, last = t >= 80 && t < 95;
  const int half = t / 40, tile = t % 40;
  const bool is_first = tile < 24;
  const int tiles_a = is_first ? 6 : 4, ta = is_first ? tile % 6 : (tile - 24) % 4, tb = is_first ? tile / 6 : (tile - 24) / 4;
  const int row_a = (is_first ? 0 : kFirstRow) + ta, row_b = (is_first ? kD1 : kD2) + tb;
  const int third = (t - 80) / 5, tl = (t - 80) % 5;  // rows tl + 5 k of: second layer, context
  float acc[4][4] = {}, sum[4] = {};  // of the last layer: eight rows by two, two a line
  __syncthreads();

  for (int item = blockIdx.x; item < job.items; item += gridDim.x) {
    while (g + 1 < job.grids && item >= job.grid[g + 1].first_item) {
      if (scale_sum != 0) atomicAdd(scales + g, scale_sum);
      scale_sum = 0;
      ++g;
    }
    const FusedGrid grid = job.grid[g];
    const int place = (item - grid.first_item) * kBlockThreads + t;
    const bool used = place < grid.height * grid.width;
    const int y = used ? place / grid.width : 0, x = used ? place % grid.width : 0;
    const int at = grid.begin + place;

    // What a thread needs again later lies in its column of `s`, not in registers.
    float mean = w[kBiasAt + 2 * kH], row = w[kBiasAt + 2 * kH + 1] + w[kScalesAt + g];
    float first[kH];
#pragma unroll
    for (int o = 0; o < kH; ++o) first[o] = w[kBiasAt + o];
    const auto take = [&](int i, float v) {
      const float seen = fminf(fmaxf(v, -kSeen), kSeen);
      s[i * kRow + t] = seen;
      add_input(w + i * kH, seen, first);
      mean += w[kLastAt + 2 * (kH + i)] * seen;
      row += w[kLastAt + 2 * (kH + i) + 1] * seen;
    };
#pragma unroll
    for (int i = 0; i < kFusedSpatial; ++i) {
      const int yy = y + job.dy[i], xx = x + job.dx[i];
      take(i, used && yy >= 0 && xx >= 0 && xx < grid.width ? latents[grid.begin + yy * grid.width + xx] : 0.0f);
    }
    const bool has_parent = used && grid.parent >= 0;
    const FusedGrid parent = job.grid[grid.parent >= 0 ? grid.parent : g];
    const int py = y >> grid.down, px = x >> grid.down, sy = grid.down == 0 || (y & 1) ? 1 : -1, sx = grid.down == 0 || (x & 1) ? 1 : -1;
#pragma unroll
    for (int i = kFusedSpatial; i < kC; ++i) {
      const int yy = py + sy * job.dy[i], xx = px + sx * job.dx[i];
      take(i, has_parent && yy >= 0 && yy < parent.height && xx >= 0 && xx < parent.width ? latents[parent.begin + yy * parent.width + xx] : 0.0f);
    }

    float second[kH];
#pragma unroll
    for (int o = 0; o < kH; ++o) second[o] = w[kBiasAt + kH + o];
#pragma unroll
    for (int i = 0; i < kH; ++i) {
      const float v = fmaxf(first[i], 0.0f);
      s[(kFirstRow + i) * kRow + t] = v;
      add_input(w + kSecondAt + i * kH, v, second);
    }
#pragma unroll
    for (int i = 0; i < kH; ++i) {
      const float v = fmaxf(second[i], 0.0f);
      s[(kSecondRow + i) * kRow + t] = v;
      mean += w[kLastAt + 2 * i] * v;
      row += w[kLastAt + 2 * i + 1] * v;
    }

    float bits = 0, d_q = 0, d_row = 0;
    if (used) laplace(latents[at], mean, row * 4, bits, d_q, d_row);
    bits_sum += bits;
    const float d_mean = -d_q, d_scale = d_row * 4;
    scale_sum += d_scale;
    if (used) atomicAdd(d_latents + at, d_q);

    asm volatile("" ::: "memory");  // or the compiler keeps all weights, which come again on the way back, in registers that there are not
    float d2[kH], d1[kH];
#pragma unroll
    for (int i = 0; i < kH; ++i) {
      d2[i] = second[i] > 0 ? w[kLastAt + 2 * i] * d_mean + w[kLastAt + 2 * i + 1] * d_scale : 0.0f;
      s[(kD2 + i) * kRow + t] = d2[i];
    }
#pragma unroll
    for (int i = 0; i < kH; ++i) {
      const float d = back(w + kSecondAt, i, d2);
      d1[i] = s[(kFirstRow + i) * kRow + t] > 0 ? d : 0.0f;
      s[(kD1 + i) * kRow + t] = d1[i];
    }
    s[kDOut * kRow + t] = d_mean;
    s[(kDOut + 1) * kRow + t] = d_scale;
    // The gradient of an input belongs to the latent that it was, unless that was cut.
    const auto give = [&](int i, int index) {
      if (fabsf(latents[index]) <= kSeen) atomicAdd(d_latents + index, back(w, i, d1) + w[kLastAt + 2 * (kH + i)] * d_mean + w[kLastAt + 2 * (kH + i) + 1] * d_scale);
    };
#pragma unroll
    for (int i = 0; i < kFusedSpatial; ++i) {
      const int yy = y + job.dy[i], xx = x + job.dx[i];
      if (used && yy >= 0 && xx >= 0 && xx < grid.width) give(i, grid.begin + yy * grid.width + xx);
    }
#pragma unroll
    for (int i = kFusedSpatial; i < kC; ++i) {
      const int yy = py + sy * job.dy[i], xx = px + sx * job.dx[i];
      if (has_parent && yy >= 0 && yy < parent.height && xx >= 0 && xx < parent.width) give(i, parent.begin + yy * parent.width + xx);
    }
    __syncthreads();

    if (hidden) {
      for (int p = half * (kBlockThreads / 2); p < (half + 1) * (kBlockThreads / 2); p += 4) {
        outer<4, 4>(s + row_a * kRow + p, tiles_a, s + row_b * kRow + p, 4, acc);
        if (ta == 0) add_rows<4>(s + row_b * kRow + p, 4, sum);
      }
    } else if (last) {
      for (int p = third * (kBlockThreads / 3); p < (third + 1) * (kBlockThreads / 3); p += 4) {
        // Second layer and context in one run of rows 0..39: the second layer's first.
        Four d[2] = {four(s + kDOut * kRow + p), four(s + (kDOut + 1) * kRow + p)};
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          const int r = tl + 5 * i;
          const Four v = four(s + (r < kH ? kSecondRow + r : r - kH) * kRow + p);
#pragma unroll
          for (int j = 0; j < 2; ++j) {
#pragma unroll
            for (int k = 0; k < 4; ++k) acc[i / 2][i % 2 * 2 + j] += v.v[k] * d[j].v[k];
          }
        }
        if (tl == 0) {
#pragma unroll
          for (int j = 0; j < 2; ++j) {
#pragma unroll
            for (int k = 0; k < 4; ++k) sum[j] += d[j].v[k];
          }
        }
      }
    }
    __syncthreads();
  }

  // The pieces meet in shared memory: three at most, laid out like the weights.
  constexpr int kOut = kScalesAt + kMaxGrids + 2;
  static_assert(3 * kOut <= kRows * kRow);
  for (int i = t; i < 3 * kOut; i += kBlockThreads) s[i] = 0;
  __syncthreads();
  if (hidden) {
    float* const out = s + half * kOut + (is_first ? 0 : kSecondAt);
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) out[(ta + tiles_a * i) * kH + tb + 4 * j] = acc[i][j];
    }
    if (ta == 0) {
      for (int j = 0; j < 4; ++j) s[half * kOut + kBiasAt + (is_first ? 0 : kH) + tb + 4 * j] = sum[j];
    }
  } else if (last) {
    for (int i = 0; i < 8; ++i) {
      for (int j = 0; j < 2; ++j) s[third * kOut + kLastAt + 2 * (tl + 5 * i) + j] = acc[i / 2][i % 2 * 2 + j];
    }
    if (tl == 0) {
      for (int j = 0; j < 2; ++j) s[third * kOut + kBiasAt + 2 * kH + j] = sum[j];
    }
  }
  __syncthreads();
  const int columns = kScalesAt + job.grids + 1;
  for (int i = t; i < kScalesAt; i += kBlockThreads) partial[int64_t{blockIdx.x} * columns + i] = s[i] + s[kOut + i] + s[2 * kOut + i];
  atomicAdd(scales + g, scale_sum);
  __syncthreads();
  s[t] = bits_sum;
  __syncthreads();
  if (t < job.grids) partial[int64_t{blockIdx.x} * columns + kScalesAt + t] = scales[t];
  if (t == job.grids) {
    float all = 0;
    for (int i = 0; i < kBlockThreads; ++i) all += s[i];
    partial[int64_t{blockIdx.x} * columns + kScalesAt + t] = all;
  }
}

// ---- upsampling ----

// Tap k of sample j of a doubled line sees this place of the line (cpu_pixels.cpp).
__device__ inline int source_of(int j, int k) { return j / 2 + (j % 2 == 0 ? k - 2 : 2 - k); }
__device__ inline int within(int i, int size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }

__device__ inline void load_taps(const float* delta, float (&taps)[4]) {
  constexpr float cubic[4] = {-3.0f / 128, 29.0f / 128, 111.0f / 128, -9.0f / 128};
#pragma unroll
  for (int k = 0; k < 4; ++k) taps[k] = delta[k] + cubic[k];
}

// Around a small map's sample lie four of the doubled map, which see five rows and columns of it: the even ones the first four with the taps in
// order, the odd ones the last four with the taps reversed.
struct Around {
  float v[5][5];
  __device__ Around(const float* map, int r, int c, int h, int w) {
    if (r >= 2 && c >= 2 && r + 2 < h && c + 2 < w) {
      const float* const from = map + (r - 2) * w + c - 2;
#pragma unroll
      for (int a = 0; a < 5; ++a) {
#pragma unroll
        for (int b = 0; b < 5; ++b) v[a][b] = from[a * w + b];
      }
    } else {
#pragma unroll
      for (int a = 0; a < 5; ++a) {
        const float* const from = map + within(r - 2 + a, h) * w;
#pragma unroll
        for (int b = 0; b < 5; ++b) v[a][b] = from[within(c - 2 + b, w)];
      }
    }
  }
};
// Sample `odd` of two between v[0 * step] .. v[4 * step].
__device__ inline float blend(const float (&taps)[4], int odd, const float* v, int step) {
  float sum = 0;
#pragma unroll
  for (int k = 0; k < 4; ++k) sum += taps[k] * v[(odd ? 4 - k : k) * step];
  return sum;
}

// The maps' quads, then the added grids' samples.
__global__ void upsample_kernel(const __grid_constant__ FusedStep job, const float* in, const float* latents, const float* delta, float* out) {
  const int small = job.h * job.w;
  const int64_t plane = int64_t{job.height} * job.width, quads = int64_t{small} * job.channels, total = quads + plane * job.added;
  float taps[4] = {};
  if (job.channels > 0) load_taps(delta, taps);
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total; i += int64_t{gridDim.x} * blockDim.x) {
    if (i >= quads) {
      const int64_t k = i - quads;
      out[plane * job.channels + k] = latents[job.begin + k] * job.scale[k / plane];
      continue;
    }
    const int c = static_cast<int>(i / small), place = static_cast<int>(i % small), y = place / job.w, x = place % job.w;
    const Around around(in + int64_t{c} * small, y, x, job.h, job.w);
    float* const to = out + c * plane + int64_t{2 * y} * job.width + 2 * x;
#pragma unroll
    for (int odd = 0; odd < 2; ++odd) {  // of the columns
      float line[5];
#pragma unroll
      for (int a = 0; a < 5; ++a) line[a] = blend(taps, odd, around.v[a], 1);
      if (2 * x + odd >= job.width) continue;
      to[odd] = blend(taps, 0, line, 1);
      if (2 * y + 1 < job.height) to[job.width + odd] = blend(taps, 1, line, 1);
    }
  }
}

// How much of sample r's value goes into the samples from 2 r - 4 on of the doubled line.
__device__ inline void weights_of(int r, int size, const float (&taps)[4], float (&w)[10]) {
#pragma unroll
  for (int n = 0; n < 10; ++n) {
    const int j = 2 * r - 4 + n;
    w[n] = 0;
    if (j < 0) continue;
#pragma unroll
    for (int k = 0; k < 4; ++k) w[n] += within(source_of(j, k), size) == r ? taps[k] : 0.0f;
  }
}

__global__ void upsample_back_kernel(const __grid_constant__ FusedStep job, const float* d_out, const float* delta, float* d_in, float* d_latents) {
  const int64_t small = int64_t{job.h} * job.w, plane = int64_t{job.height} * job.width, maps = small * job.channels, total = maps + plane * job.added;
  float taps[4] = {};
  if (job.channels > 0) load_taps(delta, taps);
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total; i += int64_t{gridDim.x} * blockDim.x) {
    if (i >= maps) {
      const int64_t k = i - maps;
      d_latents[job.begin + k] = d_out[plane * job.channels + k] * job.scale[k / plane];
      continue;
    }
    const int c = static_cast<int>(i / small), place = static_cast<int>(i % small), y = place / job.w, x = place % job.w;
    if (y >= 2 && x >= 2 && 2 * y + 4 < job.height && 2 * x + 4 < job.width && y + 2 < job.h && x + 2 < job.w) {  // far from the edges: eight rows and columns
      const float* const from = d_out + c * plane + int64_t{2 * y - 3} * job.width + 2 * x - 3;
      const float w[8] = {taps[0], taps[3], taps[1], taps[2], taps[2], taps[1], taps[3], taps[0]};
      float sum = 0;
#pragma unroll
      for (int n = 0; n < 8; ++n) {
        float part = 0;
#pragma unroll
        for (int m = 0; m < 8; ++m) part += w[m] * from[n * job.width + m];
        sum += w[n] * part;
      }
      d_in[i] = sum;
      continue;
    }
    float wy[10], wx[10];
    weights_of(y, job.h, taps, wy);
    weights_of(x, job.w, taps, wx);
    const float* const map = d_out + c * plane;
    float sum = 0;
    for (int n = 0; n < 10; ++n) {
      const int yy = 2 * y - 4 + n;
      if (yy < 0 || yy >= job.height || wy[n] == 0) continue;
      float part = 0;
#pragma unroll
      for (int m = 0; m < 10; ++m) {
        const int xx = 2 * x - 4 + m;
        if (xx >= 0 && xx < job.width) part += wx[m] * map[int64_t{yy} * job.width + xx];
      }
      sum += wy[n] * part;
    }
    d_in[i] = sum;
  }
}

// Every thread's N numbers to the block's sums, at out. Rows of `room` [N][kBlockThreads + 1].
template <int N>
__device__ inline void block_sums(const float (&v)[N], float* room, float* out) {
  const int t = threadIdx.x;
  for (int n = 0; n < N; ++n) room[n * (kBlockThreads + 1) + t] = v[n];
  __syncthreads();
  for (int n = t; n < N; n += kBlockThreads) {
    float sum = 0;
    for (int i = 0; i < kBlockThreads; ++i) sum += room[n * (kBlockThreads + 1) + i];
    out[n] = sum;
  }
}

__global__ void __launch_bounds__(kBlockThreads) taps_back_kernel(FusedStep job, const float* in, const float* d_out, const float* delta, float* partial) {
  __shared__ float room[4 * (kBlockThreads + 1)];
  const int small = job.h * job.w;
  const int64_t plane = int64_t{job.height} * job.width, quads = int64_t{small} * job.channels;
  float taps[4], sum[4] = {};
  load_taps(delta, taps);
  for (int64_t i = int64_t{blockIdx.x} * kBlockThreads + threadIdx.x; i < quads; i += int64_t{gridDim.x} * kBlockThreads) {
    const int c = static_cast<int>(i / small), place = static_cast<int>(i % small), y = place / job.w, x = place % job.w;
    const Around around(in + int64_t{c} * small, y, x, job.h, job.w);
    const float* const from = d_out + c * plane + int64_t{2 * y} * job.width + 2 * x;
    float d[2][2];
#pragma unroll
    for (int a = 0; a < 2; ++a) {
#pragma unroll
      for (int b = 0; b < 2; ++b) d[a][b] = 2 * y + a < job.height && 2 * x + b < job.width ? from[a * job.width + b] : 0.0f;
    }
    // The taps along columns, over samples blended along rows; then the other way round.
#pragma unroll
    for (int b = 0; b < 2; ++b) {
      float line[5], column[5];
#pragma unroll
      for (int a = 0; a < 5; ++a) {
        line[a] = blend(taps, b, around.v[a], 1);
        column[a] = blend(taps, b, &around.v[0][a], 5);
      }
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        sum[k] += d[0][b] * line[k] + d[1][b] * line[4 - k];
        sum[k] += d[b][0] * column[k] + d[b][1] * column[4 - k];
      }
    }
  }
  block_sums(sum, room, partial + int64_t{blockIdx.x} * 4);
}

// ---- synthesis ----

constexpr int kN = kFusedHidden;

// Rows of G numbers padded to whole fours; behind each hidden unit's row its weights to the outputs and its bias.
template <int G, int O>
struct DenseTable {
  static constexpr int kPadded = (G + 3) / 4 * 4, kUnit = kPadded + 4;
  alignas(16) float unit[kN * kUnit];
  alignas(16) float direct[O * kPadded];
  float bias[O];

  __device__ void load(const FusedDense& job, const float* weights) {
    for (int i = threadIdx.x; i < kN * kUnit; i += blockDim.x) {
      const int n = i / kUnit, k = i % kUnit;
      float v = 0;
      if (k < G) v = weights[job.first + n * G + k];
      if (k >= kPadded && k < kPadded + O) v = weights[job.last + (k - kPadded) * kN + n];
      if (k == kPadded + 3) v = weights[job.bias + n];
      unit[i] = v;
    }
    for (int i = threadIdx.x; i < O * kPadded; i += blockDim.x) direct[i] = i % kPadded < G ? weights[job.direct + i / kPadded * G + i % kPadded] : 0.0f;
    for (int i = threadIdx.x; i < O; i += blockDim.x) bias[i] = weights[job.bias + kN + i];
  }
  // Unit n before its cut, and its weights to the outputs.
  __device__ float hidden(int n, const float (&u)[kPadded], Four& tail) const {
    tail = four(unit + n * kUnit + kPadded);
    float h = tail.v[3];
#pragma unroll
    for (int i = 0; i < kPadded; i += 4) {
      const Four v = four(unit + n * kUnit + i);
#pragma unroll
      for (int k = 0; k < 4; ++k) h += v.v[k] * u[i + k];
    }
    return h;
  }
};

template <int G, int O>
__global__ void dense_kernel(FusedDense job, const float* u, const float* weights, float* y) {
  using Table = DenseTable<G, O>;
  alignas(16) __shared__ Table table;
  table.load(job, weights);
  __syncthreads();
  for (int64_t p = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; p < job.pixels; p += int64_t{gridDim.x} * blockDim.x) {
    float in[Table::kPadded] = {}, out[O];
#pragma unroll
    for (int g = 0; g < G; ++g) in[g] = u[g * job.pixels + p];
#pragma unroll
    for (int o = 0; o < O; ++o) {
      out[o] = table.bias[o];
#pragma unroll
      for (int g = 0; g < G; ++g) out[o] += table.direct[o * Table::kPadded + g] * in[g];
    }
#pragma unroll 8
    for (int n = 0; n < kN; ++n) {
      Four tail;
      const float h = fmaxf(table.hidden(n, in, tail), 0.0f);
#pragma unroll
      for (int o = 0; o < O; ++o) out[o] += tail.v[o] * h;
    }
#pragma unroll
    for (int o = 0; o < O; ++o) y[o * job.pixels + p] = out[o];
  }
}

template <int G, int O>
__global__ void __launch_bounds__(kBlockThreads) dense_back_kernel(FusedDense job, const float* u, const float* weights, const float* dy, float* du, float* partial) {
  using Table = DenseTable<G, O>;
  constexpr int kPadded = Table::kPadded, kColumns = kPadded / 4;
  constexpr int kHRow = 0, kDRow = kN, kURow = 2 * kN, kYRow = kURow + kPadded, kRows = kYRow + 4;
  // Of the gradients: first [N][G], bias [N], last [O][N], direct [O][G], last bias [O].
  constexpr int kBias = kN * G, kLast = kBias + kN, kDirect = kLast + O * kN, kLastBias = kDirect + O * G, kCount = kLastBias + O;
  alignas(16) __shared__ Table table;
  alignas(16) __shared__ float s[kRows * kRow];
  const int t = threadIdx.x;
  table.load(job, weights);
  for (int i = t; i < (kPadded + 4) * kRow; i += kBlockThreads) s[kURow * kRow + i] = 0;
  // Two halves of the pixels; tiles of four by four: hidden gradients by inputs, outputs' by inputs, hidden units by outputs' gradients.
  constexpr int kFirstTiles = kN / 4 * kColumns, kTiles = kFirstTiles + kColumns + kN / 4;
  static_assert(2 * kTiles <= kBlockThreads);
  const bool works = t < 2 * kTiles;
  const int half = t / kTiles, tile = t % kTiles;
  const int kind = tile < kFirstTiles ? 0 : tile < kFirstTiles + kColumns ? 1 : 2;
  const int ta = kind == 0 ? tile % (kN / 4) : kind == 1 ? 0 : tile - kFirstTiles - kColumns;
  const int tb = kind == 0 ? tile / (kN / 4) : kind == 1 ? tile - kFirstTiles : 0;
  const int row_a = kind == 0 ? kDRow + ta : kind == 1 ? kYRow : kHRow + ta, row_b = kind == 2 ? kYRow : kURow + tb;
  const int step_a = kind == 1 ? 1 : kN / 4, step_b = kind == 2 ? 1 : kColumns;
  float acc[4][4] = {}, sum[4] = {};
  __syncthreads();
  const int64_t items = (job.pixels + kBlockThreads - 1) / kBlockThreads;
  for (int64_t item = blockIdx.x; item < items; item += gridDim.x) {
    const int64_t p = item * kBlockThreads + t;
    const bool used = p < job.pixels;
    float in[kPadded] = {}, back[kPadded] = {}, d[O];
#pragma unroll
    for (int g = 0; g < G; ++g) {
      in[g] = used ? u[g * job.pixels + p] : 0.0f;
      s[(kURow + g) * kRow + t] = in[g];
    }
#pragma unroll
    for (int o = 0; o < O; ++o) {
      d[o] = used ? dy[o * job.pixels + p] : 0.0f;
      s[(kYRow + o) * kRow + t] = d[o];
#pragma unroll
      for (int g = 0; g < G; ++g) back[g] += table.direct[o * kPadded + g] * d[o];
    }
#pragma unroll 4
    for (int n = 0; n < kN; ++n) {
      Four tail;
      const float h = table.hidden(n, in, tail);
      float dh = 0;
#pragma unroll
      for (int o = 0; o < O; ++o) dh += tail.v[o] * d[o];
      dh = h > 0 ? dh : 0.0f;
      s[(kHRow + n) * kRow + t] = fmaxf(h, 0.0f);
      s[(kDRow + n) * kRow + t] = dh;
#pragma unroll
      for (int i = 0; i < kPadded; i += 4) {
        const Four v = four(table.unit + n * Table::kUnit + i);
#pragma unroll
        for (int k = 0; k < 4; ++k) back[i + k] += v.v[k] * dh;
      }
    }
    if (used) {
#pragma unroll
      for (int g = 0; g < G; ++g) du[g * job.pixels + p] = back[g];
    }
    __syncthreads();
    if (works) {
      for (int q = half * (kBlockThreads / 2); q < (half + 1) * (kBlockThreads / 2); q += 4) {
        outer<4, 4>(s + row_a * kRow + q, step_a, s + row_b * kRow + q, step_b, acc);
        if (kind < 2 && tb == 0) add_rows<4>(s + row_a * kRow + q, step_a, sum);
      }
    }
    __syncthreads();
  }
  static_assert(2 * kCount <= kRows * kRow);
  if (works) {
    float* const out = s + half * kCount;
    for (int i = 0; i < 4; ++i) {
      const int a = ta + step_a * i;
      for (int j = 0; j < 4; ++j) {
        const int b = tb + step_b * j;
        if (kind == 0 && b < G) out[a * G + b] = acc[i][j];
        if (kind == 1 && i < O && b < G) out[kDirect + i * G + b] = acc[i][j];
        if (kind == 2 && j < O) out[kLast + j * kN + a] = acc[i][j];
      }
      if (kind == 0 && tb == 0) out[kBias + a] = sum[i];
      if (kind == 1 && tb == 0 && i < O) out[kLastBias + i] = sum[i];
    }
  }
  __syncthreads();
  for (int i = t; i < kCount; i += kBlockThreads) partial[int64_t{blockIdx.x} * kCount + i] = s[i] + s[kCount + i];
}

template <int O>
__global__ void residual_kernel(FusedResidual job, const float* x, const float* weights, float* y) {
  __shared__ float kernel[O * O * 9 + O];
  for (int i = threadIdx.x; i < O * O * 9; i += blockDim.x) kernel[i] = weights[job.kernel + i];
  for (int i = threadIdx.x; i < O; i += blockDim.x) kernel[O * O * 9 + i] = weights[job.bias + i];
  __syncthreads();
  const int plane = job.height * job.width;
  for (int p = blockIdx.x * blockDim.x + threadIdx.x; p < plane; p += gridDim.x * blockDim.x) {
    const int row = p / job.width, column = p % job.width;
    float out[O];
#pragma unroll
    for (int o = 0; o < O; ++o) out[o] = x[int64_t{o} * plane + p] + kernel[O * O * 9 + o];
#pragma unroll
    for (int c = 0; c < O; ++c) {
#pragma unroll
      for (int ky = 0; ky < 3; ++ky) {
#pragma unroll
        for (int kx = 0; kx < 3; ++kx) {
          const float v = x[int64_t{c} * plane + within(row + ky - 1, job.height) * job.width + within(column + kx - 1, job.width)];
#pragma unroll
          for (int o = 0; o < O; ++o) out[o] += kernel[((o * O + c) * 3 + ky) * 3 + kx] * v;
        }
      }
    }
#pragma unroll
    for (int o = 0; o < O; ++o) y[int64_t{o} * plane + p] = job.relu ? fmaxf(out[o], 0.0f) : out[o];
  }
}

// Which tap k of line position q reads position r, or -1; at an edge two may, and `second` is the other one.
__device__ inline int tap_of(int q, int r, int size, int& second) {
  second = -1;
  int found = -1;
#pragma unroll
  for (int k = 0; k < 3; ++k) {
    if (within(q + k - 1, size) == r) (found < 0 ? found : second) = k;
  }
  return found;
}

template <int O>
__global__ void __launch_bounds__(kBlockThreads) residual_back_kernel(FusedResidual job, const float* x, const float* y, const float* weights, const float* dy, float* dx,
                                                                      float* partial) {
  constexpr int kCount = O * O * 9 + O;
  __shared__ float kernel[O * O * 9];
  __shared__ float room[kCount * (kBlockThreads + 1)];
  for (int i = threadIdx.x; i < O * O * 9; i += blockDim.x) kernel[i] = weights[job.kernel + i];
  __syncthreads();
  const int plane = job.height * job.width;
  float sum[kCount] = {};
  for (int p = blockIdx.x * kBlockThreads + threadIdx.x; p < plane; p += gridDim.x * kBlockThreads) {
    const int row = p / job.width, column = p % job.width;
    const auto d_at = [&](int o, int place) {
      const int64_t at = int64_t{o} * plane + place;
      return !job.relu || y[at] > 0 ? dy[at] : 0.0f;
    };
    float d[O], back[O];
#pragma unroll
    for (int o = 0; o < O; ++o) d[o] = back[o] = d_at(o, p);
#pragma unroll
    for (int c = 0; c < O; ++c) {
#pragma unroll
      for (int ky = 0; ky < 3; ++ky) {
#pragma unroll
        for (int kx = 0; kx < 3; ++kx) {
          const float v = x[int64_t{c} * plane + within(row + ky - 1, job.height) * job.width + within(column + kx - 1, job.width)];
#pragma unroll
          for (int o = 0; o < O; ++o) sum[((o * O + c) * 3 + ky) * 3 + kx] += d[o] * v;
        }
      }
    }
#pragma unroll
    for (int o = 0; o < O; ++o) sum[O * O * 9 + o] += d[o];
    // What every pixel around got from this one; at the picture's edges by more than one tap.
    for (int qy = row - 1; qy <= row + 1; ++qy) {
      if (qy < 0 || qy >= job.height) continue;
      int ky[2];
      ky[0] = tap_of(qy, row, job.height, ky[1]);
      for (int qx = column - 1; qx <= column + 1; ++qx) {
        if (qx < 0 || qx >= job.width) continue;
        int kx[2];
        kx[0] = tap_of(qx, column, job.width, kx[1]);
        float dz[O];
#pragma unroll
        for (int o = 0; o < O; ++o) dz[o] = d_at(o, qy * job.width + qx);
        for (int a = 0; a < 2 && ky[a] >= 0; ++a) {
          for (int b = 0; b < 2 && kx[b] >= 0; ++b) {
#pragma unroll
            for (int c = 0; c < O; ++c) {
#pragma unroll
              for (int o = 0; o < O; ++o) back[c] += kernel[((o * O + c) * 3 + ky[a]) * 3 + kx[b]] * dz[o];
            }
          }
        }
      }
    }
#pragma unroll
    for (int o = 0; o < O; ++o) dx[int64_t{o} * plane + p] = back[o];
  }
  block_sums(sum, room, partial + int64_t{blockIdx.x} * kCount);
}

// ---- sums and steps ----

constexpr int kReduceColumns = 32, kReduceRows = 16;

__global__ void __launch_bounds__(kReduceColumns * kReduceRows) reduce_kernel(const __grid_constant__ FusedSums job, int rows, float* out) {
  __shared__ float room[kReduceRows][kReduceColumns + 1];
  const int lane = threadIdx.x % kReduceColumns, row = threadIdx.x / kReduceColumns;
  int index = blockIdx.x * kReduceColumns + lane, which = 0;
  while (which < job.parts && index >= job.part[which].columns) index -= job.part[which++].columns;
  const FusedSum part = job.part[which < job.parts ? which : 0];
  float sum = 0;
  if (which < job.parts) {
#pragma unroll 4
    for (int b = row; b < rows; b += kReduceRows) sum += part.partial[int64_t{b} * part.stride + part.from + index];
  }
  room[row][lane] = sum;
  __syncthreads();
  if (row == 0 && which < job.parts) {
    for (int r = 1; r < kReduceRows; ++r) sum += room[r][lane];
    out[part.to + index] = sum;
  }
}

constexpr float kBeta1 = 0.9f, kBeta2 = 0.999f, kAverageBeta = 0.95f;  // adam.h, soap.cpp

__device__ inline float adam_direction(float first, float second, float c2) { return first / (sqrtf(second / fmaxf(c2, 1e-6f)) + 1e-8f); }

__global__ void adam_kernel(float* values, const float* gradient, float* first, float* second, int64_t count, const float* go, const float* c2, const float* length) {
  const bool good = *go > 0;
  const float c = *c2, far = *length;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += int64_t{gridDim.x} * blockDim.x) {
    const float g = good ? gradient[i] : 0.0f;
    const float m = first[i] * kBeta1 + g * (1 - kBeta1), v = second[i] * kBeta2 + g * g * (1 - kBeta2);
    first[i] = m;
    second[i] = v;
    values[i] -= adam_direction(m, v, c) * far;
  }
}

constexpr int kSoapSide = kFusedSide, kSoapThreads = 256;

// out = a b, or with a or b transposed; a [m][k], b [k][n] as used.
__device__ inline void product(const float* a, bool a_turned, const float* b, bool b_turned, int m, int k, int n, float* out) {
  for (int i = threadIdx.x; i < m * n; i += kSoapThreads) {
    const int r = i / n, c = i % n;
    float sum = 0;
    for (int l = 0; l < k; ++l) sum += (a_turned ? a[l * m + r] : a[r * k + l]) * (b_turned ? b[c * k + l] : b[l * n + c]);
    out[i] = sum;
  }
  __syncthreads();
}

// Block b < matrices: one matrix; the last one: what is in no matrix.
__global__ void __launch_bounds__(kSoapThreads) soap_kernel(const __grid_constant__ FusedSoap job, float* values, const float* gradient, float* first, float* second, float* averages,
                                                            const float* bases, const float* go, const float* c2, const float* length) {
  __shared__ float g[kSoapSide * kSoapSide], m[kSoapSide * kSoapSide], a[kSoapSide * kSoapSide], b[kSoapSide * kSoapSide], l[kSoapSide * kSoapSide], r[kSoapSide * kSoapSide];
  const bool good = *go > 0;
  const float c = *c2, far = *length;
  const int which = blockIdx.x, t = threadIdx.x;
  if (which == job.matrices) {
    for (int gap = 0; gap <= job.matrices; ++gap) {
      const int begin = gap == 0 ? 0 : job.matrix[gap - 1].begin + job.matrix[gap - 1].rows * job.matrix[gap - 1].columns;
      const int end = gap == job.matrices ? job.total : job.matrix[gap].begin;
      for (int i = begin + t; i < end; i += kSoapThreads) {
        const float d = good ? gradient[i] : 0.0f, x = first[i] * kBeta1 + d * (1 - kBeta1), v = second[i] * kBeta2 + d * d * (1 - kBeta2);
        first[i] = x;
        second[i] = v;
        values[i] -= adam_direction(x, v, c) * far;
      }
    }
    return;
  }
  const FusedMatrix p = job.matrix[which];
  const int rows = p.rows, columns = p.columns, size = rows * columns;
  for (int i = t; i < size; i += kSoapThreads) {
    g[i] = good ? gradient[p.begin + i] : 0.0f;
    m[i] = first[p.begin + i] * kBeta1 + g[i] * (1 - kBeta1);
    first[p.begin + i] = m[i];
  }
  for (int i = t; i < rows * rows; i += kSoapThreads) l[i] = bases[p.left + i];
  for (int i = t; i < columns * columns; i += kSoapThreads) r[i] = bases[p.right + i];
  __syncthreads();
  // Second moments and the direction, in the bases.
  product(l, true, g, false, rows, rows, columns, a);
  product(a, false, r, false, rows, columns, columns, b);
  for (int i = t; i < size; i += kSoapThreads) second[p.begin + i] = second[p.begin + i] * kBeta2 + b[i] * b[i] * (1 - kBeta2);
  product(l, true, m, false, rows, rows, columns, a);
  product(a, false, r, false, rows, columns, columns, b);
  for (int i = t; i < size; i += kSoapThreads) b[i] = adam_direction(b[i], second[p.begin + i], c);
  __syncthreads();
  product(l, false, b, false, rows, rows, columns, a);
  product(a, false, r, true, rows, columns, columns, b);
  for (int i = t; i < size; i += kSoapThreads) values[p.begin + i] -= b[i] * far;
  // The averages of g g^T and g^T g, that the bases follow.
  const float share = good ? 1 - kAverageBeta : 0.0f;
  product(g, false, g, true, rows, columns, rows, a);
  for (int i = t; i < rows * rows; i += kSoapThreads) averages[p.left + i] += (a[i] - averages[p.left + i]) * share;
  __syncthreads();
  product(g, true, g, false, columns, rows, columns, a);
  for (int i = t; i < columns * columns; i += kSoapThreads) averages[p.right + i] += (a[i] - averages[p.right + i]) * share;
}

// ---- launchers ----

inline int blocks_for(int64_t count, int threads, int most = 132 * 16) {
  const int64_t blocks = (count + threads - 1) / threads;
  return static_cast<int>(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

inline const char* launch_soft_round(const float* x, const float* uniform, const float* temperature, const float* shape, float* value, float* slope, int64_t count, void* stream) {
  TESSERA_LAUNCH(soft_round_kernel, blocks_for(count, 256), 256, stream, x, uniform, temperature, shape, value, slope, count);
  return TESSERA_LAUNCHED();
}

inline const char* launch_context(const FusedContext& job, const float* latents, const float* weights, float* d_latents, float* partial, void* stream) {
  TESSERA_LAUNCH(context_kernel, TESSERA_BLOCKS, kBlockThreads, stream, job, latents, weights, d_latents, partial);
  return TESSERA_LAUNCHED();
}

inline const char* launch_upsample(const FusedStep& job, const float* in, const float* latents, const float* taps, float* out, void* stream) {
  const int64_t total = int64_t{job.height} * job.width * (job.channels + job.added);
  TESSERA_LAUNCH(upsample_kernel, blocks_for(total, 256), 256, stream, job, in, latents, taps, out);
  return TESSERA_LAUNCHED();
}

inline const char* launch_upsample_back(const FusedStep& job, const float* in, const float* d_out, const float* taps, float* d_in, float* d_latents, float* partial, void* stream) {
  const int64_t total = int64_t{job.h} * job.w * job.channels + int64_t{job.height} * job.width * job.added;
  TESSERA_LAUNCH(upsample_back_kernel, blocks_for(total, 128), 128, stream, job, d_out, taps, d_in, d_latents);
  if (job.channels > 0) TESSERA_LAUNCH(taps_back_kernel, TESSERA_BLOCKS, kBlockThreads, stream, job, in, d_out, taps, partial);
  return TESSERA_LAUNCHED();
}

// visit<G, O>() for the job's inputs and outputs.
template <int G, int O, class Visit>
inline void with_inputs(const FusedDense& job, Visit visit) {
  if (job.inputs == G && job.outputs == O) return visit.template operator()<G, O>();
  if constexpr (G < kFusedMaxInputs) {
    with_inputs<G + 1, O>(job, visit);
  } else if constexpr (O == 1) {
    with_inputs<kFusedMinInputs, 3>(job, visit);
  }
}

inline const char* launch_dense(const FusedDense& job, const float* u, const float* weights, float* y, void* stream) {
  with_inputs<kFusedMinInputs, 1>(job, [&]<int G, int O>() {
    TESSERA_LAUNCH((dense_kernel<G, O>), blocks_for(job.pixels, 128), 128, stream, job, u, weights, y);
  });
  return TESSERA_LAUNCHED();
}

inline const char* launch_dense_back(const FusedDense& job, const float* u, const float* weights, const float* dy, float* du, float* partial, void* stream) {
  with_inputs<kFusedMinInputs, 1>(job, [&]<int G, int O>() {
    TESSERA_LAUNCH((dense_back_kernel<G, O>), TESSERA_BLOCKS, kBlockThreads, stream, job, u, weights, dy, du, partial);
  });
  return TESSERA_LAUNCHED();
}

inline const char* launch_residual(const FusedResidual& job, const float* x, const float* weights, float* y, void* stream) {
  const int blocks = blocks_for(int64_t{job.height} * job.width, 128);
  if (job.outputs == 3) {
    TESSERA_LAUNCH(residual_kernel<3>, blocks, 128, stream, job, x, weights, y);
  } else {
    TESSERA_LAUNCH(residual_kernel<1>, blocks, 128, stream, job, x, weights, y);
  }
  return TESSERA_LAUNCHED();
}

inline const char* launch_residual_back(const FusedResidual& job, const float* x, const float* y, const float* weights, const float* dy, float* dx, float* partial, void* stream) {
  if (job.outputs == 3) {
    TESSERA_LAUNCH(residual_back_kernel<3>, TESSERA_BLOCKS, kBlockThreads, stream, job, x, y, weights, dy, dx, partial);
  } else {
    TESSERA_LAUNCH(residual_back_kernel<1>, TESSERA_BLOCKS, kBlockThreads, stream, job, x, y, weights, dy, dx, partial);
  }
  return TESSERA_LAUNCHED();
}

inline const char* launch_reduce(const FusedSums& job, float* out, void* stream) {
  int columns = 0;
  for (int i = 0; i < job.parts; ++i) columns += job.part[i].columns;
  TESSERA_LAUNCH(reduce_kernel, (columns + kReduceColumns - 1) / kReduceColumns, kReduceColumns * kReduceRows, stream, job, TESSERA_BLOCKS, out);
  return TESSERA_LAUNCHED();
}

inline const char* launch_adam(float* values, const float* gradient, float* first, float* second, int64_t count, const float* go, const float* c2, const float* length, void* stream) {
  TESSERA_LAUNCH(adam_kernel, blocks_for(count, 256), 256, stream, values, gradient, first, second, count, go, c2, length);
  return TESSERA_LAUNCHED();
}

inline const char* launch_soap(const FusedSoap& job, float* values, const float* gradient, float* first, float* second, float* averages, const float* bases, const float* go,
                               const float* c2, const float* length, void* stream) {
  TESSERA_LAUNCH(soap_kernel, job.matrices + 1, kSoapThreads, stream, job, values, gradient, first, second, averages, bases, go, c2, length);
  return TESSERA_LAUNCHED();
}

inline FitKernels all_kernels(void* (*stream)()) {
  return {TESSERA_BLOCKS, false, stream, launch_soft_round, launch_context, launch_upsample, launch_upsample_back, launch_dense, launch_dense_back, launch_residual, launch_residual_back,
          launch_reduce, launch_adam, launch_soap};
}

}  // namespace tessera::models::cuda
