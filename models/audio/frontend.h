// Short-time Fourier transform with an exact inverse. Signals are float32 [B,C,T] with T a multiple of the hop; spectra are
// [B,C,n,F], F = window/2 + 1 bins of n frames, scaled so that white noise of variance v has bins of mean power v.
//
// The window is a periodic Hann (or its square root where windows overlap by half only) on both sides; overlapped frames are
// divided by the sum of the squared windows that reach them. Frame k is centred on samples k*hop .. (k+1)*hop of the signal, n = T/hop;
// the causal variant ends frame k with those samples and appends window/hop - 1 frames, so that the last samples are complete:
// its algorithmic delay is one window.
//
// Frames are cut and added in slices of one hop (no unfold, no scatter): few kernels, the same sums on every run.
#pragma once

#include <ATen/ATen.h>

#include <utility>

namespace tessera::models::audio {

class Frontend {
 public:
  Frontend() = default;
  Frontend(int64_t hop, int64_t window, bool causal);  // window a multiple of the hop, at least twice it

  int64_t hop() const { return hop_; }
  double scale() const { return scale_; }  // of the forward transform, besides the window
  int64_t bins() const { return window_ / 2 + 1; }
  int64_t frames(int64_t samples) const { return samples / hop_ + (causal_ ? overlap_ - 1 : 0); }

  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& x) const;  // real, imaginary
  at::Tensor inverse(const at::Tensor& re, const at::Tensor& im) const;

  void to(at::Device device);

 private:
  at::Tensor overlap_add(const at::Tensor& frames) const;  // [B,C,n,W] -> [B,C,T]

  int64_t hop_ = 0, window_ = 0, overlap_ = 0, left_ = 0;
  bool causal_ = false;
  double scale_ = 1;
  at::Tensor shape_;  // [W]
};

// Zeros at the end, up to a multiple of the hop.
at::Tensor pad_to(const at::Tensor& x, int64_t hop);

}  // namespace tessera::models::audio
