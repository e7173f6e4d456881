// Entropy-constrained choice of codebook indices (Chou, Lookabaugh and Gray, IEEE Trans. ASSP 37(1), 1989), with the probabilities of the index model: among
// codes that are nearly as near the likelier one is taken. Over the levels of a frame several paths are kept (M-best search).
//
// An encoder's business only: what is chosen is transmitted, so floating point may be used, and near ties may fall differently on different machines.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "models/audio/index_model.h"

namespace tessera::models::audio {

class Beam;

struct IndexSearchOptions {
  // Squared distance that a bit is worth, in units of what a level's codes take away on average and bit: 0 finds the nearest codes, 1 is the slope at which a
  // level pays for its own bits.
  double thrift = 0.2;
  int paths = 8;    // >= 1
  int classes = 8;  // of each symbol whose members are looked at, those with the nearest means first; >= 1
};

struct IndexChoice {
  std::vector<uint16_t> indices;  // [frames][levels][groups]
  std::vector<float> left;        // what the codes do not cover, [frames][groups][d]
};

// Immutable, for many threads. About the size of the codebooks.
class IndexSearch {
 public:
  // codes [levels][groups][codes][d], d values each; the model's numbers of levels, groups and codes.
  IndexSearch(const IndexModel& model, std::span<const float> codes, int64_t d);

  // For latents [frames][groups][d], coded with a fresh context and `levels` levels.
  IndexChoice operator()(std::span<const float> latents, int64_t frames, int64_t levels, const IndexSearchOptions& options = {}) const;

 private:
  friend class Beam;
  // A codebook in the order of its classes. Places without a code have an endless norm.
  struct Book {
    std::vector<float> codes, half_norms;  // [classes][d][members], [classes][members]: |code|^2 / 2
    std::vector<float> means, half_means;  // [classes][d], [classes]: means of both
    double price = 0;                      // mean of |code|^2 a bit of a plain index
  };

  std::shared_ptr<const detail::IndexTables> tables_;
  int64_t d_ = 0;
  std::vector<Book> books_;  // [levels * groups]
};

}  // namespace tessera::models::audio
