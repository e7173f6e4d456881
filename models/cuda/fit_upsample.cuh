// The latents' maps at the picture's size, on the device, one doubling at a time: a cubic kernel's taps plus learnt differences, along rows and
// columns, and back to the maps, the added grids and the taps.
//
// Forwards and for the taps a thread takes one sample of the small map, since the four of the doubled map around it see the same five by five samples.
// For the maps' gradient a thread gathers what a sample was seen by, so that nothing is added atomically.
#pragma once

#include "models/cuda/fit_common.cuh"

namespace tessera::models::cuda {

// Tap k of sample j of a doubled line sees this place of the line (cpu_pixels.cpp).
__device__ inline int source_of(int j, int k) { return j / 2 + (j % 2 == 0 ? k - 2 : 2 - k); }

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

}  // namespace tessera::models::cuda
