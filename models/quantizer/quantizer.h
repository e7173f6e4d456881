// Vector quantisation of latents: residual levels (RVQ: Zeghidour et al., SoundStream, arXiv 2107.03312) in groups of channels
// (GRVQ: Yang et al., HiFi-Codec, arXiv 2305.02765). G groups of D/G channels, L levels each, K codes a level: an index costs
// log2 K bits, a latent vector G L log2 K.
//
// Two kinds of codebook:
//   linear  SimVQ (Zhu et al., arXiv 2411.02038): frozen Gaussian vectors under a learned linear map. A gradient moves all codes
//           of a level at once, so none of them dies.
//   moving  plain VQ: codes follow the mean of the vectors that choose them (van den Oord et al., arXiv 1711.00937, appendix A);
//           codes that nobody chooses are put on a random vector of the batch.
//
// Everything has fixed shapes and stays on the device: a training step can be part of a CUDA graph. The search is one matrix
// product a level, in float32. Near ties may fall differently on different machines: indices are transmitted, never recomputed.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "models/params.h"

namespace tessera::models {

// Numbers in all codes together, L K D: eight times those of the largest model, 64 MB.
inline constexpr int64_t kMaxCodeNumbers = int64_t{1} << 24;

struct QuantizerConfig {
  int64_t dim = 64;     // D, a multiple of groups
  int64_t groups = 1;   // G
  int64_t levels = 16;  // L
  int64_t codes = 1024;  // K
  bool linear = true;   // SimVQ; false: moving codes
  double commitment = 0.25;  // weight of the pull on the latents, relative to the pull on the codes
  double decay = 0.99;       // of the moving codes
  double dead = 0.03;        // a moving code chosen less often than this share of its fair count is replaced

  void check() const;  // throws std::runtime_error
};

class Quantizer {
 public:
  Quantizer() = default;
  // Registers the linear maps (kind `fine`); call initialise() after the set's own.
  Quantizer(ParamSet& params, const std::string& name, const QuantizerConfig& config);
  // Identical maps: the Gaussian vectors themselves, which fit latents of unit variance.
  void initialise();

  const QuantizerConfig& config() const { return config_; }

  struct Output {
    at::Tensor value;    // [N,D] quantised; the gradient passes to z unchanged
    at::Tensor loss;     // scalar: squared error per channel, summed over the levels
    at::Tensor indices;  // int64 [N,L,G], levels that are not active included
  };
  // z float32 [N,D]; active float32 [N]: how many levels each vector uses (undefined: all). `training` counts the uses and
  // moves the moving codes.
  Output forward(const at::Tensor& z, const at::Tensor& active, bool training);

  // Quantiser dropout: for each of n samples all levels with probability `full`, otherwise 1..L at random. float32 [n].
  at::Tensor random_levels(int64_t n, double full) const;

  at::Tensor encode(const at::Tensor& z, int64_t levels) const;  // -> int64 [N,levels,G]
  at::Tensor decode(const at::Tensor& indices) const;            // int64 [N,l,G], l <= L -> [N,D]

  // Codebooks [L,G,K,D/G]. After freeze() they are kept instead of being made from the linear maps at every call.
  at::Tensor codebooks() const;
  void freeze();

  // Uses since clear_counts(), float32 [L,G,K].
  const at::Tensor& counts() const { return counts_; }
  void clear_counts() { counts_.zero_(); }
  // From counts(): exp of the entropy of a level's indices (mean of the groups), and the share of codes in use. float32 [L].
  at::Tensor perplexity() const;
  at::Tensor usage() const;

  // State that is no parameter but belongs into a checkpoint and, for moving codes, into a weights file.
  std::vector<std::pair<std::string, at::Tensor>> buffers() const;
  void to(at::Device device);

 private:
  at::Tensor split(const at::Tensor& z) const;   // [N,D] -> [G,N,D/G]
  at::Tensor merge(const at::Tensor& z) const;   // and back
  void follow(int64_t level, const at::Tensor& residual, const at::Tensor& index, const at::Tensor& mask);

  std::string name_;
  QuantizerConfig config_;
  at::Tensor map_, shift_;            // learned: [L,G,D/G,D/G], [L,G,1,D/G]
  at::Tensor base_;                   // [L,G,K,D/G]: frozen Gaussians, or the moving codes
  at::Tensor moving_count_, moving_sum_;  // [L,G,K], [L,G,K,D/G]
  at::Tensor counts_, frozen_;
};

}  // namespace tessera::models
