// A differentiable distance of loudness patterns, after the perceptual model of ITU-T P.862 (PESQ; Beerends et al., J. Audio Eng.
// Soc. 50(10), 2002): powers in bands of equal width on the Bark scale, Zwicker's loudness above the threshold of hearing, differences
// below a masking threshold ignored, energy that the decoder adds counted more than energy that it leaves out.
//
// Not PESQ: no time alignment, no equalisation of linear filters, its tables by formula. What is kept: the gain of each frame is
// made up for, and the worst frames of a third of a second count most.
#pragma once

#include <ATen/ATen.h>

#include "models/audio/frontend.h"

namespace tessera::models::audio {

// Band edges by z = 6 asinh(f / 600): [window/2+1, bands], the share of each bin's interval that lies in each band, up to `top` Hz.
at::Tensor bark_bands(int64_t sample_rate, int64_t window, int64_t bands, double top);

class LoudnessLoss {
 public:
  // Windows of 32 ms with half overlap, 49 bands up to 8 kHz (or half the sample rate).
  LoudnessLoss(int64_t sample_rate, at::Device device);

  // y, x [B,C,T], each signal brought to the same listening level by the power of x. A scalar; gradients flow to y only.
  at::Tensor operator()(const at::Tensor& y, const at::Tensor& x) const;

 private:
  at::Tensor powers(const at::Tensor& signal, const at::Tensor& gain) const;  // [B,C,n,bands]
  at::Tensor loudness(const at::Tensor& powers) const;

  Frontend frontend_;
  double width_ = 0;              // of a band, Bark
  at::Tensor bands_, threshold_;  // [F,bands], [bands]
};

}  // namespace tessera::models::audio
