// The kernels that move pictures by block vectors, and their launches. As device code models/cuda/warp.cu compiles it, for the CPU a test
// (tests/models/inr/emulated_cuda.h); both define TESSERA_LAUNCH.
#pragma once

#include "models/cuda/warp_shape.h"

namespace tessera::models::cuda {
namespace {

constexpr int kWarpThreads = 256;

struct Taps {
  float of[kWarpPhases][kWarpTaps];
};

// A kernel's threads in groups of one for each sample of a block of kSide x kSide, and what one of them knows of its block.
template <int kSide, int kTaps>
struct Group {
  static constexpr int kSize = kSide * kSide, kCount = kWarpThreads / kSize;  // threads of a group, groups of a thread block
  static constexpr int kPatch = kSide + kTaps - 1, kBefore = kTaps / 2 - 1;

  int slot, lane;  // the group within the thread block, the thread within the group
  bool has_block;  // the last groups may have none, but have to come to every barrier
  int64_t plane;   // begins at this sample
  int x, y;        // the block's corner
  int left, top;   // the corner of the patch that it is made of
  int across, down;  // phases

  __device__ Group(const WarpShape& s, const float* dense) : slot(static_cast<int>(threadIdx.x) / kSize), lane(static_cast<int>(threadIdx.x) % kSize) {
    const int w = s.width / kSide, h = s.height / kSide;
    const int64_t blocks = static_cast<int64_t>(w) * h, block = static_cast<int64_t>(blockIdx.x) * kCount + slot, index = block / blocks;
    has_block = index < static_cast<int64_t>(s.batch) * s.channels;
    const int place = has_block ? static_cast<int>(block % blocks) : 0;
    plane = has_block ? index * s.height * s.width : 0;
    x = place % w * kSide;
    y = place / w * kSide;
    const float* v = dense + ((has_block ? index / s.channels : 0) * blocks + place) * 2;
    const int eighths = kWarpPhases / s.steps, dx = eighths * static_cast<int>(v[0]), dy = eighths * static_cast<int>(v[1]);
    across = dx & 7;
    down = dy & 7;
    left = x + (dx >> 3) - kBefore;  // shifts round down for negative numbers as well
    top = y + (dy >> 3) - kBefore;
  }

