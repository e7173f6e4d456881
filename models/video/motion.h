// The video networks `motion` and `motion-lite`: 8x8 patches, everything at 1/8 and 1/16 resolution from 1x1 and depthwise 3x3
// operators, 64 quality levels by learned scales, conditional coding on the decoded past (Li et al., DCVC-DC 2023, DCVC-RT 2025).
//
// A predicted frame is coded in three steps:
//   1. block vectors (vectors.h) move the last decoded picture into place;
//   2. the moved picture and the moved decoder feature of the last frame give the context, a feature map at 1/8;
//   3. analysis and synthesis code what the moved picture lacks, both seeing the context: latents y at 1/16, hyperlatents z at 1/64.
// The synthesis adds to the moved picture, so what does not change is copied exactly and costs nothing; and the untrained network
// is a hybrid codec that works: block DCT and Haar in the outer layers (docs/training.md), all else silent.
// A key frame is the same network with a grey picture and a learned constant as its context.
//
// What the range coder depends on (docs/exactness.md): rows come from TemporalPrior's integers alone. Means are float: they see the
// context and, in a second step, the half of the latents decoded before; they move no row, so that a decoder parses a whole
// frame before any float is computed, and floats may differ in last bits between machines without touching a symbol.
//
// Most latents come out of the trunk at 1/16; the fine ones (MotionConfig::fine_latents) lead past it, from patches to patches.
//
// Shapes for B pictures of H x W (multiples of 16), h = H/16, w = W/16:
//   context [B,2h,2w,C], latents, means, rows [B,h,w,M], hyperlatents [B,ceil(h/4),ceil(w/4),Z].
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <string>
#include <vector>

#include "models/blocks.h"
#include "models/params.h"
#include "models/video/motion_config.h"
#include "models/video/planes.h"
#include "models/video/temporal_prior.h"
#include "models/video/vectors.h"

namespace tessera::models {

class Motion {
 public:
  explicit Motion(const MotionConfig& config);
  struct Uninitialised {};  // for weights that are about to be loaded
  Motion(const MotionConfig& config, Uninitialised);

  const MotionConfig& config() const { return config_; }
  ParamSet& params() { return params_; }
  const ParamSet& params() const { return params_; }
  TemporalPrior& prior() { return prior_; }
  const TemporalPrior& prior() const { return prior_; }
  at::Tensor blend() const { return blend_; }
  void to(at::Device device);  // parameters and frozen layers
  // The pixel path in float16, for GPUs: its weights are stored so anyway, and activations are bounded. Scales and the entropy path stay as they are.
  void use_half();

  // Training: no sample's gradient is more than `times` the median sample's (gradient_limit.h), at every block; 0, as at first: no limit.
  void set_gradient_limit(double times) { gradient_limit_ = times; }
  // Training: a clip counts by its loss to the power of 1 - exponent. With 0, as at first, clips of many bits rule the gradient; with 1 a percent is a percent
  // everywhere, which is what mean BD-rates count. A clip counts as if it had at least a tenth of the batch's mean loss. Losses are reported as they are.
  void set_relative_loss(double exponent) { relative_loss_ = exponent; }

  // What a frame leaves to the next one. Only `state` belongs to the entropy path.
  struct Reference {
    Planes picture;      // decoded, clamped to 0..1
    at::Tensor feature;  // [B,2h,2w,C]; undefined after a refresh
    at::Tensor latents;  // decoded, [B,h,w,M]
    at::Tensor gain;     // their gain, [B,1,1,M]
    at::Tensor state;    // exact; undefined where a caller keeps the entropy path apart
    bool defined() const { return picture.y.defined(); }
  };
  // What is known of a frame before its latents.
  struct Context {
    Planes moved;            // the prediction of the picture
    at::Tensor feature;      // [B,2h,2w,C]
    at::Tensor temporal;     // what the means see of the past, [B,h,w,mean_channels]
    at::Tensor state;        // exact, moved
    at::Tensor input_state;  // exact, as the last frame left it: the rows of vectors and hyperlatents come from it
  };
  // Of a key frame of H x W.
  Context key_context(int64_t batch, int64_t height, int64_t width, const Level& level) const;
  // Of a predicted frame. Without conditioning the vectors are not used. `keep` bool [B,1,1,1], false where the feature of a
  // sample is dropped (a refresh); undefined: nowhere.
  Context context(const Reference& reference, const VectorField& vectors, const Level& level, const at::Tensor& keep = {}) const;

  // The exact state as a frame with these vectors sees it.
  at::Tensor moved_state(const at::Tensor& state, const VectorField& vectors) const;

  struct Analysis {
    at::Tensor y, z;  // scaled, not rounded
  };
  Analysis analysis(const Planes& x, const Context& context, const Level& level) const;

