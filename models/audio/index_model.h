// Exact integer model of codebook indices: adaptive probabilities for residual and group-residual vector quantisation, so that a
// packet needs fewer bits than log2(codes) an index, and is the same on every machine, compiler, instruction set and thread count
// (docs/exactness.md). From the decoded indices to the range coder's intervals there is nothing but integer arithmetic whose bounds are
// proved when the model is loaded; no libtorch, no floating point.
//
// What it knows. An index is coded as class and member of the class (a balanced clustering of the codebook, kept with the model).
// Its probability follows from
//   - the quantised latents of the last two frames, as sums of int8 embeddings of their indices, and a slowly decaying average of
//     features of all frames since the state began (recurrent: silence, voicing, speaker);
//   - the lower levels of its own frame, decoded before: the model predicts what is left after them;
//   - the number of levels in use.
// Level l sees nothing of higher levels of its own frame: one model serves every number of levels, i.e. every bit rate.
//
// Indices are uint16, laid out [frames][levels][groups]; a symbol outside of the codebook is a programmer's error when encoding
// (std::invalid_argument) and cannot be decoded. Coded bytes are one range-coded section (entropy/range_coder.h) without length: the caller
// stores it. A section costs at most about one byte more than ideal_bits() / 8; a section may be empty.
//
// Packets: with a fresh IndexState (or the calls without one) a section decodes independently of all others. When a state is carried
// on, sections depend on all earlier ones back to the last reset(); the gain is the context of a packet's first frames. Encoder
// and decoder must reset at the same packets (key packets), and after a lost or damaged packet up to the next key packet nothing
// can be decoded.
//
// Thread safety: an IndexModel is immutable and may be used from many threads; an IndexState belongs to one stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "bitstream/status.h"

namespace tessera::models {
struct Weights;
}

namespace tessera::models::audio {

namespace detail {
struct IndexTables;
}

// The context carried from frame to frame: a plain value, about a kilobyte, copyable (a copy is a snapshot to come back to).
class IndexState {
 public:
  // Forget everything: the next frame is coded as a stream's first.
  void reset() { values_.clear(); }

 private:
  friend class IndexModel;
  std::vector<int32_t> values_;  // empty: fresh; laid out by the model
};

// For tests and measurements; results never differ. The environment variable TESSERA_SIMD=scalar caps `best`.
enum class IndexKernel { best, scalar };

class IndexModel {
 public:
  // From the tensors "index.*" of an audio model's file. model_missing when the file has none; corrupt, with a sentence, when they
  // contradict each other or a bound that exactness needs cannot be proved.
  static Result<IndexModel> load(const Weights& weights);
  // True when the file has an index model.
  static bool present(const Weights& weights);

  int64_t groups() const;
  int64_t levels() const;  // the most
  int64_t codes() const;

  // Context reset at the beginning. levels in 1..levels(), indices.size() == frames * levels * groups(); otherwise, or with an index
  // >= codes(), std::invalid_argument.
  std::vector<std::byte> encode(std::span<const uint16_t> indices, int64_t frames, int64_t levels) const;
  // `corrupt` when no encoder writes exactly these bytes for this many frames and levels, `invalid_argument` for a number of levels or
  // frames out of range. Any input is handled in time linear in frames * levels * groups(). Damaged bytes of the right length may decode
  // to other indices: a checksum is the caller's business.
  Result<std::vector<uint16_t>> decode(std::span<const std::byte> data, int64_t frames, int64_t levels) const;

  // The same with the context carried on in `state`. The number of levels may change between calls. After an error the state is reset.
  std::vector<std::byte> encode(IndexState& state, std::span<const uint16_t> indices, int64_t frames, int64_t levels,
                                IndexKernel kernel = IndexKernel::best) const;
  Result<std::vector<uint16_t>> decode(IndexState& state, std::span<const std::byte> data, int64_t frames, int64_t levels,
                                       IndexKernel kernel = IndexKernel::best) const;

  // Ideal code length in bits under the model's integer probabilities; `per_level` (optional, size `levels`) receives the sums of each level.
  double ideal_bits(IndexState& state, std::span<const uint16_t> indices, int64_t frames, int64_t levels,
                    std::span<double> per_level = {}) const;
  double ideal_bits(std::span<const uint16_t> indices, int64_t frames, int64_t levels) const;

  // Bytes of the tensors, as stored.
  int64_t stored_bytes() const;

 private:
  friend class IndexSearch;  // index_search.h
  explicit IndexModel(std::shared_ptr<const detail::IndexTables> tables) : tables_(std::move(tables)) {}
  std::shared_ptr<const detail::IndexTables> tables_;
};

}  // namespace tessera::models::audio
