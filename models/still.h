// The still-image network `still`: 8x8 patches, everything at 1/8 and 1/16 resolution from 1x1 and depthwise 3x3 operators,
// 64 quality levels in one model by learned scales (Cui et al. 2021; Li et al., DCVC-RT 2025), a scale-and-feature
// hyperprior (Balle et al. 2018) in exact integers, and a context model in four quadtree steps (Li et al., DCVC-DC 2023)
// that predicts the means from channel, local and global information.
//
// What the range coder depends on (docs/exactness.md): the row of each latent comes from the hyperlatents alone, through
// integer layers (models/exact). Context steps move the means only. A decoder therefore parses the whole picture in one pass, before
// any float is computed, and the float path can differ in last bits between machines without touching the symbols.
//
// Shapes, for a picture of H x W (multiples of 64), q in 0..1 of shape [B,1,1,1]:
//   x [B,H,W,3] in 0..1;  y, mean, index [B,H/16,W/16,M] latents;  z [B,H/64,W/64,Z] hyperlatents.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <string>
#include <vector>

#include "models/blocks.h"
#include "models/exact/exact.h"
#include "models/params.h"

namespace tessera::models {

inline constexpr int kQualities = 64;
inline constexpr int64_t kAlign = 64;  // picture sides are padded to this

struct StillConfig {
  int64_t patch_channels = 256;    // at 1/8
  int64_t trunk_channels = 320;    // at 1/16
  int64_t latents = 256;           // M
  int64_t hyperlatents = 128;      // Z
  int64_t hyper_channels = 192;    // hyper-analysis and exact hyper-synthesis at 1/16
  int64_t context_channels = 256;
  int64_t attention = 64;          // width of the global context
  int64_t enc_patch_blocks = 4, enc_trunk_blocks = 2;
  int64_t dec_trunk_blocks = 2, dec_patch_blocks = 4;
  int64_t context_blocks = 2;
  int64_t scale_rows = 80;         // rows of the table of scales
  double scale_min = 0.12, scale_step = 0.088;  // sigma(row) = scale_min * exp(scale_step * row)
  double lambda_min = 0.0012, lambda_max = 0.18;

  std::string to_json() const;
  static StillConfig from_json(const std::string& text);  // throws std::runtime_error
};

// Bits of a continuous residual v = y - mean (or z) under row `index`: -log2 of the probability of [v - 1/2, v + 1/2] for a
// mixture of a Gaussian, a logistic and a Laplace density of that scale; `mix` [2] in logits: the weight of the Gaussian, and the
// Laplace density's share of the rest.
at::Tensor residual_bits(const at::Tensor& v, const at::Tensor& index, const at::Tensor& mix, const StillConfig& config);

// The same mixture's distribution function in double precision, from which the integer tables are made.
struct ResidualMix {
  double gaussian = 0, laplace = 0;  // weights; the logistic density has the rest
};
double residual_cdf(double v, double sigma, const ResidualMix& mix);

class Still {
 public:
  explicit Still(const StillConfig& config);
  // Without initial values, for weights that are about to be loaded: start-up time counts.
  struct Uninitialised {};
  Still(const StillConfig& config, Uninitialised);

  const StillConfig& config() const { return config_; }
  ParamSet& params() { return params_; }
  const ParamSet& params() const { return params_; }

  // --- the stages, in coding order ---
  struct Analysis {
    at::Tensor y;  // scaled latents, to be rounded after subtracting the mean
    at::Tensor z;  // scaled hyperlatents, to be rounded
  };
  Analysis analysis(const at::Tensor& x, const at::Tensor& q) const;

  // Exact: z integer-valued float32 within +-kHyperMax. `feature` [B,H/16,W/16,hyper_channels] integers,
  // `index` integers 0..scale_rows-1.
  struct Hyper {
    at::Tensor feature, index;
  };
  Hyper hyper_synthesis(const at::Tensor& z, const at::Tensor& q, exact::Mode mode) const;   // training
  Hyper hyper_synthesis(const at::Tensor& z, int quality) const;                             // after load_exact()
  // Rows of the hyperlatents' probabilities, per channel.
  at::Tensor hyper_index(const at::Tensor& q, exact::Mode mode) const;  // [B,1,1,Z]
  std::vector<uint8_t> hyper_rows(int quality) const;                   // after load_exact(), Z values

