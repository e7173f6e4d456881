// The end of a training step, on the device: the sums of what blocks left, and the steps of Adam and SOAP.
//
// The blocks' partial rows are added in a fixed order, those of all layers of a network in one launch. SOAP takes a block for each matrix, which fits
// into shared memory together with its bases: all products of a step are one launch. The bases are turned elsewhere (soap.cpp).
#pragma once

#include "models/cuda/fit_common.cuh"

namespace tessera::models::cuda {

// ---- sums ----

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

inline const char* launch_reduce(const FusedSums& job, float* out, void* stream) {
  int columns = 0;
  for (int i = 0; i < job.parts; ++i) columns += job.part[i].columns;
  TESSERA_LAUNCH(reduce_kernel, (columns + kReduceColumns - 1) / kReduceColumns, kReduceColumns * kReduceRows, stream, job, TESSERA_BLOCKS, out);
  return TESSERA_LAUNCHED();
}

// ---- optimisers ----

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

inline const char* launch_adam(float* values, const float* gradient, float* first, float* second, int64_t count, const float* go, const float* c2, const float* length, void* stream) {
  TESSERA_LAUNCH(adam_kernel, blocks_for(count, 256), 256, stream, values, gradient, first, second, count, go, c2, length);
  return TESSERA_LAUNCHED();
}

inline const char* launch_soap(const FusedSoap& job, float* values, const float* gradient, float* first, float* second, float* averages, const float* bases, const float* go,
                               const float* c2, const float* length, void* stream) {
  TESSERA_LAUNCH(soap_kernel, job.matrices + 1, kSoapThreads, stream, job, values, gradient, first, second, averages, bases, go, c2, length);
  return TESSERA_LAUNCHED();
}

}  // namespace tessera::models::cuda
