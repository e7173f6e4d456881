#include "models/cuda/search.cuh"
#include "models/video/coloured_search.h"

namespace tessera::models::cuda {
namespace {

using namespace coloured;

constexpr int kThreads = 256, kWarp = 32;
constexpr unsigned kAll = 0xffffffffu;
constexpr size_t kSlack = 16;  // bytes behind the planes: samples are read in words

// Everything that the kernels know, by value.
struct Search {
  SearchShape shape;
  SearchMemory memory;
  const float *current, *reference, *penalty;
  float *coarse, *delta;

  __host__ __device__ int stride() const { return shape.width + 2 * kMargin; }
  __host__ __device__ int rows() const { return shape.height + 2 * kMargin; }
  __host__ __device__ int small_stride() const { return shape.width / 4 + 2 * kMargin; }
  __host__ __device__ int small_rows() const { return shape.height / 4 + 2 * kMargin; }
  __host__ __device__ int w() const { return shape.width / kBlock; }
  __host__ __device__ int h() const { return shape.height / kBlock; }
  __host__ __device__ int steps() const { return 2 * shape.reach + 1; }
  __host__ __device__ int shifts() const { return steps() * steps(); }
  __host__ __device__ size_t plane_bytes() const { return static_cast<size_t>(stride()) * rows(); }
  __device__ uint8_t* plane(int image, int quarter) const { return memory.planes + (static_cast<size_t>(image) * 16 + quarter) * plane_bytes(); }
  __device__ Field field(int image) const { return {static_cast<Vector*>(memory.vectors) + static_cast<size_t>(image) * w() * h(), w(), h()}; }
  __device__ Price price(int image) const {
    return {within(__float2int_rn(fminf(fmaxf(penalty[image], 0.f), 1e6f) * kPenaltyUnit), 1, kPenaltyMax)};
  }
};

__device__ uint8_t byte_of(float v) {
  // As two operations: one fused one would round differently from the CPU.
  return static_cast<uint8_t>(__fadd_rn(__fmul_rn(fminf(fmaxf(v, 0.f), 1.f), 255.f), 0.5f));
}

__device__ int64_t thread_of_grid() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }

// A sample of the current picture.
__global__ void current_kernel(Search s) {
  const int64_t i = thread_of_grid(), count = static_cast<int64_t>(s.shape.batch) * s.shape.height * s.shape.width;
  if (i < count) s.memory.current[i] = byte_of(s.current[i]);
}

// A sample of the reference with its edges, at whole positions.
__global__ void reference_kernel(Search s) {
  const int64_t i = thread_of_grid(), per = static_cast<int64_t>(s.plane_bytes());
  if (i >= per * s.shape.batch) return;
  const int image = static_cast<int>(i / per), place = static_cast<int>(i % per);
  const int y = within(place / s.stride() - kMargin, 0, s.shape.height - 1), x = within(place % s.stride() - kMargin, 0, s.shape.width - 1);
  s.plane(image, 0)[place] = byte_of(s.reference[(static_cast<int64_t>(image) * s.shape.height + y) * s.shape.width + x]);
}

// A sample at the fifteen other quarter positions.
template <Interpolation kKind>
__global__ void quarters_kernel(Search s) {
  const int64_t i = thread_of_grid(), per = static_cast<int64_t>(s.plane_bytes());
  if (i >= per * s.shape.batch) return;
  const int image = static_cast<int>(i / per), place = static_cast<int>(i % per), row = place / s.stride(), column = place % s.stride();
  constexpr int taps = search_taps(kKind), before = taps / 2 - 1, behind = taps / 2;
  if (row < before || row >= s.rows() - behind || column < before || column >= s.stride() - behind) return;
  const uint8_t* whole = s.plane(image, 0);
  int around[taps][taps];
#pragma unroll
  for (int r = 0; r < taps; ++r) {
#pragma unroll
    for (int c = 0; c < taps; ++c) around[r][c] = whole[place + (r - before) * s.stride() + c - before];
  }
#pragma unroll
  for (int fx = 0; fx < 4; ++fx) {
    int across[taps];
#pragma unroll
    for (int r = 0; r < taps; ++r) {
      int sum = 0;
#pragma unroll
      for (int c = 0; c < taps; ++c) sum += tap(kKind, fx, c) * around[r][c];
      across[r] = sum >> 2;
    }
#pragma unroll
    for (int fy = 0; fy < 4; ++fy) {
      if (fx == 0 && fy == 0) continue;
      int sum = 2048;
#pragma unroll
      for (int r = 0; r < taps; ++r) sum += tap(kKind, fy, r) * across[r];
      s.plane(image, 4 * fy + fx)[place] = static_cast<uint8_t>(within(sum >> 12, 0, 255));
    }
  }
}

__device__ uint8_t mean_of_16(const uint8_t* from, int stride) {
  int sum = 8;
#pragma unroll
  for (int r = 0; r < 4; ++r) {
#pragma unroll
    for (int c = 0; c < 4; ++c) sum += from[r * stride + c];
  }
  return static_cast<uint8_t>(sum >> 4);
}

// A sample of both pictures at a quarter of the resolution, the reference with edges.
__global__ void small_kernel(Search s) {
  const int64_t i = thread_of_grid(), per = static_cast<int64_t>(s.small_stride()) * s.small_rows();
  if (i >= per * s.shape.batch) return;
  const int image = static_cast<int>(i / per), place = static_cast<int>(i % per);
  const int height = s.shape.height / 4, width = s.shape.width / 4;
  const int row = place / s.small_stride() - kMargin, column = place % s.small_stride() - kMargin;
  const int y = within(row, 0, height - 1), x = within(column, 0, width - 1);
  s.memory.small_reference[i] = mean_of_16(s.plane(image, 0) + static_cast<size_t>(4 * y + kMargin) * s.stride() + 4 * x + kMargin, s.stride());
  if (row != y || column != x) return;
  const uint8_t* from = s.memory.current + (static_cast<size_t>(image) * s.shape.height + 4 * y) * s.shape.width + 4 * x;
  s.memory.small_current[(static_cast<size_t>(image) * height + y) * width + x] = mean_of_16(from, s.shape.width);
}

// The sum of a block and a shift of the exhaustive stage.
__global__ void sums_kernel(Search s) {
  const int64_t i = thread_of_grid(), n = s.shifts(), blocks = static_cast<int64_t>(s.w()) * s.h();
  if (i >= n * blocks * s.shape.batch) return;
  const int k = static_cast<int>(i % n), block = static_cast<int>(i / n % blocks), image = static_cast<int>(i / n / blocks);
  const int x = 4 * (block % s.w()), y = 4 * (block / s.w()), width = s.shape.width / 4, height = s.shape.height / 4;
  const uint8_t* now = s.memory.small_current + (static_cast<size_t>(image) * height + y) * width + x;
  const uint8_t* before = s.memory.small_reference + (static_cast<size_t>(image) * s.small_rows() + y + k / s.steps() - s.shape.reach + kMargin) * s.small_stride() + x +
                          k % s.steps() - s.shape.reach + kMargin;
  int sum = 0;
#pragma unroll
  for (int r = 0; r < 4; ++r) {
#pragma unroll
    for (int c = 0; c < 4; ++c) sum += size_of(static_cast<int>(now[r * width + c]) - before[r * s.small_stride() + c]);
  }
  s.memory.sums[i] = sum;
}

// The block that the warp works on, of `count` a picture; false beyond the end.
__device__ bool block_of_warp(const Search& s, int count, int& image, int& block) {
  const int64_t warp = thread_of_grid() / kWarp;
  image = static_cast<int>(warp / count);
  block = static_cast<int>(warp % count);
  return image < s.shape.batch;
}

// A warp chooses a block's shift: the first of the cheapest ones.
__global__ void exhaustive_kernel(Search s) {
  int image, block;
  if (!block_of_warp(s, s.w() * s.h(), image, block)) return;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, n = s.shifts(), x = block % s.w(), y = block / s.w();
  const Price price = s.price(image);
  const int32_t* sums = s.memory.sums + static_cast<int64_t>(image) * s.w() * s.h() * n;
  unsigned long long best = ~0ull;
  for (int k = lane; k < n; k += kWarp) {
    int around = 0, neighbours = 0;
    for (int j = most(0, y - 1); j <= least(s.h() - 1, y + 1); ++j) {
      for (int i = most(0, x - 1); i <= least(s.w() - 1, x + 1); ++i, ++neighbours) around += sums[(static_cast<int64_t>(j) * s.w() + i) * n + k];
    }
    const int cost = exhaustive_cost(sums[static_cast<int64_t>(block) * n + k], around, neighbours, exhaustive_vector(k, s.steps(), s.shape.reach), price);
    const unsigned long long key = static_cast<unsigned long long>(cost) << 32 | static_cast<unsigned>(k);
    best = key < best ? key : best;
  }
#pragma unroll
  for (int apart = kWarp / 2; apart > 0; apart /= 2) {
    const unsigned long long other = __shfl_xor_sync(kAll, best, apart);
    best = other < best ? other : best;
  }
  if (lane == 0) s.field(image).vectors[block] = exhaustive_vector(static_cast<int>(best & 0xffffffffu), s.steps(), s.shape.reach);
}

// Eight samples of a row: their absolute differences to those at any address.
__device__ int eight_differences(const uint8_t* now, const uint8_t* before) {
  const uint2 a = *reinterpret_cast<const uint2*>(now);
  const auto address = reinterpret_cast<uintptr_t>(before);
  const auto* words = reinterpret_cast<const uint32_t*>(address & ~uintptr_t{3});
  const unsigned shift = static_cast<unsigned>(address & 3) * 8;
  const uint32_t first = words[0], second = words[1], third = words[2];
  return static_cast<int>(__vsadu4(a.x, __funnelshift_r(first, second, shift)) + __vsadu4(a.y, __funnelshift_r(second, third, shift)));
}

// Sums of absolute differences by the lanes of a warp: each has eight samples of a block of kSide, 32 lanes for 16 x 16 and 8 for 8 x 8. All lanes of the
// warp have to call it together.
template <int kSide>
struct Sad {
  const uint8_t *current, *planes;
  size_t plane_bytes;
  int stride, width, height, lane;