  // The context model in four steps. `decode(step, mean)` receives the mean [B,h,w,M] and returns the decoded latents, of which
  // those of the step are taken (masked()). Returns all decoded latents.
  template <class Decode>
  at::Tensor run_context(const at::Tensor& feature, const at::Tensor& q, Decode&& decode) const {
    const at::Tensor prior = context_prior(feature);
    at::Tensor decoded, gain = latent_gain(q);
    for (int step = 0; step < 4; ++step) {
      const at::Tensor mean = context_mean(step, prior, decoded, gain);
      const at::Tensor part = masked(step, decode(step, mean));
      decoded = decoded.defined() ? decoded + part : part;
    }
    return decoded;
  }
  at::Tensor synthesis(const at::Tensor& y, const at::Tensor& q) const;  // -> [B,H,W,3], not clamped

  // Zero outside of the latents that belong to the step. x [B,h,w,M], h and w even.
  at::Tensor masked(int step, const at::Tensor& x) const;

  // Moves parameters, frozen layers and constants.
  void to(at::Device device);

  // --- training ---
  struct Losses {
    at::Tensor bits_y, bits_z;  // [B] bits a picture
    at::Tensor mse;             // [B]
    at::Tensor loss;            // scalar
  };
  // noise: true = additive uniform noise for the rate and straight-through rounding for the rest; false = rounding everywhere
  // (evaluation). The float path computes in the type of its parameters.
  Losses forward(const at::Tensor& x, const at::Tensor& q, bool noise, exact::Mode mode) const;
  double lambda(double q) const;

  // --- the frozen integers ---
  std::vector<exact::ExactLinear*> exact_linears();
  std::vector<exact::ExactDepthwise*> exact_depthwises();
  std::vector<exact::QualityBias*> quality_tables();
  at::Tensor mix() const { return at::cat({blend_, laplace_}); }  // [2], as residual_bits takes it
  ResidualMix residual_mix() const;

  // Multiply-adds a pixel.
  double encode_macs() const;
  double decode_macs() const;

  static constexpr int kHyperMax = 127;

 private:
  void block_dct_init();
  at::Tensor latent_gain(const at::Tensor& q) const { return gain_latent_(q); }
  at::Tensor context_prior(const at::Tensor& feature) const;
  at::Tensor context_mean(int step, const at::Tensor& prior, const at::Tensor& decoded, const at::Tensor& gain) const;
  double context_macs() const;
  double hyper_macs() const;

  StillConfig config_;
  ParamSet params_;

  Linear embed_, enc_down_, to_latent_;
  std::vector<Block> enc_patch_, enc_trunk_;
  LearnedScale gain_enc_, gain_latent_, gain_hyper_;
  Linear hyper_in_, hyper_down1_, hyper_down2_;
  Block hyper_block1_, hyper_block2_;

  exact::ExactLinear synth_up1_, synth_up2_, synth_head_;
  exact::ExactBlock synth_block1_, synth_block2_, synth_block3_;
  exact::QualityBias synth_bias_, index_bias_, hyper_index_;

  Linear prior_in_, first_mean_;
  Block prior_block_;
  std::array<Linear, 3> step_in_, step_out_;  // of steps 1 to 3; the blocks between are shared by the steps
  std::vector<Block> context_;
  GlobalContext global_;

  LearnedScale gain_delatent_, gain_dec_;
  Linear from_latent_, dec_up_, unembed_;
  std::vector<Block> dec_trunk_, dec_patch_;
  at::Tensor blend_, laplace_;
  std::array<at::Tensor, 4> tiles_;  // [1,2,1,2,M]: 1 where a latent of a 2x2 square belongs to the step
};

}  // namespace tessera::models
