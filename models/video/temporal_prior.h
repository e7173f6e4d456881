// The entropy path of video: everything that a row of the coder's tables depends on, in exact integers (models/exact).
//
// Rows follow from the hyperlatents of this frame and from a recurrent state that sums up earlier frames. The state is updated
// with what the decoder has read (symbols, vectors) and with integer features, never with latents or pictures, which are float.
// So it repeats on every machine for chains of any length, and its activations stay within the clamp of the exact layers.
// (The idea of a temporal prior with memory over latents: Sun et al., STEM, 2021; Li et al., DCVC-DC, 2023.)
//
// Two passes of the range decoder a frame: vectors and hyperlatents with rows from the state alone, then the latents.
#pragma once

#include <vector>

#include "models/exact/exact.h"
#include "models/video/motion_config.h"

namespace tessera::models {

// The quality of a frame: continuous in training (q [B,1,1,1] in 0..1), an index into the frozen tables in a codec.
struct Level {
  at::Tensor q;
  int index = -1;
  // For both paths of a codec; 0 <= index < 64.
  static Level of(int index, const at::TensorOptions& options);
};

class TemporalPrior {
 public:
  TemporalPrior() = default;
  TemporalPrior(ParamSet& params, const MotionConfig& config);

  // All maps are integers in float32. `state` [B,h,w,S], h = H/16; zeros before a key frame.
  at::Tensor initial_state(int64_t batch, int64_t h, int64_t w, const at::TensorOptions& options) const;

  // Rows of the vectors' own table (vector_rows() in symbol_model.h): [B,h,w,4] for coarse x, coarse y, delta x, delta y.
  at::Tensor vector_rows(const at::Tensor& state, const Level& level, exact::Mode mode) const;
  // Rows of the hyperlatents: [B,ceil(h/4),ceil(w/4),Z].
  at::Tensor hyper_rows(const at::Tensor& state, const Level& level, exact::Mode mode) const;
  // Rows of the latents [B,h,w,M] and the feature [B,h,w,hyper_channels] for the means; z integers within +-kHyperMax, `state`
  // already moved by the frame's vectors.
  struct Rows {
    at::Tensor feature, index;
  };
  Rows latent_rows(const at::Tensor& z, const at::Tensor& state, const Level& level, exact::Mode mode) const;
  // The state after the frame: symbols [B,h,w,M], vector residuals [B,h,w,10] (coarse, then delta).
  at::Tensor next_state(const at::Tensor& feature, const at::Tensor& state, const at::Tensor& symbols, const at::Tensor& vectors,
                        exact::Mode mode) const;

  std::vector<exact::ExactLinear*> linears();
  std::vector<exact::ExactDepthwise*> depthwises();
  std::vector<exact::QualityBias*> tables();
  double macs() const;  // a pixel

  static constexpr int kHyperMax = 127;

 private:
  static at::Tensor rows_of(const at::Tensor& raw, int64_t count, exact::Mode mode);

  MotionConfig config_;
  exact::ExactLinear vector_head_, pool1_, pool2_;
  exact::ExactLinear up1_, up2_, join_, head_, update_;
  exact::ExactBlock low_block_, block1_, block2_, state_block_;
  exact::QualityBias vector_bias_, hyper_bias_, low_bias_, head_bias_;
};

}  // namespace tessera::models
