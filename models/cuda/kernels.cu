#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "models/cuda/kernels.cuh"

namespace tessera::models::cuda {
namespace {

// 16 bytes of channels: eight bfloat16 or float16, or four float32.
template <class T>
struct Pack;
template <>
struct Pack<__nv_bfloat16> {
  static constexpr int size = 8;
  uint4 raw;
  __device__ void unpack(float* f) const {
    const uint32_t u[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      f[2 * i] = __uint_as_float(u[i] << 16);
      f[2 * i + 1] = __uint_as_float(u[i] & 0xffff0000u);
    }
  }
  __device__ void pack(const float* f) {
    uint32_t u[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const __nv_bfloat162 two = __floats2bfloat162_rn(f[2 * i], f[2 * i + 1]);
      u[i] = *reinterpret_cast<const uint32_t*>(&two);
    }
    raw = make_uint4(u[0], u[1], u[2], u[3]);
  }
};
template <>
struct Pack<__half> {
  static constexpr int size = 8;
  uint4 raw;
  __device__ void unpack(float* f) const {
    const uint32_t u[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 two = __half22float2(*reinterpret_cast<const __half2*>(&u[i]));
      f[2 * i] = two.x;
      f[2 * i + 1] = two.y;
    }
  }
  __device__ void pack(const float* f) {
    uint32_t u[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const __half2 two = __floats2half2_rn(f[2 * i], f[2 * i + 1]);
      u[i] = *reinterpret_cast<const uint32_t*>(&two);
    }
    raw = make_uint4(u[0], u[1], u[2], u[3]);
  }
};
template <>
struct Pack<float> {
  static constexpr int size = 4;
  uint4 raw;
  __device__ void unpack(float* f) const {
    f[0] = __uint_as_float(raw.x);
    f[1] = __uint_as_float(raw.y);
    f[2] = __uint_as_float(raw.z);
    f[3] = __uint_as_float(raw.w);
  }
  __device__ void pack(const float* f) {
    raw = make_uint4(__float_as_uint(f[0]), __float_as_uint(f[1]), __float_as_uint(f[2]), __float_as_uint(f[3]));
  }
};

constexpr int kStrip = 8;  // output pixels of a row that one thread makes, sliding a 3x3 window along

// One thread: one pack of channels, one strip. MODE 0: forward; 1: gradient of the input (flipped filter, dy in `x`,
// the forward input in `gate`).
template <class T, int MODE>
__global__ void depthwise_kernel(const T* __restrict__ x, const T* __restrict__ gate, const T* __restrict__ w,
                                 const T* __restrict__ bias, T* __restrict__ out, int n, int h, int width, int c,
                                 float slope) {
  constexpr int V = Pack<T>::size;
  const int packs = c / V;
  const int strips = (width + kStrip - 1) / kStrip;
  const int64_t id = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t total = static_cast<int64_t>(n) * h * strips * packs;
  if (id >= total) return;
  const int cp = static_cast<int>(id % packs);
  int64_t rest = id / packs;
  const int strip = static_cast<int>(rest % strips);
  rest /= strips;
  const int y = static_cast<int>(rest % h);
  const int64_t image = rest / h;

  float wf[9][V];
#pragma unroll
  for (int t = 0; t < 9; ++t) {
    Pack<T> p;
    p.raw = *reinterpret_cast<const uint4*>(w + static_cast<int64_t>(MODE == 0 ? t : 8 - t) * c + cp * V);
    p.unpack(wf[t]);
  }
  float bf[V];
  if (MODE == 0) {
    Pack<T> p;
    p.raw = *reinterpret_cast<const uint4*>(bias + cp * V);
    p.unpack(bf);
  } else {
#pragma unroll
    for (int i = 0; i < V; ++i) bf[i] = 0.f;
  }
  const T* base = x + (image * h * width) * static_cast<int64_t>(c) + cp * V;
  const int x0 = strip * kStrip;
  float acc[3][V];  // running sums of the output columns that the current input column touches: x-1, x, x+1
#pragma unroll
  for (int i = 0; i < V; ++i) acc[0][i] = acc[1][i] = acc[2][i] = bf[i];
  for (int col = x0 - 1; col <= x0 + kStrip; ++col) {
    if (col >= 0 && col < width) {
#pragma unroll
      for (int dy = 0; dy < 3; ++dy) {
        const int yy = y + dy - 1;
        if (yy < 0 || yy >= h) continue;
        Pack<T> p;
        p.raw = *reinterpret_cast<const uint4*>(base + (static_cast<int64_t>(yy) * width + col) * c);
        float v[V];
        p.unpack(v);
#pragma unroll
        for (int i = 0; i < V; ++i) {
          if (MODE == 0) v[i] = v[i] > 0.f ? v[i] : v[i] * slope;
          acc[0][i] += wf[dy * 3 + 2][i] * v[i];  // output at col-1 sees this column as its right neighbour
          acc[1][i] += wf[dy * 3 + 1][i] * v[i];
          acc[2][i] += wf[dy * 3 + 0][i] * v[i];
        }
      }
    }
    const int done = col - 1;
    if (done >= x0 && done < x0 + kStrip && done < width) {
      const int64_t at = ((image * h + y) * width + done) * static_cast<int64_t>(c) + cp * V;
      if (MODE == 1) {
        Pack<T> g;
        g.raw = *reinterpret_cast<const uint4*>(gate + at);
        float v[V];
        g.unpack(v);
#pragma unroll
        for (int i = 0; i < V; ++i) acc[0][i] = v[i] > 0.f ? acc[0][i] : acc[0][i] * slope;
      }
      Pack<T> p;
      p.pack(acc[0]);
      *reinterpret_cast<uint4*>(out + at) = p.raw;
    }
#pragma unroll
    for (int i = 0; i < V; ++i) {
      acc[0][i] = acc[1][i];
      acc[1][i] = acc[2][i];
      acc[2][i] = bf[i];
    }
  }
}

// Block: kLanes packs of channels x kRows groups of pixels; each group walks over rows of the images and keeps the
// ten sums of its channels in registers; the groups are added in shared memory, then one atomic add a sum.
constexpr int kLanes = 16, kRows = 16;

template <class T>
__global__ void depthwise_weight_kernel(const T* __restrict__ dy, const T* __restrict__ x, float* __restrict__ grad, int n,
                                        int h, int width, int c, float slope) {
  constexpr int V = Pack<T>::size;
  const int cp = blockIdx.y * kLanes + threadIdx.x;
  const bool active = cp * V < c;
  float acc[10][V];
#pragma unroll
  for (int t = 0; t < 10; ++t)
#pragma unroll
    for (int i = 0; i < V; ++i) acc[t][i] = 0.f;
  const int64_t rows = static_cast<int64_t>(n) * h;
  if (active) {
    for (int64_t r = static_cast<int64_t>(blockIdx.x) * kRows + threadIdx.y; r < rows; r += static_cast<int64_t>(gridDim.x) * kRows) {
      const int y = static_cast<int>(r % h);
      const T* drow = dy + r * width * c + cp * V;
      // The gradient of tap (dy,dx) pairs dy[x] with x[x+dx-1]: keep dy at three columns, read each x once a row.
      float d[3][V];  // dy at col-1, col, col+1
#pragma unroll
      for (int i = 0; i < V; ++i) d[0][i] = d[1][i] = d[2][i] = 0.f;
      Pack<T> first;
      first.raw = *reinterpret_cast<const uint4*>(drow);
      first.unpack(d[2]);
      for (int col = 0; col < width; ++col) {
#pragma unroll
        for (int i = 0; i < V; ++i) {
          d[0][i] = d[1][i];
          d[1][i] = d[2][i];
          d[2][i] = 0.f;
        }
        if (col + 1 < width) {
          Pack<T> p;
          p.raw = *reinterpret_cast<const uint4*>(drow + static_cast<int64_t>(col + 1) * c);
          p.unpack(d[2]);
        }
#pragma unroll
        for (int i = 0; i < V; ++i) acc[9][i] += d[1][i];
#pragma unroll
        for (int t = 0; t < 3; ++t) {
          const int yy = y + t - 1;
          if (yy < 0 || yy >= h) continue;
          Pack<T> p;
          p.raw = *reinterpret_cast<const uint4*>(x + ((r + t - 1) * width + col) * c + cp * V);
          float v[V];
          p.unpack(v);
#pragma unroll
          for (int i = 0; i < V; ++i) {
            v[i] = v[i] > 0.f ? v[i] : v[i] * slope;
            acc[t * 3 + 0][i] += d[2][i] * v[i];  // output col+1, whose left neighbour this is
            acc[t * 3 + 1][i] += d[1][i] * v[i];
            acc[t * 3 + 2][i] += d[0][i] * v[i];
          }
        }
      }
    }
  }
  __shared__ float shared[kRows][kLanes][V + 1];
  for (int t = 0; t < 10; ++t) {
#pragma unroll
    for (int i = 0; i < V; ++i) shared[threadIdx.y][threadIdx.x][i] = 0.f;
#pragma unroll
    for (int s = 0; s < 10; ++s) {  // a register array must be indexed by constants
      if (s == t) {
#pragma unroll
        for (int i = 0; i < V; ++i) shared[threadIdx.y][threadIdx.x][i] = acc[s][i];
      }
    }
    __syncthreads();
    const int flat = threadIdx.y * kLanes + threadIdx.x;
    if (flat < kLanes * V) {
      const int lane = flat / V, i = flat % V;
      float sum = 0.f;
#pragma unroll
      for (int r = 0; r < kRows; ++r) sum += shared[r][lane][i];
      const int channel = (blockIdx.y * kLanes + lane) * V + i;
      if (channel < c) atomicAdd(grad + static_cast<int64_t>(t) * c + channel, sum);
    }
    __syncthreads();
  }
}

template <class T>
__global__ void gate_kernel(const T* __restrict__ x, T* __restrict__ out, int64_t rows, int c, float limit) {
  constexpr int V = Pack<T>::size;
  const int packs = c / V;
  const int64_t id = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (id >= rows * packs) return;
  const int64_t row = id / packs;
  const int cp = static_cast<int>(id % packs);
  Pack<T> pg, pv;
  pg.raw = *reinterpret_cast<const uint4*>(x + row * 2 * c + cp * V);
  pv.raw = *reinterpret_cast<const uint4*>(x + row * 2 * c + c + cp * V);
  float g[V], v[V];
  pg.unpack(g);
  pv.unpack(v);
#pragma unroll
  for (int i = 0; i < V; ++i) {
    const float y = g[i] / (1.f + __expf(-g[i])) * v[i];
    g[i] = y != y ? y : fminf(fmaxf(y, -limit), limit);  // fmaxf and fminf would swallow a NaN
  }
  pg.pack(g);
  *reinterpret_cast<uint4*>(out + row * c + cp * V) = pg.raw;
}

template <class T>
__global__ void gate_backward_kernel(const T* __restrict__ dy, const T* __restrict__ x, T* __restrict__ dx, int64_t rows, int c,
                                     float limit) {
  constexpr int V = Pack<T>::size;
  const int packs = c / V;
  const int64_t id = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (id >= rows * packs) return;
  const int64_t row = id / packs;
  const int cp = static_cast<int>(id % packs);
  Pack<T> pg, pv, pd;
  pg.raw = *reinterpret_cast<const uint4*>(x + row * 2 * c + cp * V);
  pv.raw = *reinterpret_cast<const uint4*>(x + row * 2 * c + c + cp * V);
  pd.raw = *reinterpret_cast<const uint4*>(dy + row * c + cp * V);
  float g[V], v[V], d[V];
  pg.unpack(g);
  pv.unpack(v);
  pd.unpack(d);
#pragma unroll
  for (int i = 0; i < V; ++i) {
    const float s = 1.f / (1.f + __expf(-g[i]));
    const float silu = g[i] * s;
    const float up = fabsf(silu * v[i]) > limit ? 0.f : d[i];
    const float dg = up * v[i] * (s + silu * (1.f - s));
    v[i] = up * silu;
    g[i] = dg;
  }
  pg.pack(g);
  pv.pack(v);
  *reinterpret_cast<uint4*>(dx + row * 2 * c + cp * V) = pg.raw;
  *reinterpret_cast<uint4*>(dx + row * 2 * c + c + cp * V) = pv.raw;
}

__global__ void sample_kernel(const uint8_t* __restrict__ pack, const int64_t* __restrict__ offset, const int32_t* __restrict__ width,
                              const int32_t* __restrict__ height, const int64_t* __restrict__ index,
                              const float* __restrict__ rnd, float* __restrict__ out, int batch, int crop) {
  const int64_t id = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (id >= static_cast<int64_t>(batch) * crop * crop) return;
  const int j = static_cast<int>(id % crop), i = static_cast<int>(id / crop % crop), b = static_cast<int>(id / crop / crop);
  const int64_t k = index[b];
  const int w = width[k], h = height[k];
  const float* r = rnd + 4 * b;
  const int x0 = static_cast<int>(r[0] * static_cast<float>(max(w - crop, 0) + 1));
  const int y0 = static_cast<int>(r[1] * static_cast<float>(max(h - crop, 0) + 1));
  int dx = r[2] < 0.5f ? j : crop - 1 - j, dy = i;
  if (r[3] < 0.5f) {
    const int t = dx;
    dx = dy;
    dy = t;
  }
  const int xx = min(x0 + dx, w - 1), yy = min(y0 + dy, h - 1);
  const uint8_t* p = pack + offset[k] + (static_cast<int64_t>(yy) * w + xx) * 3;
  float* o = out + id * 3;
  o[0] = p[0] * (1.f / 255.f);
  o[1] = p[1] * (1.f / 255.f);
  o[2] = p[2] * (1.f / 255.f);
}

template <class T, int MODE>
cudaError_t launch_depthwise(const void* x, const void* gate, const void* w, const void* b, void* out, int n, int h, int width, int c,
                             float slope, cudaStream_t stream) {
  const int64_t total = static_cast<int64_t>(n) * h * ((width + kStrip - 1) / kStrip) * (c / Pack<T>::size);
  const int threads = 128;
  depthwise_kernel<T, MODE><<<static_cast<unsigned>((total + threads - 1) / threads), threads, 0, stream>>>(
      static_cast<const T*>(x), static_cast<const T*>(gate), static_cast<const T*>(w), static_cast<const T*>(b), static_cast<T*>(out), n,
      h, width, c, slope);
  return cudaGetLastError();
}

template <class T>
cudaError_t launch_weight(const void* dy, const void* x, float* grad, int n, int h, int width, int c, float slope, cudaStream_t stream) {
  const int packs = c / Pack<T>::size;
  const int64_t groups = (static_cast<int64_t>(n) * h + kRows - 1) / kRows;
  const dim3 grid(static_cast<unsigned>(groups < 132 ? groups : 132), static_cast<unsigned>((packs + kLanes - 1) / kLanes));
  depthwise_weight_kernel<T><<<grid, dim3(kLanes, kRows), 0, stream>>>(static_cast<const T*>(dy), static_cast<const T*>(x), grad, n, h,
                                                                       width, c, slope);
  return cudaGetLastError();
}

// Calls body with a null pointer of the element type.
template <class Body>
cudaError_t by_type(Element type, Body body) {
  switch (type) {
    case Element::float32:
      return body(static_cast<const float*>(nullptr));
    case Element::bfloat16:
      return body(static_cast<const __nv_bfloat16*>(nullptr));
    case Element::float16:
      return body(static_cast<const __half*>(nullptr));
  }
  return cudaErrorInvalidValue;
}

}  // namespace

cudaError_t depthwise_forward(const void* x, const void* w, const void* b, void* out, int n, int h, int width, int c, float slope,
                              Element type, cudaStream_t stream) {
  return by_type(type, [&]<class T>(const T*) { return launch_depthwise<T, 0>(x, nullptr, w, b, out, n, h, width, c, slope, stream); });
}

cudaError_t depthwise_backward_input(const void* dy, const void* x, const void* w, void* dx, int n, int h, int width, int c,
                                     float slope, Element type, cudaStream_t stream) {
  return by_type(type, [&]<class T>(const T*) { return launch_depthwise<T, 1>(dy, x, w, nullptr, dx, n, h, width, c, slope, stream); });
}

cudaError_t depthwise_backward_weight(const void* dy, const void* x, float* grad, int n, int h, int width, int c,
                                      float slope, Element type, cudaStream_t stream) {
  return by_type(type, [&]<class T>(const T*) { return launch_weight<T>(dy, x, grad, n, h, width, c, slope, stream); });
}

cudaError_t gate_forward(const void* x, void* out, int64_t rows, int c, float limit, Element type, cudaStream_t stream) {
  return by_type(type, [&]<class T>(const T*) {
    const int64_t total = rows * (c / Pack<T>::size);
    gate_kernel<<<static_cast<unsigned>((total + 255) / 256), 256, 0, stream>>>(static_cast<const T*>(x), static_cast<T*>(out), rows, c, limit);
    return cudaGetLastError();
  });
}

cudaError_t gate_backward(const void* dy, const void* x, void* dx, int64_t rows, int c, float limit, Element type, cudaStream_t stream) {
  return by_type(type, [&]<class T>(const T*) {
    const int64_t total = rows * (c / Pack<T>::size);
    gate_backward_kernel<<<static_cast<unsigned>((total + 255) / 256), 256, 0, stream>>>(static_cast<const T*>(dy), static_cast<const T*>(x),
                                                                                         static_cast<T*>(dx), rows, c, limit);
    return cudaGetLastError();
  });
}

cudaError_t sample_crops(const uint8_t* pack, const int64_t* offset, const int32_t* width, const int32_t* height, const int64_t* index,
                         const float* rnd, float* out, int batch, int crop, cudaStream_t stream) {
  const int64_t total = static_cast<int64_t>(batch) * crop * crop;
  sample_kernel<<<static_cast<unsigned>((total + 255) / 256), 256, 0, stream>>>(pack, offset, width, height, index, rnd, out, batch, crop);
  return cudaGetLastError();
}

}  // namespace tessera::models::cuda
