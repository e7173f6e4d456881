// A stream of samples at another rate: a windowed sinc (Smith, "Digital Audio Resampling"), in constant memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera::lv2 {

class Resampler {
 public:
  // Rates in Hz. Equal rates: samples pass as they are.
  Resampler(double from, double to);

  // Appends to `out` what `count` more samples make. The first output sample is at the time of the first input sample.
  void push(const float* samples, size_t count, std::vector<float>& out);
  // Samples of the input that are needed after the one that is asked for.
  double lookahead() const { return same_ ? 0 : reach_; }
  void reset();

 private:
  float at(double position) const;

  bool same_;
  double step_;         // input samples from one output sample to the next
  double cutoff_;       // of the input's rate; 1: all of it
  double reach_;        // input samples to either side that count
  std::vector<float> table_;   // of the windowed sinc, from 0 to reach_
  std::vector<float> history_; // input, from sample number start_ on
  int64_t start_ = 0;
  uint64_t made_ = 0;   // output samples
};

}  // namespace tessera::lv2
