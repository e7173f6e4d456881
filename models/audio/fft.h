// Discrete Fourier transform of real frames, for the streams on the CPU: nothing is allocated while it runs, and every processor gives the same bits.
// (MKL's, which libtorch calls, ends the process where it gets no memory.)
//
// Stockham's autosort algorithm with radices 4, 2, 3, 5 and any other prime factor as it is, eight frames side by side in the lanes of the vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera::models::audio {

class RealFft {
 public:
  // Frames of `size` samples, even, 2 to 2^20. Throws std::invalid_argument.
  explicit RealFft(int64_t size);

  int64_t size() const { return size_; }
  int64_t bins() const { return size_ / 2 + 1; }

  // samples [count, size] -> re, im [count, bins], not scaled.
  void forward(const float* samples, int64_t count, float* re, float* im);
  // re, im [count, bins] -> samples [count, size], such that inverse(forward(x)) is x. The imaginary parts of the first and the last bin do not count.
  void inverse(const float* re, const float* im, int64_t count, float* samples);

 private:
  struct Pass {
    int64_t radix, length, stride;  // of the transforms that the pass splits, and how many lie side by side
    size_t twiddles;                // [length / radix, radix - 1, 2] from here on in twiddles_
    size_t roots;                   // [radix, 2] likewise
  };
  void transform();  // of first_, which has the result then

  int64_t size_, half_;
  std::vector<Pass> passes_;
  std::vector<float> twiddles_, turns_;  // turns_ [half + 1, 2]: exp(-2 pi i k / size)
  std::vector<float> first_, second_;    // [half, 2, lanes]
};

}  // namespace tessera::models::audio
