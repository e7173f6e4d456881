// Training of an overfitted network for a group of frames (libtorch, CPU or CUDA).
//
// The loss is bits / luma samples + weight * distortion. Bits are those of Laplace distributions: of each part's whole numbers (the steps are
// trained as well), and of what the embeddings' prediction leaves. First phase: uniform noise instead of rounding. Second phase, after
// freeze(): everything on its grid, gradients pass straight through. As in fit.h a step reads nothing back to the host.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <vector>

#include "models/inr/soap.h"
#include "models/inr/video/video_network.h"

namespace tessera::models::inr {

struct VideoFitOptions {
  double weight = 1000;    // of the distortion, bits a luma sample; samples in 0..1, distortion = 3/4 luma + 1/4 chroma MSE
  bool entropy = true;     // bits are part of the loss
  int batch = 2;           // frames a step
  uint64_t seed = 1;
};

class VideoFit {
 public:
  // frames: [G, 6, H / 2, W / 2] float32 (squares() below) on the device; G as the configuration says. `before`: the group before, of a configuration
  // that is equal but for the number of frames; training starts from it.
  VideoFit(const VideoConfig& config, const at::Tensor& frames, int64_t height, int64_t width, const VideoFitOptions& options, const VideoFit* before = nullptr);

  struct Controls {
    double weight_rate = 0.003, embedding_rate = 0.03, step_rate = 0.01;
  };
  // Before a step: rates of learning, and which frames it sees.
  void set(const Controls& controls);
  void soft_step();
  void hard_step();  // after freeze()
  // The optimiser's bases follow the gradients (soap.h): between steps, now and then.
  void refresh() { soap_.refresh(moments_[0]); }

  struct Numbers {
    double bits = 0, distortion = 0;  // averages over the steps: bits of the group
    int64_t steps = 0, bad = 0;       // bad: loss or gradient not finite; they changed nothing
  };
  Numbers read();  // since the last call; waits for the device

  // Steps and weights of the prediction on the grids that the stream has; Adam begins anew.
  void freeze();

  std::vector<at::Tensor> snapshot() const;
  void restore(const std::vector<at::Tensor>& state);

  // Of the whole group with everything rounded.
  Numbers evaluate() const;
  // In integers, after freeze(): scales of the channels not yet chosen.
  VideoNetwork network() const;
  std::vector<Embedding> embeddings() const;

  const VideoConfig& config() const { return config_; }

 private:
  struct Rounded {
    at::Tensor weights, numbers, embeddings, prediction;  // numbers: weights in units of their steps
  };
  Rounded rounded(bool hard) const;
  at::Tensor bits_of(const Rounded& r) const;  // []
  at::Tensor distortion_of(const Rounded& r, const at::Tensor& frames) const;  // []; frames: numbers of those that count
  at::Tensor units() const;  // [M]
  void step(bool hard);
  void initialise(uint64_t seed);
  at::Tensor projected() const;  // [G, E, h, w]: the frames' content, for the start of the embeddings
  std::vector<at::Tensor> state() const;

  VideoConfig config_;
  at::Tensor frames_;
  int64_t height_, width_;
  VideoFitOptions options_;
  std::vector<GridShape> shapes_;
  std::vector<int64_t> counts_;
  std::optional<at::Generator> generator_;  // CPU only
  std::vector<int64_t> order_;              // of the frames, shuffled
  size_t order_at_ = 0;
  uint64_t random_;

  at::Tensor weights_, embeddings_, steps_, prediction_;  // leaves [M], [G, E, h, w], [P] (octaves), [E]
  std::vector<at::Tensor> moments_;                       // [2, N] of each
  at::Tensor count_;                                      // [] Adam's
  Soap soap_;                                             // of the weights
  at::Tensor controls_, chosen_, sums_;                   // [3], [batch] int64, [4]: bits, distortion, steps, bad
  at::Tensor places_, means_;                             // [M, P] one-hot, [P, M] that averages each part
  at::Tensor codes_, projected_last_;
};

// 4:2:0 planes [B, 1, H, W], [B, 2, H / 2, W / 2] with even sides <-> [B, 6, H / 2, W / 2]
at::Tensor squares(const at::Tensor& y, const at::Tensor& uv);

}  // namespace tessera::models::inr
