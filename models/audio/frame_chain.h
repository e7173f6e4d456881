// A chain of FrameBlocks (speech.h) that runs over an endless signal, block after block of frames, in constant memory.
//
// Every filter remembers the frames before the block, so nothing is computed twice. A block of input gives as many frames of
// output, which lie lag() frames earlier where the filters look ahead. Each call works on exactly block() frames, whatever is
// coded: the same sums in the same order for the same frames, so that a stream decoded in pieces equals one decoded whole, bit by
// bit. Frames outside of [0, end) are zeros to each filter, as in Speech.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "models/audio/speech_model.h"

namespace tessera::models::audio {

inline constexpr int64_t kOpenEnd = std::numeric_limits<int64_t>::max();

class FrameChain {
 public:
  // `blocks` must outlive the chain. left: frames that a filter sees before its own.
  FrameChain(const std::vector<FrameBlockWeights>& blocks, int64_t left, int64_t block);

  int64_t block() const { return block_; }
  int64_t lag() const { return lag_; }

  // x: the frames first .. first + block() - 1, [block,C]; each call goes on where the one before ended. Returns [block,C], the frames
  // first - lag() ..., valid until the next call.
  const float* run(const float* x, int64_t first, int64_t end);

  void reset();  // as new

 private:
  struct Stage {
    const FrameBlockWeights* weights;
    at::Tensor mixed;    // [k - 1 + block, C] input of the filter, the past first
    at::Tensor delayed;  // [right + block, C] input of the stage, the past first
  };
  void run(Stage& stage, const float* x, int64_t first, int64_t end, float* out);

  int64_t left_, block_, lag_ = 0;
  std::vector<Stage> stages_;
  at::Tensor filtered_, wide_, gated_, maps_[2];
};

// out [rows,n] = x [rows,k] weight^T + bias.
void apply(const Dense& layer, const float* x, float* out, int64_t rows);

}  // namespace tessera::models::audio