  __device__ Sad(const Search& s, int image, int lane)
      : current(s.memory.current + static_cast<size_t>(image) * s.shape.height * s.shape.width),
        planes(s.plane(image, 0)),
        plane_bytes(s.plane_bytes()),
        stride(s.stride()),
        width(s.shape.width),
        height(s.shape.height),
        lane(lane) {}

  __device__ int operator()(int x, int y, Vector v) const {
    constexpr int lanes = kSide * kSide / 8, across = kSide / 8;
    const Place p = place_of(x, y, kSide, v, width, height);
    const int row = lane / across, column = lane % across * 8;
    int sum = eight_differences(current + static_cast<size_t>(y + row) * width + x + column,
                                planes + p.plane * plane_bytes + static_cast<size_t>(p.y + kMargin + row) * stride + p.x + kMargin + column);
#pragma unroll
    for (int apart = lanes / 2; apart > 0; apart /= 2) sum += __shfl_xor_sync(kAll, sum, apart);
    return sum;
  }
};

// A warp chooses anew for a block of the colour.
__global__ void refine_kernel(Search s, int colour, bool wide) {
  const int x0 = colour & 1, y0 = colour >> 1, columns = (s.w() - x0 + 1) / 2, rows = (s.h() - y0 + 1) / 2;
  int image, block;
  if (!block_of_warp(s, columns * rows, image, block)) return;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, x = 2 * (block % columns) + x0, y = 2 * (block / columns) + y0;
  const Field field = s.field(image);
  const Vector v = refined(field, x, y, wide, s.price(image), Sad<16>(s, image, lane));
  if (lane == 0) field.vectors[y * field.w + x] = v;
}

// A warp finds the four deltas of a block, eight lanes each.
__global__ void delta_kernel(Search s) {
  int image, block;
  if (!block_of_warp(s, s.w() * s.h(), image, block)) return;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, k = lane / 8, x = block % s.w(), y = block / s.w();
  const Vector d = quarter(s.field(image), x, y, k, s.shape.diagonals, s.price(image), Sad<8>(s, image, lane % 8));
  if (lane % 8 != 0) return;
  float* to = s.delta + ((static_cast<int64_t>(image) * s.w() * s.h() + block) * 4 + k) * 2;
  to[0] = static_cast<float>(d.x);
  to[1] = static_cast<float>(d.y);
}

__global__ void coarse_kernel(Search s) {
  const int64_t i = thread_of_grid();
  if (i >= static_cast<int64_t>(s.shape.batch) * s.w() * s.h()) return;
  const Vector v = static_cast<const Vector*>(s.memory.vectors)[i];
  s.coarse[2 * i] = static_cast<float>(v.x);
  s.coarse[2 * i + 1] = static_cast<float>(v.y);
}

unsigned grid_of(int64_t threads) { return static_cast<unsigned>((threads + kThreads - 1) / kThreads); }

}  // namespace

