// From the maps to the picture, on the device, forwards and back: the dense layers that see one pixel, and the residual layers of 3 x 3 pixels.
//
// The dense layers are one kernel each way, so that the hidden units stay in registers and shared memory; going back computes them again instead of
// reading them. The kernels are templates by the numbers of inputs and outputs: loops unroll, and with_inputs() picks one.
#pragma once

#include "models/cuda/fit_common.cuh"

namespace tessera::models::cuda {

// ---- dense layers ----

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

// ---- residual layers ----

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

}  // namespace tessera::models::cuda
