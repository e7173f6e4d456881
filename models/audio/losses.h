// Spectral distances between signals, all on their device.
//
// The multi-resolution mel distance is that of DAC (Kumar et al., arXiv 2306.06546): windows of 32 to 2048 samples with hops of
// a quarter, 5 to 320 mel bands, mean absolute difference of log10 magnitudes (floor 1e-5), summed over the windows. The STFT distance
// adds, for windows of 2048 and 512, the mean absolute differences of log10 powers and of magnitudes. The complex distance compares,
// for the same windows, complex spectra whose magnitudes are raised to the power 0.3: the only term that hears phase (a compression as in
// Ephrat et al., arXiv 1804.03619). The multi-resolution STFT distance is that of Yamamoto et al., ICASSP 2020: spectral convergence plus mean
// absolute difference of natural log magnitudes, mean over windows of 512, 1024 and 2048.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "models/audio/frontend.h"

namespace tessera::models::audio {

// Triangular filters [bands, window/2+1], evenly spaced on Slaney's mel scale from 0 Hz to half the sample rate, each of area one in Hz
// (what librosa computes). Bands narrower than a bin can be empty.
at::Tensor mel_filters(int64_t sample_rate, int64_t window, int64_t bands);

class SpectralLoss {
 public:
  SpectralLoss(int64_t sample_rate, at::Device device);

  struct Terms {
    at::Tensor mel, stft, complex, multi;  // scalars
  };
  // What is compared with, transformed once.
  class Reference {
    friend class SpectralLoss;
    struct Spectra {
      at::Tensor magnitude, re, im, log_mel, log_power;
    };
    std::vector<Spectra> scales_;
  };
  Reference reference(const at::Tensor& x) const;
  // share [B]: what each signal counts in the complex distance, a mean; undefined: all the same. Zeros everywhere: no distance.
  Terms operator()(const at::Tensor& y, const Reference& x, const at::Tensor& share = {}) const;
  // y, x [B,C,T]; gradients flow to y only.
  Terms operator()(const at::Tensor& y, const at::Tensor& x, const at::Tensor& share = {}) const;

 private:
  struct Scale;
  struct Spectrum {
    at::Tensor magnitude, re, im;
  };
  static Spectrum spectrum(const Scale& scale, const at::Tensor& signal);

  struct Scale {
    int64_t window;
    Frontend frontend;
    at::Tensor mel;    // [F, bands]
    double magnitude;  // undoes the front end's scaling: magnitudes as of a plain Hann-windowed transform
    bool stft, multi;
  };
  std::vector<Scale> scales_;
};

}  // namespace tessera::models::audio