SearchSizes search_sizes(const SearchShape& shape) {
  const Search s{shape, {}, nullptr, nullptr, nullptr, nullptr, nullptr};
  const auto batch = static_cast<size_t>(shape.batch), blocks = static_cast<size_t>(s.w()) * s.h();
  return {batch * shape.height * shape.width,
          batch * 16 * s.plane_bytes() + kSlack,
          batch * (shape.height / 4) * (shape.width / 4),
          batch * s.small_rows() * s.small_stride(),
          batch * blocks * s.shifts() * sizeof(int32_t),
          batch * blocks * sizeof(Vector)};
}

cudaError_t search_vectors(const SearchShape& shape, const SearchMemory& memory, const float* current, const float* reference, const float* penalty, float* coarse,
                           float* delta, cudaStream_t stream) {
  const Search s{shape, memory, current, reference, penalty, coarse, delta};
  const int64_t batch = shape.batch, samples = batch * shape.height * shape.width, blocks = batch * s.w() * s.h(), edged = batch * static_cast<int64_t>(s.plane_bytes());
  current_kernel<<<grid_of(samples), kThreads, 0, stream>>>(s);
  reference_kernel<<<grid_of(edged), kThreads, 0, stream>>>(s);
  const auto quarters = shape.interpolation == Interpolation::bicubic ? quarters_kernel<Interpolation::bicubic> : quarters_kernel<Interpolation::lagrange>;
  quarters<<<grid_of(edged), kThreads, 0, stream>>>(s);
  small_kernel<<<grid_of(batch * s.small_rows() * s.small_stride()), kThreads, 0, stream>>>(s);
  sums_kernel<<<grid_of(blocks * s.shifts()), kThreads, 0, stream>>>(s);
  exhaustive_kernel<<<grid_of(blocks * kWarp), kThreads, 0, stream>>>(s);
  for (int round = 0; round < shape.rounds; ++round) {
    for (int colour = 0; colour < 4; ++colour) {
      const int64_t columns = (s.w() - (colour & 1) + 1) / 2, rows = (s.h() - (colour >> 1) + 1) / 2;
      if (columns * rows > 0) refine_kernel<<<grid_of(batch * columns * rows * kWarp), kThreads, 0, stream>>>(s, colour, round == 0);
    }
  }
  coarse_kernel<<<grid_of(blocks), kThreads, 0, stream>>>(s);
  if (shape.quarters) delta_kernel<<<grid_of(blocks * kWarp), kThreads, 0, stream>>>(s);
  return cudaGetLastError();
}

}  // namespace tessera::models::cuda
