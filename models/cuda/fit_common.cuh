// What the kernels that train overfitted networks share (fit_device.cuh): the size of a block, sums of products over a block's latents or pixels, and
// the number of blocks of a launch.
//
// The gradient of a layer's weights is a product of two tall matrices. A block writes kBlockThreads rows of both into shared memory, turned so that a
// thread's numbers are a column, and then every thread adds up a small tile of the product in registers (outer): no atomic additions, and always in the same order.
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

// The place of a line of `size` that is nearest to i.
__device__ inline int within(int i, int size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }

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

inline int blocks_for(int64_t count, int threads, int most = 132 * 16) {
  const int64_t blocks = (count + threads - 1) / threads;
  return static_cast<int>(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

}  // namespace tessera::models::cuda
