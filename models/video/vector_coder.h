// The fields of motion vectors as bits: block after block in raster order, each decision in the contexts of the blocks around it, of the field before, and of the
// rows that the exact network gives (temporal_prior.h); probabilities are learnt from one key frame to the next (entropy/context_mixing.h). A sixth fewer bits than
// by the rows alone (docs/results/video.md). Whole numbers only. docs/bitstream.md, section 4.6, defines it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "entropy/context_mixing.h"
#include "entropy/range_coder.h"
#include "models/video/coloured_search.h"

namespace tessera::models {

class VectorCoder {
 public:
  static constexpr int kComponents = 10;  // of a block: coarse x, y; x, y of four deltas
  // Larger magnitudes have no code; what a decoder gives out may be beyond the range of vectors (vectors.h) and has to be checked.
  static constexpr int32_t kMost = (1 << 14) - 1;

  VectorCoder();
  // As before the first field behind a key frame.
  void reset();

  // A field of h x w blocks: `rows` (0..63) and `symbols`, kComponents of each for a block: residuals of the coarse vector (predict_vectors()), and deltas.
  // Fields between two resets have the same size.
  void encode(int64_t h, int64_t w, std::span<const uint8_t> rows, std::span<const int32_t> symbols, entropy::RangeEncoder& coder);
  // Gives out anything for damaged bytes.
  void decode(int64_t h, int64_t w, std::span<const uint8_t> rows, std::span<int32_t> symbols, entropy::RangeDecoder& coder);
  // Bits that encode() would take; learns likewise.
  double count(int64_t h, int64_t w, std::span<const uint8_t> rows, std::span<const int32_t> symbols);

 private:
  using Vector = coloured::Vector;
  template <class Bits>
  class Field;
  template <class Bits>
  void code(Bits& bits, int64_t h, int64_t w, std::span<const uint8_t> rows, std::span<int32_t> symbols);

  entropy::ContextMixer mixer_;
  std::vector<Vector> before_, vectors_;  // of the last field, none behind a key frame; of this one
  std::vector<uint8_t> split_before_, split_;
};

}  // namespace tessera::models