  // Where the patch's sample number k lies in the plane, edges repeated.
  __device__ int64_t place(const WarpShape& s, int k) const {
    return static_cast<int64_t>(within(top + k / kPatch, s.height)) * s.width + within(left + k % kPatch, s.width);
  }
  __device__ static int within(int i, int size) { return i < 0 ? 0 : i >= size ? size - 1 : i; }
};

static_assert(kWarpPhases == 8);

// The kTaps weights of a phase: those in the middle of the table's row.
template <int kTaps>
__device__ void take(const Taps& taps, int phase, float (&out)[kTaps]) {
#pragma unroll
  for (int i = 0; i < kTaps; ++i) out[i] = taps.of[phase][i + (kWarpTaps - kTaps) / 2];
}

// A thread makes a sample.
template <int kSide, int kTaps>
__global__ void __launch_bounds__(kWarpThreads) forward_kernel(WarpShape s, Taps taps, const float* __restrict__ planes, const float* __restrict__ dense, float* __restrict__ out) {
  using G = Group<kSide, kTaps>;
  __shared__ float patches[G::kCount][G::kPatch * G::kPatch], sums[G::kCount][G::kPatch * kSide];
  const G g(s, dense);
  float *patch = patches[g.slot], *rows = sums[g.slot];
  if (g.has_block) {
    for (int k = g.lane; k < G::kPatch * G::kPatch; k += G::kSize) patch[k] = planes[g.plane + g.place(s, k)];
  }
  __syncthreads();
  float weights[kTaps];
  take(taps, g.across, weights);
  if (g.has_block) {
    for (int k = g.lane; k < G::kPatch * kSide; k += G::kSize) {
      const float* from = patch + k / kSide * G::kPatch + k % kSide;
      float sum = __fmul_rn(weights[0], from[0]);
#pragma unroll
      for (int i = 1; i < kTaps; ++i) sum = __fadd_rn(sum, __fmul_rn(weights[i], from[i]));
      rows[k] = sum;
    }
  }
  __syncthreads();
  if (!g.has_block) return;
  take(taps, g.down, weights);
  const float* from = rows + g.lane;
  float sum = __fmul_rn(weights[0], from[0]);
#pragma unroll
  for (int i = 1; i < kTaps; ++i) sum = __fadd_rn(sum, __fmul_rn(weights[i], from[i * kSide]));
  out[g.plane + static_cast<int64_t>(g.y + g.lane / kSide) * s.width + g.x + g.lane % kSide] = sum;
}

// The same backwards: a block's gradient is spread along the columns, then along the rows, and added where its patch came from.
template <int kSide, int kTaps>
__global__ void __launch_bounds__(kWarpThreads) backward_kernel(WarpShape s, Taps taps, const float* __restrict__ dy, const float* __restrict__ dense, float* __restrict__ dx) {
  using G = Group<kSide, kTaps>;
  __shared__ float blocks[G::kCount][G::kSize], sums[G::kCount][G::kPatch * kSide];
  const G g(s, dense);
  float *block = blocks[g.slot], *rows = sums[g.slot];
  if (g.has_block) block[g.lane] = dy[g.plane + static_cast<int64_t>(g.y + g.lane / kSide) * s.width + g.x + g.lane % kSide];
  __syncthreads();
  float weights[kTaps];
  take(taps, g.down, weights);
  if (g.has_block) {
    for (int k = g.lane; k < G::kPatch * kSide; k += G::kSize) {
      const int row = k / kSide;
      float sum = 0;
#pragma unroll
      for (int i = 0; i < kTaps; ++i) {
        if (row >= i && row - i < kSide) sum += weights[i] * block[k - i * kSide];
      }
      rows[k] = sum;
    }
  }
  __syncthreads();
  if (!g.has_block) return;
  take(taps, g.across, weights);
  for (int k = g.lane; k < G::kPatch * G::kPatch; k += G::kSize) {
    const int row = k / G::kPatch, column = k % G::kPatch;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kTaps; ++i) {
      if (column >= i && column - i < kSide) sum += weights[i] * rows[row * kSide + column - i];
    }
    if (sum != 0) atomicAdd(dx + g.plane + g.place(s, k), sum);  // at whole samples most of a patch has no part in it
  }
}

Taps taps_for(Interpolation kind) {
  Taps taps;
  for (int p = 0; p < kWarpPhases; ++p) {
    for (int i = 0; i < kWarpTaps; ++i) taps.of[p][i] = warp_taps(kind)[static_cast<size_t>(p)][static_cast<size_t>(i)];
  }
  return taps;
}

using Kernel = void (*)(WarpShape, Taps, const float*, const float*, float*);

// False for a side or steps that there are no kernels for.
bool launch(const WarpShape& s, const Kernel (&kernels)[2][2], const float* from, const float* dense, float* to, void* stream) {
  if ((s.side != 8 && s.side != 4) || (s.steps != 1 && s.steps != 2 && s.steps != 4 && s.steps != 8)) return false;
  const int64_t threads = static_cast<int64_t>(s.batch) * s.channels * s.height * s.width;
  if (threads == 0) return true;
  const Kernel kernel = kernels[s.side == 8 ? 0 : 1][s.interpolation == Interpolation::bicubic ? 0 : 1];
  TESSERA_LAUNCH(kernel, static_cast<int>((threads + kWarpThreads - 1) / kWarpThreads), kWarpThreads, stream, s, taps_for(s.interpolation), from, dense, to);
  return true;
}

bool launch_warp_forward(const WarpShape& shape, const float* planes, const float* dense, float* out, void* stream) {
  constexpr Kernel kernels[2][2] = {{forward_kernel<8, 4>, forward_kernel<8, 8>}, {forward_kernel<4, 4>, forward_kernel<4, 8>}};
  return launch(shape, kernels, planes, dense, out, stream);
}

bool launch_warp_backward(const WarpShape& shape, const float* dy, const float* dense, float* dx, void* stream) {
  constexpr Kernel kernels[2][2] = {{backward_kernel<8, 4>, backward_kernel<8, 8>}, {backward_kernel<4, 4>, backward_kernel<4, 8>}};
  return launch(shape, kernels, dy, dense, dx, stream);
}

}  // namespace
}  // namespace tessera::models::cuda
