// What latents cost, on the device: the soft rounding, and the context network's bits with all gradients in one pass.
//
// A thread takes a latent through the network forwards and back, with the weights in shared memory: nothing of a layer goes to global memory and no
// window is copied. The weights' gradients become one partial row a block, in the weights' order, with the bits behind them; the latents', to which
// every latent that saw them contributes, are added atomically.
#pragma once

#include "models/cuda/fit_common.cuh"

namespace tessera::models::cuda {

// ---- soft rounding ----

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

inline const char* launch_soft_round(const float* x, const float* uniform, const float* temperature, const float* shape, float* value, float* slope, int64_t count, void* stream) {
  TESSERA_LAUNCH(soft_round_kernel, blocks_for(count, 256), 256, stream, x, uniform, temperature, shape, value, slope, count);
  return TESSERA_LAUNCHED();
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

inline const char* launch_context(const FusedContext& job, const float* latents, const float* weights, float* d_latents, float* partial, void* stream) {
  TESSERA_LAUNCH(context_kernel, TESSERA_BLOCKS, kBlockThreads, stream, job, latents, weights, d_latents, partial);
  return TESSERA_LAUNCHED();
}

}  // namespace tessera::models::cuda
