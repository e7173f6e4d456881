#include "models/audio/fft.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "models/clones.h"

namespace tessera::models::audio {
namespace {

constexpr int64_t kLanes = 8, kComplex = 2 * kLanes;

// The frames' values at one place: kLanes real parts, then kLanes imaginary ones.
struct Value {
  float re[kLanes], im[kLanes];
};

inline Value* values(std::vector<float>& v) { return reinterpret_cast<Value*>(v.data()); }

// y = (sum over k of a[k] root^(j k)) * w[j] for one place of one pass; the radices apart, so that the compiler sees the constants.
inline void multiply(Value& y, const Value& b, float wr, float wi) {
  for (int64_t l = 0; l < kLanes; ++l) {
    const float re = b.re[l] * wr - b.im[l] * wi, im = b.re[l] * wi + b.im[l] * wr;
    y.re[l] = re;
    y.im[l] = im;
  }
}

inline void radix2(const Value* a, int64_t far, Value* y, int64_t near, const float* w) {
  Value d;
  for (int64_t l = 0; l < kLanes; ++l) {
    y->re[l] = a[0].re[l] + a[far].re[l];
    y->im[l] = a[0].im[l] + a[far].im[l];
    d.re[l] = a[0].re[l] - a[far].re[l];
    d.im[l] = a[0].im[l] - a[far].im[l];
  }
  multiply(y[near], d, w[0], w[1]);
}

inline void radix3(const Value* a, int64_t far, Value* y, int64_t near, const float* w) {
  constexpr float kSine = 0.86602540378443864676f;
  Value b1, b2;
  for (int64_t l = 0; l < kLanes; ++l) {
    const float sr = a[far].re[l] + a[2 * far].re[l], si = a[far].im[l] + a[2 * far].im[l];
    const float dr = (a[far].re[l] - a[2 * far].re[l]) * kSine, di = (a[far].im[l] - a[2 * far].im[l]) * kSine;
    const float mr = a[0].re[l] - 0.5f * sr, mi = a[0].im[l] - 0.5f * si;
    y->re[l] = a[0].re[l] + sr;
    y->im[l] = a[0].im[l] + si;
    b1.re[l] = mr + di;
    b1.im[l] = mi - dr;
    b2.re[l] = mr - di;
    b2.im[l] = mi + dr;
  }
  multiply(y[near], b1, w[0], w[1]);
  multiply(y[2 * near], b2, w[2], w[3]);
}

inline void radix4(const Value* a, int64_t far, Value* y, int64_t near, const float* w) {
  Value b1, b2, b3;
  for (int64_t l = 0; l < kLanes; ++l) {
    const float s02r = a[0].re[l] + a[2 * far].re[l], s02i = a[0].im[l] + a[2 * far].im[l];
    const float d02r = a[0].re[l] - a[2 * far].re[l], d02i = a[0].im[l] - a[2 * far].im[l];
    const float s13r = a[far].re[l] + a[3 * far].re[l], s13i = a[far].im[l] + a[3 * far].im[l];
    const float d13r = a[far].re[l] - a[3 * far].re[l], d13i = a[far].im[l] - a[3 * far].im[l];
    y->re[l] = s02r + s13r;
    y->im[l] = s02i + s13i;
    b1.re[l] = d02r + d13i;
    b1.im[l] = d02i - d13r;
    b2.re[l] = s02r - s13r;
    b2.im[l] = s02i - s13i;
    b3.re[l] = d02r - d13i;
    b3.im[l] = d02i + d13r;
  }
  multiply(y[near], b1, w[0], w[1]);
  multiply(y[2 * near], b2, w[2], w[3]);
  multiply(y[3 * near], b3, w[4], w[5]);
}

inline void radix5(const Value* a, int64_t far, Value* y, int64_t near, const float* w) {
  constexpr float c1 = 0.30901699437494742410f, c2 = -0.80901699437494742410f, s1 = 0.95105651629515357212f, s2 = 0.58778525229247312917f;
  Value b1, b2, b3, b4;
  for (int64_t l = 0; l < kLanes; ++l) {
    const float p1r = a[far].re[l] + a[4 * far].re[l], p1i = a[far].im[l] + a[4 * far].im[l];
    const float m1r = a[far].re[l] - a[4 * far].re[l], m1i = a[far].im[l] - a[4 * far].im[l];
    const float p2r = a[2 * far].re[l] + a[3 * far].re[l], p2i = a[2 * far].im[l] + a[3 * far].im[l];
    const float m2r = a[2 * far].re[l] - a[3 * far].re[l], m2i = a[2 * far].im[l] - a[3 * far].im[l];
    const float u1r = a[0].re[l] + c1 * p1r + c2 * p2r, u1i = a[0].im[l] + c1 * p1i + c2 * p2i;
    const float u2r = a[0].re[l] + c2 * p1r + c1 * p2r, u2i = a[0].im[l] + c2 * p1i + c1 * p2i;
    const float v1r = s1 * m1r + s2 * m2r, v1i = s1 * m1i + s2 * m2i;
    const float v2r = s2 * m1r - s1 * m2r, v2i = s2 * m1i - s1 * m2i;
    y->re[l] = a[0].re[l] + p1r + p2r;
    y->im[l] = a[0].im[l] + p1i + p2i;
    b1.re[l] = u1r + v1i;
    b1.im[l] = u1i - v1r;
    b2.re[l] = u2r + v2i;
    b2.im[l] = u2i - v2r;
    b3.re[l] = u2r - v2i;
    b3.im[l] = u2i + v2r;
    b4.re[l] = u1r - v1i;
    b4.im[l] = u1i + v1r;
  }
  multiply(y[near], b1, w[0], w[1]);
  multiply(y[2 * near], b2, w[2], w[3]);
  multiply(y[3 * near], b3, w[4], w[5]);
  multiply(y[4 * near], b4, w[6], w[7]);
}

void any_radix(int64_t radix, const float* roots, const Value* a, int64_t far, Value* y, int64_t near, const float* w) {
  for (int64_t j = 0; j < radix; ++j) {
    Value sum = a[0];
    for (int64_t k = 1; k < radix; ++k) {
      const float rr = roots[2 * (j * k % radix)], ri = roots[2 * (j * k % radix) + 1];
      const Value& x = a[k * far];
      for (int64_t l = 0; l < kLanes; ++l) {
        sum.re[l] += x.re[l] * rr - x.im[l] * ri;
        sum.im[l] += x.re[l] * ri + x.im[l] * rr;
      }
    }
    if (j == 0) {
      y[0] = sum;
    } else {
      multiply(y[j * near], sum, w[2 * j - 2], w[2 * j - 1]);
    }
  }
}

// One pass over transforms of `length`, `stride` of them side by side, x to y.
TESSERA_CLONES()
void run_pass(int64_t radix, int64_t length, int64_t stride, const float* twiddles, const float* roots, const Value* x, Value* y) {
  const int64_t parts = length / radix, far = stride * parts;
  for (int64_t p = 0; p < parts; ++p, twiddles += 2 * (radix - 1)) {
    const Value* a = x + stride * p;
    Value* b = y + stride * radix * p;
    for (int64_t q = 0; q < stride; ++q, ++a, ++b) {
      switch (radix) {
        case 2: radix2(a, far, b, stride, twiddles); break;
        case 3: radix3(a, far, b, stride, twiddles); break;
        case 4: radix4(a, far, b, stride, twiddles); break;
        case 5: radix5(a, far, b, stride, twiddles); break;
        default: any_radix(radix, roots, a, far, b, stride, twiddles);
      }
    }
  }
}

void append_turn(std::vector<float>& to, int64_t part, int64_t whole) {
  const double angle = -2 * M_PI * static_cast<double>(part) / static_cast<double>(whole);
  to.push_back(static_cast<float>(std::cos(angle)));
  to.push_back(static_cast<float>(std::sin(angle)));
}

}  // namespace

RealFft::RealFft(int64_t size) : size_(size), half_(size / 2) {
  if (size < 2 || size % 2 != 0 || size > int64_t{1} << 20) throw std::invalid_argument("a Fourier transform needs an even size of 2 to 2^20");
  int64_t length = half_, stride = 1;
  while (length > 1) {
    int64_t radix = 0;
    for (const int64_t r : {4, 2, 3, 5}) {
      if (radix == 0 && length % r == 0) radix = r;
    }
    for (int64_t r = 7; radix == 0; r += 2) {
      if (r * r > length) {
        radix = length;
      } else if (length % r == 0) {
        radix = r;
      }
    }
    Pass pass{radix, length, stride, twiddles_.size(), 0};
    for (int64_t p = 0; p < length / radix; ++p) {
      for (int64_t j = 1; j < radix; ++j) append_turn(twiddles_, p * j % length, length);
    }
    pass.roots = twiddles_.size();
    for (int64_t j = 0; j < radix; ++j) append_turn(twiddles_, j, radix);
    passes_.push_back(pass);
    length /= radix;
    stride *= radix;
  }
  for (int64_t k = 0; k <= half_; ++k) append_turn(turns_, k, size_);
  first_.assign(static_cast<size_t>(half_ * kComplex), 0.f);
  second_ = first_;
}

void RealFft::transform() {
  for (const Pass& p : passes_) {
    run_pass(p.radix, p.length, p.stride, twiddles_.data() + p.twiddles, twiddles_.data() + p.roots, values(first_), values(second_));
    std::swap(first_, second_);
  }
}

// The samples of even and odd numbers as real and imaginary parts: half the size, and its symmetric parts taken apart again.
void RealFft::forward(const float* samples, int64_t count, float* re, float* im) {
  for (int64_t from = 0; from < count; from += kLanes) {
    const int64_t lanes = std::min(kLanes, count - from);
    if (lanes < kLanes) std::fill(first_.begin(), first_.end(), 0.f);  // what an earlier call left would grow from pass to pass
    Value* z = values(first_);
    for (int64_t l = 0; l < lanes; ++l) {
      const float* x = samples + (from + l) * size_;
      for (int64_t k = 0; k < half_; ++k) {
        z[k].re[l] = x[2 * k];
        z[k].im[l] = x[2 * k + 1];
      }
    }
    transform();
    z = values(first_);
    for (int64_t l = 0; l < lanes; ++l) {
      float* r = re + (from + l) * bins();
      float* i = im + (from + l) * bins();
      for (int64_t k = 0; k <= half_; ++k) {
        const Value &a = z[k == half_ ? 0 : k], &b = z[k == 0 ? 0 : half_ - k];
        const float sr = a.re[l] + b.re[l], si = a.im[l] - b.im[l], dr = a.re[l] - b.re[l], di = a.im[l] + b.im[l];
        const float wr = turns_[static_cast<size_t>(2 * k)], wi = turns_[static_cast<size_t>(2 * k + 1)];
        // -i w d
        r[k] = 0.5f * (sr + (wr * di + wi * dr));
        i[k] = 0.5f * (si - (wr * dr - wi * di));
      }
    }
  }
}

void RealFft::inverse(const float* re, const float* im, int64_t count, float* samples) {
  const float scale = 1.0f / static_cast<float>(size_);
  for (int64_t from = 0; from < count; from += kLanes) {
    const int64_t lanes = std::min(kLanes, count - from);
    if (lanes < kLanes) std::fill(first_.begin(), first_.end(), 0.f);  // what an earlier call left would grow from pass to pass
    Value* z = values(first_);
    for (int64_t l = 0; l < lanes; ++l) {
      const float* r = re + (from + l) * bins();
      const float* i = im + (from + l) * bins();
      for (int64_t k = 0; k < half_; ++k) {
        const float ai = k == 0 ? 0 : i[k], bi = k == 0 ? 0 : i[half_ - k];
        const float sr = r[k] + r[half_ - k], si = ai - bi, dr = r[k] - r[half_ - k], di = ai + bi;
        const float wr = turns_[static_cast<size_t>(2 * k)], wi = -turns_[static_cast<size_t>(2 * k + 1)];
        // s + i w d, its parts exchanged: the transform goes backwards then
        z[k].im[l] = (sr - (wr * di + wi * dr)) * scale;
        z[k].re[l] = (si + (wr * dr - wi * di)) * scale;
      }
    }
    transform();
    z = values(first_);
    for (int64_t l = 0; l < lanes; ++l) {
      float* x = samples + (from + l) * size_;
      for (int64_t k = 0; k < half_; ++k) {
        x[2 * k] = z[k].im[l];
        x[2 * k + 1] = z[k].re[l];
      }
    }
  }
}

}  // namespace tessera::models::audio
