// The shape of a video network; stored with its weights.
#pragma once

#include <cstdint>
#include <string>

#include "models/video/interpolation.h"
#include "models/video/symbol_model.h"

namespace tessera::models {

// Steps of quality added to frame t behind a key frame, t modulo 8: every eighth frame is better, every second a little.
inline constexpr int kQualityPattern[8] = {8, 0, 4, 0, 4, 0, 4, 0};

// How streams carry motion vectors: by the rows of the exact network alone, as the first weights did, or by the learning coder of vector_coder.h as well.
enum class VectorCoding { rows, mixed };

struct MotionConfig {
  int64_t patch_channels = 256;    // at 1/8
  int64_t trunk_channels = 256;    // at 1/16
  int64_t latents = 256;           // M, a multiple of 16
  // Of these, latents that pass the trunk by: a linear transform of the patches, begun as the frequencies that the other latents lack (a 16 x 16 block with
  // its chroma has 384 samples). Without them fine texture has a ceiling: docs/results/video.md, "Latents". A multiple of 16.
  int64_t fine_latents = 0;
  int64_t hyperlatents = 96;       // Z
  int64_t hyper_channels = 160;    // hyper-analysis, exact hyper-synthesis
  int64_t state_channels = 128;    // the exact temporal state, at 1/16
  int64_t mean_channels = 192;     // the context model
  int64_t enc_patch_blocks = 3, enc_trunk_blocks = 1;
  int64_t reference_blocks = 4;
  int64_t dec_trunk_blocks = 1, dec_patch_blocks = 3, head_blocks = 3;
  int64_t mean_blocks = 1;
  // false: no picture or feature of the past reaches analysis and synthesis; only the entropy model and the means look back
  // (STEM, Sun et al. 2021), and pictures decode in parallel once their latents are known.
  bool conditioning = true;
  Interpolation interpolation = Interpolation::bicubic;  // of the picture before, in compensation and in the search; weights that do not say it are bicubic
  double gate_limit = 0;  // of the float blocks (Block::gate_limit); trained models stay within about 4 on pictures that they know
  VectorCoding vector_coding = VectorCoding::rows;
  ScaleRows scales;
  double lambda_min = 0.0006, lambda_max = 0.12;  // bits a luma sample per mean squared error in units of 1/255

  int64_t coarse_latents() const { return latents - fine_latents; }

  // What a bit of the vectors weighs in the motion search against absolute differences of 8-bit samples, times sqrt(lambda) (Sullivan and Wiegand 1998). The search
  // knows no contexts: vectors that are coded by them have to be dearer, so that more of them are alike (measured: docs/results/video.md).
  double vector_weight() const { return vector_coding == VectorCoding::mixed ? 1.3 : 1.0; }

  std::string to_json() const;
  static MotionConfig from_json(const std::string& text);  // throws std::runtime_error
};

}  // namespace tessera::models