  // Two steps; decode(step, mean) receives means [B,h,w,M] and returns decoded latents, of which those of the step are taken.
  template <class Decode>
  at::Tensor run_means(const at::Tensor& feature, const Context& context, const at::Tensor& gain, Decode&& decode) const {
    const at::Tensor base = mean_base(feature, context);
    const at::Tensor mean0 = first_mean_(base).to(at::kFloat) * gain;
    const at::Tensor half = masked(0, decode(0, mean0));
    const at::Tensor mean1 = second_mean(base, half, gain);
    return half + masked(1, decode(1, mean1));
  }
  at::Tensor latent_gain(const Level& level) const { return gain_latent_(level.q); }

  struct Decoded {
    Planes picture;      // not clamped
    at::Tensor feature;  // for the next frame
  };
  Decoded synthesis(const at::Tensor& y, const Context& context, const Level& level) const;

  // Zero outside of the latents of the step: a checkerboard, of opposite colour in the two halves of the channels.
  at::Tensor masked(int step, const at::Tensor& x) const;

  // --- one frame as the trainer and the evaluation see it ---
  struct Options {
    bool noise = false;  // additive uniform noise for the rate, straight-through rounding for the rest
    exact::Mode mode = exact::Mode::quantised;
    int skip_below = 0;  // rows that are not coded: their symbols are zero (evaluation)
  };
  struct Frame {
    at::Tensor symbols, rows;                // latents: residuals of the means (noisy with `noise`) and their rows
    at::Tensor hyper_symbols, hyper_rows;
    at::Tensor vector_symbols, vector_rows;  // [B,h,w,10]; undefined in a key frame
    at::Tensor bits_y, bits_z, bits_v;       // [B], by the continuous model
    at::Tensor mse;                          // [B,3]: Y, Cb, Cr
    Reference next;
  };
  // `keep` as in context(). `fresh` bool [B,1,1,1]: samples for which this is a key frame although there is a reference.
  Frame code(const Planes& x, const Reference& reference, const VectorField& vectors, const Level& level, const Options& options,
             const at::Tensor& keep = {}, const at::Tensor& fresh = {}) const;

  // --- training ---
  struct Losses {
    at::Tensor loss;  // scalar
    at::Tensor stats; // [T,4] detached means over the batch: bits a luma sample of latents and hyperlatents, of vectors, weighted
                      // log10 of the mean squared error (6:1:1), 1
  };
  // A sample's loss beyond this counts ever less (gradient_limit.h). That of a picture that the network can code is .05 to 1, of hard patterns at the
  // finest quality up to 3; where it fails, 5 to some thousands.
  static constexpr double kLossKnee = 4;
  // How the frames of a clip hang together in training.
  struct Chains {
    double drop = 0;           // probability that a sample's feature is dropped at a predicted frame
    int64_t lead = 0;          // the first frames teach nothing: they are coded without gradient, to lead into the others
    at::Tensor key_time = {};  // int64 [B]: when a sample has a second key frame; 0: it has none. Undefined: none has
  };
  // frames: T pictures; vectors: of frames 1..T-1; q [B,T] in 0..1. Throws std::invalid_argument when the lead is not shorter than the clip.
  Losses forward(const std::vector<Planes>& frames, const std::vector<VectorField>& vectors, const at::Tensor& q, const Chains& chains,
                 const Options& options) const;
  at::Tensor lambda(const at::Tensor& q) const;

  // Multiply-adds a luma sample of a predicted frame.
  double encode_macs() const;
  double decode_macs() const;

  // In the order of the streams: half of the coarse latents, half of the fine ones, the other halves. So each of the two steps has both kinds.
  at::Tensor join_latents(const at::Tensor& coarse, const at::Tensor& fine) const;
  at::Tensor fine_of(const at::Tensor& latents) const;

 private:
  void block_dct_init();
  void fine_init();
  at::Tensor limited(const at::Tensor& x) const;
  at::Tensor apply(const std::vector<Block>& blocks, at::Tensor x) const;
  at::Tensor mean_base(const at::Tensor& feature, const Context& context) const;
  at::Tensor second_mean(const at::Tensor& base, const at::Tensor& half, const at::Tensor& gain) const;
  double shared_macs() const;

  MotionConfig config_;
  ParamSet params_;
  double gradient_limit_ = 0, relative_loss_ = 0;

  at::Tensor start_, empty_;  // [C]: the context of a key frame, the feature after a refresh
  Linear reference_embed_, memory_, temporal_;
  std::vector<Block> reference_;
  LearnedScale gain_context_;

  Linear embed_, enc_join_, enc_down_, to_latent_;
  Linear fine_patch_, fine_feature_, fine_out_;  // of the fine latents: from patches, from features, into patches
  std::vector<Block> enc_patch_, enc_trunk_;
  LearnedScale gain_enc_, gain_latent_, gain_hyper_;
  Linear hyper_in_, hyper_down1_, hyper_down2_;
  Block hyper_block1_, hyper_block2_;

  TemporalPrior prior_;
  Linear mean_in_, first_mean_, second_in_, second_mean_;
  Block mean_block_;
  std::vector<Block> means_;

  LearnedScale gain_delatent_, gain_dec_;
  Linear from_latent_, dec_up_, dec_join_, unembed_;
  std::vector<Block> dec_trunk_, dec_patch_, head_;
  at::Tensor blend_;
};

}  // namespace tessera::models
