// Blocks of 32 positions for the training's loops: GCC's vectors, which become whatever registers the function's target has.
#pragma once

#include <cstdint>
#include <cstring>

#include "entropy/rans.h"

// GCC warns that a plain function and one for AVX-512 would pass such vectors differently; none is passed: everything is inlined.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace tessera::models::inr {

using Wide = float __attribute__((vector_size(64), aligned(4)));
using WideInt = int32_t __attribute__((vector_size(64), aligned(4)));
inline constexpr int kLanes = 16;
inline constexpr int kBlock = 2 * kLanes;  // positions

#define TESSERA_INLINE inline __attribute__((always_inline))

TESSERA_INLINE Wide wide(float v) { return v - Wide{}; }
TESSERA_INLINE Wide load_wide(const float* p) {
  Wide v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
TESSERA_INLINE void store_wide(float* p, const Wide& v) { std::memcpy(p, &v, sizeof v); }
TESSERA_INLINE void add_wide(float* p, const Wide& v) { store_wide(p, load_wide(p) + v); }
TESSERA_INLINE Wide select(const WideInt& mask, const Wide& a, const Wide& b) {
  return reinterpret_cast<Wide>((mask & reinterpret_cast<WideInt>(a)) | (~mask & reinterpret_cast<WideInt>(b)));
}
TESSERA_INLINE Wide wide_max(const Wide& a, const Wide& b) { return select(a > b, a, b); }
TESSERA_INLINE Wide wide_min(const Wide& a, const Wide& b) { return select(a < b, a, b); }
TESSERA_INLINE float sum_of(const Wide& v) {
  float s = 0;
  for (int i = 0; i < kLanes; ++i) s += v[i];
  return s;
}

// Vectors of one register, floats and integers; larger ones are slow where GCC keeps them in memory.
struct Vector16 {
  using F = float __attribute__((vector_size(16), aligned(4)));
  using I = int32_t __attribute__((vector_size(16), aligned(4)));
};
struct Vector32 {
  using F = float __attribute__((vector_size(32), aligned(4)));
  using I = int32_t __attribute__((vector_size(32), aligned(4)));
};
struct Vector64 {
  using F = Wide;
  using I = WideInt;
};

template <class V>
TESSERA_INLINE typename V::F choose(const typename V::I& mask, const typename V::F& a, const typename V::F& b) {
  using I = typename V::I;
  return reinterpret_cast<typename V::F>((mask & reinterpret_cast<I>(a)) | (~mask & reinterpret_cast<I>(b)));
}

// e^x for x in -80..80, relative error below 1e-6 (Cody and Waite's reduction, a polynomial of degree 6).
template <class V>
TESSERA_INLINE typename V::F exp_of(typename V::F x) {
  using F = typename V::F;
  using I = typename V::I;
  const F zero{}, most = zero + 80.0f, half = zero + 0.5f;
  x = choose<V>(x > -most, x, -most);
  x = choose<V>(x < most, x, most);
  const F t = x * 1.4426950408889634f;
  const I n = __builtin_convertvector(t + choose<V>(t >= zero, half, -half), I);
  const F k = __builtin_convertvector(n, F);
  const F r = (x - k * 0.693359375f) - k * -2.12194440e-4f;
  F p = zero + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * reinterpret_cast<F>((n + 127) << 23);
}
TESSERA_INLINE Wide wide_exp(const Wide& x) { return exp_of<Vector64>(x); }

// ln x for normal positive x, absolute error below 1e-6 near 1 (Cephes' logf).
TESSERA_INLINE Wide wide_log(const Wide& x) {
  const WideInt bits = reinterpret_cast<WideInt>(x);
  WideInt e = (bits >> 23) - 126;
  Wide m = reinterpret_cast<Wide>((bits & 0x007fffff) | 0x3f000000);  // 0.5 .. 1
  const WideInt small = m < 0.70710678f;
  e = e + small;  // a mask is -1
  m = select(small, m + m, m) - 1.0f;
  const Wide z = m * m;
  Wide p = wide(7.0376836292e-2f);
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  const Wide k = __builtin_convertvector(e, Wide);
  return m + (p * m * z - z * 0.5f + k * -2.12194440e-4f) + k * 0.693359375f;
}

// One function for each instruction set, by name and arguments: TESSERA_TARGETS(name, (declared arguments), (passed arguments)) makes
// name_best() from the always inlined name_loop().
#if defined(__x86_64__)
#define TESSERA_TARGETS(name, declared, passed)                                                                       \
  void name##_plain declared { name##_loop passed; }                                                                  \
  __attribute__((target("avx2,fma"))) void name##_avx2 declared { name##_loop passed; }                               \
  __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma"))) void name##_avx512 declared { name##_loop passed; } \
  auto* name##_best() {                                                                                               \
    const entropy::Simd level = entropy::simd_level();                                                                \
    return level >= entropy::Simd::avx512 ? name##_avx512 : level >= entropy::Simd::avx2 ? name##_avx2 : name##_plain; \
  }
#else
#define TESSERA_TARGETS(name, declared, passed)      \
  void name##_plain declared { name##_loop passed; } \
  auto* name##_best() { return name##_plain; }
#endif

}  // namespace tessera::models::inr
