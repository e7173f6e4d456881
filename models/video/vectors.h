// Motion vectors, and what is done with them. Unlike the codecs of the DCVC-RT kind, which leave motion to the network's
// channels, `motion` predicts each picture from the last decoded one by block vectors: exact in the entropy path, cheap on a CPU,
// right for any speed of motion from the first training step on, and a network of a few blocks is left with what vectors cannot say.
//
// A vector (x, y) in quarter luma samples points from the present block to its match in the reference. `coarse` has one for
// each 16x16 luma samples, i.e. each latent position; `delta` moves its four 8x8 quarters (order: top left, top right, bottom left,
// bottom right). All are integers held in float32.
#pragma once

#include <ATen/ATen.h>

#include "models/video/interpolation.h"
#include "models/video/planes.h"

namespace tessera::models {

inline constexpr int64_t kVectorMax = 4095;  // quarter samples, of a coarse vector
inline constexpr int64_t kDeltaMax = 127;    // of a delta
inline constexpr int64_t kVectorUnit = 4;    // steps a luma sample

struct VectorField {
  at::Tensor coarse;  // [B,h,w,2], h = H/16
  at::Tensor delta;   // [B,h,w,8]: quarter * 2 + component
  bool defined() const { return coarse.defined(); }
};

VectorField zero_vectors(int64_t batch, int64_t h, int64_t w, const at::TensorOptions& options);

// One vector for each 8x8 luma samples, [B,2h,2w,2].
at::Tensor dense_vectors(const VectorField& field);

// The predictor of each coarse vector: the median of left, top and top right neighbour (ITU-T H.264, 8.4.1.3); in the first row the
// left one, in the first column the top one, in the last column the top left one in place of the top right one.
at::Tensor predict_vectors(const at::Tensor& coarse);
// coarse - predict_vectors(coarse) -> coarse, one after the other; on the CPU. Results are clamped to +-kVectorMax, so that
// damaged residuals do no harm.
at::Tensor rebuild_vectors(const at::Tensor& residual);

// The float32 reference moved by dense vectors [B,H/8,W/8,2], edges repeated. Gradients reach the reference. Each sample has the weights of its exact phase: by
// loops on a CPU in inference, by the project's kernel on a GPU, elsewhere by tensor operators (phase_warp.h). Only for bicubic and without that kernel, in
// training, or where the network's own errors are far larger (`rough`: float16), the stock grid sampler does it, one operator instead of some hundred.
Planes warp(const Planes& reference, const at::Tensor& dense, Interpolation kind = Interpolation::bicubic, bool rough = false);
// For searching: bicubic by the grid sampler.
at::Tensor warp_luma(const at::Tensor& y, const at::Tensor& dense, Interpolation kind = Interpolation::bicubic);

// x [B,h,w,C] at the positions that whole-numbered shifts [B,h,w,2] (x, y) point to, clamped to the map. An exact copy.
at::Tensor gather_blocks(const at::Tensor& x, const at::Tensor& shift);
// Vectors in units of `unit` quarter samples, rounded to whole positions.
at::Tensor whole_shift(const at::Tensor& vectors, int64_t unit);

}  // namespace tessera::models
