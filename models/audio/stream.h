// The audio network over signals of any length, in constant memory: samples to latents and latents to samples, block after block.
//
// Both streams work on a fixed grid of blocks of frames (frame_chain.h): the results do not depend on how the caller cuts the
// signal. They agree with Speech::analysis and Speech::synthesis on the whole signal up to the rounding of float32. On the CPU,
// on the calling thread; several streams may share a model.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/audio/fft.h"
#include "models/audio/frame_chain.h"
#include "models/audio/speech_model.h"

namespace tessera::models::audio {

// Frames of a signal of `samples` samples (a channel); 0 for none.
int64_t frame_count(const SpeechConfig& config, int64_t samples);

// Samples of decoded sound that precede the signal: what a causal model delays it by.
int64_t priming(const SpeechConfig& config);

// The windows' shape [W], scaled as in Frontend.
struct Windows {
  explicit Windows(const SpeechConfig& config);
  int64_t hop, window, left;  // left: samples of frame 0 before sample 0
  at::Tensor shape;           // [W]
  double scale;
};

class AnalysisStream {
 public:
  AnalysisStream(std::shared_ptr<const SpeechModel> model, int64_t block);

  // Interleaved samples, a multiple of the model's channels. Appends the latents [n,D] of all frames that are complete to `latents`.
  void push(std::span<const float> samples, std::vector<float>& latents);
  // The signal has ended: appends the rest, so that frame_count() frames have come out. Nothing may follow but reset().
  void finish(std::vector<float>& latents);
  void reset();

 private:
  void run_block(std::vector<float>& latents);

  std::shared_ptr<const SpeechModel> model_;
  int64_t block_;
  Windows windows_;
  RealFft fft_;
  FrameChain chain_;
  at::Tensor embedded_, projected_;
  std::vector<std::vector<float>> waiting_;  // by channel (mid, side); from sample next_ * hop - left on
  int64_t samples_ = 0;  // pushed
  int64_t next_ = 0;     // frame that the next block starts with
  int64_t end_ = kOpenEnd;
};

class SynthesisStream {
 public:
  SynthesisStream(std::shared_ptr<const SpeechModel> model, int64_t block);

  // Latents [n,D] of the next n frames, n == block; fewer only once, before finish(). Appends interleaved samples as far as they are
  // complete.
  void push(std::span<const float> latents, std::vector<float>& samples);
  // Appends the rest: hop samples a frame have come out then.
  void finish(std::vector<float>& samples);
  void reset();

  // Samples between a frame's input and the last sample that depends on it, at most; for the caller that starts in the middle.
  int64_t settle() const;

 private:
  void run_block(const float* latents, std::vector<float>& samples);
  void add_frame(const float* frame, int64_t channel_stride, bool exists, std::vector<float>& samples);

  std::shared_ptr<const SpeechModel> model_;
  int64_t block_;
  Windows windows_;
  RealFft fft_;
  FrameChain chain_;
  at::Tensor embedded_, spectrum_;
  std::vector<std::vector<float>> sums_;  // by channel, [W], from the oldest sample that is not complete
  std::vector<float> weights_, squares_;  // [W]: squared windows that reached each of them; those of one frame
  int64_t next_ = 0;                      // frame that the next block starts with
  int64_t written_ = 0;                   // samples given out
  int64_t skip_ = 0;                      // samples before sample 0 that are still to be dropped
  int64_t end_ = kOpenEnd;
};

}  // namespace tessera::models::audio
