// Inside of the index model (index_model.h): its integers as the kernels want them, and the kernels' interface.
//
// Activations are int16 in units of 2^-8, products int32. A layer computes y = (W x + b) >> shift, with rounding in b; |sum| < 2^30
// is proved for every row when the model is loaded, for any input of 16 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera::models::audio::detail {

inline constexpr int kActivationLimit = 16383;  // so that a difference of two activations is an int16
inline constexpr int64_t kIndexSumLimit = int64_t{1} << 30;  // so that a difference of two sums is an int32
inline constexpr int kAveragePlaces = 4;        // further binary places of the recurrent average
inline constexpr int kProbabilityBits = 15;
inline constexpr int kLogitUnit = 256;          // an octave

// Weights of `out` rows by `in` columns, both even and out a multiple of 8, columns in pairs: [in/2][out][2].
struct IndexLayer {
  int64_t in = 0, out = 0;
  std::vector<int8_t> weight;
  std::vector<int32_t> bias, shift;  // [out]; half of the divisor is in the bias
};

// The embeddings of one level and group, class by class: each [H/2][members][2] as an IndexLayer, used as rows that the hidden
// vector is multiplied with and as columns that are added up.
struct IndexCodebook {
  IndexLayer classes;          // hidden [H] -> logits [classes]
  IndexLayer hidden;           // what is left [G*H], context [N] -> [H]
  std::vector<int8_t> embedding;   // [classes][H/2][members][2]
  std::vector<int32_t> bias;   // [classes][members]
  std::vector<int32_t> shift;  // [members], all equal
  int raise = 0;               // embeddings count 2^raise units of the sums
  std::vector<int32_t> order;     // [classes*members] -> code, -1: none
  std::vector<uint16_t> position;  // [codes]
};

struct IndexTables {
  int64_t groups = 0, levels = 0, codes = 0, classes = 0, members = 0, embedding = 0, context = 0;
  int decay = 0;
  IndexLayer observe;  // frame [G*H] -> features [N]
  IndexLayer context_layer;  // last frame, the one before, average -> context [N]; its bias is that of all levels
  std::vector<int32_t> level_bias;  // [L][N], instead of context_layer.bias
  IndexLayer predict;  // context, last frame, the one before -> [G*H]
  std::vector<int32_t> start;  // as a state's values
  std::vector<IndexCodebook> books;  // [L*G]
  int64_t stored_bytes = 0;
};

struct IndexKernels {
  // y[o] = (bias[o] + sum_i w[o][i] x[i]) >> shift[o].
  void (*product)(const int8_t* weight, const int16_t* x, int64_t in, int64_t out, const int32_t* bias, const int32_t* shift, int32_t* y);
  // Integer softmax: frequencies >= 1 with the sum 2^kProbabilityBits from logits |x| < 2^30 in units of 1/256 octave; n a multiple
  // of 8, at most 256.
  void (*distribution)(const int32_t* logits, int64_t n, uint16_t* frequency);
};

// 2^(-d / 256) * 2^16 for d >= 0, relative error below 0.0035: a parabola through the values at 0, 1/2 and 1 octave.
inline uint32_t power(uint32_t d) {
  d = d < 31 * 256 ? d : 31 * 256;
  const uint32_t f = d & 255;
  return (65536 - (f * (44032 - 44 * f) >> 8)) >> (d >> 8);
}

extern const IndexKernels kScalarIndexKernels;
extern const IndexKernels kAvx2IndexKernels;  // on x86-64 only
// What this processor runs fastest.
const IndexKernels& best_index_kernels();

}  // namespace tessera::models::audio::detail
