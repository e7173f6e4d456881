// What a GPU computes in one pass each while an overfitted network is trained: some 70 launches a step instead of a thousand, and no copies of windows.
//
// The launchers are plain functions behind pointers: a build with CUDA fills them in (models/cuda/register.cpp), everything else trains by
// libtorch's operators. All pointers are to device memory, float32, dense. Weights and their gradients lie as in network.h's flat order:
// "context" is the run of the four kContext parts, "synthesis" the run from kUpsampling to kSynthesisBias.
// Sums over latents or pixels are left as FitKernels::blocks partial rows, added by reduce() in a fixed order. Gradients that flow to a latent from its
// neighbours are added atomically: their last bits may differ from run to run.
#pragma once

#include <cstdint>

#include "models/inr/config.h"

namespace tessera::models::inr {

// Shapes for which there are kernels: the defaults of config.h.
inline constexpr int kFusedSpatial = 16, kFusedCoarse = 8, kFusedContext = kFusedSpatial + kFusedCoarse, kFusedWidth = 16, kFusedHidden = 40;
inline constexpr int kFusedMinInputs = 5, kFusedMaxInputs = 9;

struct FusedGrid {
  int begin, height, width;        // in the latents
  int parent;                      // index of the parent grid, -1: none
  int down;                        // 1: the parent is one level coarser
  int first_item;                  // work items of kFusedItem latents, all grids one after the other
};
inline constexpr int kFusedItem = 96;

struct FusedContext {
  int grids, items;
  FusedGrid grid[kMaxGrids];
  signed char dy[kFusedContext], dx[kFusedContext];  // spatial, then coarse
};

// A step of the upsampling: `channels` maps h x w to height x width, and behind them `added` grids of that size, q scale.
struct FusedStep {
  int channels, h, w, height, width, added, begin;  // begin: of the added grids in the latents
  float scale[kMaxGrids];
};

struct FusedDense {
  int inputs, outputs, first, last, direct, bias;  // offsets into the synthesis' weights
  int64_t pixels;
};

struct FusedResidual {
  int outputs, height, width, kernel, bias, relu;  // offsets into the synthesis' weights
};

// out[to .. to + columns) = sum of the rows of partial [blocks][stride], from column `from` on.
struct FusedSum {
  const float* partial;
  int stride, from, columns, to;
};
struct FusedSums {
  static constexpr int kMost = 2 * kMaxResiduals + 4 + kMaxLevel;
  int parts;
  FusedSum part[kMost];
};

// A matrix of SOAP (soap.h): `left` and `right` are offsets into averages and bases.
struct FusedMatrix {
  int begin, rows, columns, left, right;
};
inline constexpr int kFusedSide = 40, kFusedMatrices = 8;  // what the kernel has room for
struct FusedSoap {
  int matrices, total;
  FusedMatrix matrix[kFusedMatrices];
};

struct FitKernels {
  int blocks = 0;            // partial rows; 0: there are no kernels
  bool cpu = false;          // the kernels work on a CPU's memory: tests emulate them
  void* (*stream)() = nullptr;  // where the launches queue
  // All return nullptr, or what went wrong.
  // value = soft rounding of (soft rounding of x + noise), slope its derivative. controls: temperature, shape of the noise.
  const char* (*soft_round)(const float* x, const float* uniform, const float* temperature, const float* shape, float* value, float* slope, int64_t count, void* stream);
  // partial [blocks][context + 1]: gradient of the context's weights, bits. d_latents [N]: zeroed by the caller, added to.
  const char* (*context)(const FusedContext&, const float* latents, const float* weights, float* d_latents, float* partial, void* stream);
  const char* (*upsample)(const FusedStep&, const float* in, const float* latents, const float* taps, float* out, void* stream);
  // d_in and d_latents are overwritten; partial [blocks][4]: gradient of the taps.
  const char* (*upsample_back)(const FusedStep&, const float* in, const float* d_out, const float* taps, float* d_in, float* d_latents, float* partial, void* stream);
  const char* (*dense)(const FusedDense&, const float* u, const float* weights, float* y, void* stream);
  // partial [blocks][first, bias, last, direct, last bias].
  const char* (*dense_back)(const FusedDense&, const float* u, const float* weights, const float* dy, float* du, float* partial, void* stream);
  const char* (*residual)(const FusedResidual&, const float* x, const float* weights, float* y, void* stream);
  // y: what residual() gave. partial [blocks][kernel, bias].
  const char* (*residual_back)(const FusedResidual&, const float* x, const float* y, const float* weights, const float* dy, float* dx, float* partial, void* stream);
  const char* (*reduce)(const FusedSums&, float* out, void* stream);
  // AdamStep::update (adam.h) of `count` numbers. go, c2, length: one number each.
  const char* (*adam)(float* values, const float* gradient, float* first, float* second, int64_t count, const float* go, const float* c2, const float* length, void* stream);
  // Soap::update.
  const char* (*soap)(const FusedSoap&, float* values, const float* gradient, float* first, float* second, float* averages, const float* bases, const float* go,
                      const float* c2, const float* length, void* stream);
};
FitKernels& fit_kernels();

// True when the kernels fit the network.
bool fused(const Config& config);

}  // namespace tessera::models::inr
