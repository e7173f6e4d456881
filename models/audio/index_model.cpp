#include "models/audio/index_model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "entropy/range_coder.h"
#include "models/audio/index_walk.h"

namespace tessera::models::audio {
namespace {

using namespace detail;

constexpr int64_t kMaxFrames = int64_t{1} << 24;

// How a walk over the symbols meets the bytes: each gets a distribution of n frequencies and gives the place in it.
// next() is called for the class, then for the member, of each index in order; negative: cannot go on.
class Encode {
 public:
  Encode(const IndexTables& tables, std::span<const uint16_t> indices) : tables_(tables), indices_(indices) {}

  int64_t choose_class(const IndexCodebook& book, const uint16_t* frequency) {
    place_ = book.position[indices_[at_++]];
    return put(place_ / tables_.members, frequency);
  }
  int64_t choose_member(const IndexCodebook&, int64_t, const uint16_t* frequency) { return put(place_ % tables_.members, frequency); }
  std::vector<std::byte> finish() { return coder_.finish(); }

 private:
  int64_t put(int64_t symbol, const uint16_t* frequency) {
    uint32_t start = 0;
    for (int64_t i = 0; i < symbol; ++i) start += frequency[i];
    coder_.put(start, frequency[symbol], kProbabilityBits);
    return symbol;
  }

  const IndexTables& tables_;
  std::span<const uint16_t> indices_;
  entropy::RangeEncoder coder_;
  size_t at_ = 0;
  int64_t place_ = 0;
};

class Decode {
 public:
  Decode(const IndexTables& tables, std::span<const std::byte> data, std::span<uint16_t> out) : tables_(tables), coder_(data), out_(out) {}

  int64_t choose_class(const IndexCodebook&, const uint16_t* frequency) { return get(frequency); }
  int64_t choose_member(const IndexCodebook& book, int64_t which, const uint16_t* frequency) {
    const int64_t member = get(frequency);
    const int32_t code = book.order[static_cast<size_t>(which * tables_.members + member)];
    if (code < 0) return -1;
    out_[at_++] = static_cast<uint16_t>(code);
    return member;
  }
  bool at_end() const { return coder_.at_end(); }

 private:
  // The frequencies' sum is above every slot: the loop ends within them.
  int64_t get(const uint16_t* frequency) {
    const uint32_t slot = coder_.slot(kProbabilityBits);
    uint32_t start = 0;
    int64_t symbol = 0;
    while (slot - start >= frequency[symbol]) start += frequency[symbol++];
    coder_.advance(start, frequency[symbol], kProbabilityBits);
    return symbol;
  }

  const IndexTables& tables_;
  entropy::RangeDecoder coder_;
  std::span<uint16_t> out_;
  size_t at_ = 0;
};

class Measure {
 public:
  Measure(const IndexTables& tables, std::span<const uint16_t> indices, int64_t levels, std::span<double> per_level)
      : tables_(tables), indices_(indices), levels_(levels), per_level_(per_level) {}

  int64_t choose_class(const IndexCodebook& book, const uint16_t* frequency) {
    place_ = book.position[indices_[at_++]];
    return add(place_ / tables_.members, frequency);
  }
  int64_t choose_member(const IndexCodebook&, int64_t, const uint16_t* frequency) { return add(place_ % tables_.members, frequency); }
  double bits() const { return bits_; }

 private:
  int64_t add(int64_t symbol, const uint16_t* frequency) {
    const double b = kProbabilityBits - std::log2(static_cast<double>(frequency[symbol]));
    bits_ += b;
    if (!per_level_.empty()) per_level_[(at_ - 1) / static_cast<size_t>(tables_.groups) % static_cast<size_t>(levels_)] += b;
    return symbol;
  }

  const IndexTables& tables_;
  std::span<const uint16_t> indices_;
  int64_t levels_;
  std::span<double> per_level_;
  double bits_ = 0;
  size_t at_ = 0;
  int64_t place_ = 0;
};

const IndexKernels& kernels_for(IndexKernel kernel) { return kernel == IndexKernel::scalar ? kScalarIndexKernels : best_index_kernels(); }

void check(const IndexTables& t, std::span<const uint16_t> indices, int64_t frames, int64_t levels) {
  if (levels < 1 || levels > t.levels) throw std::invalid_argument("index model: no such number of levels");
  if (frames < 0 || frames > kMaxFrames || static_cast<int64_t>(indices.size()) != frames * levels * t.groups) {
    throw std::invalid_argument("index model: the number of indices is not frames x levels x groups");
  }
  for (const uint16_t i : indices) {
    if (i >= t.codes) throw std::invalid_argument("index model: an index is no code's number");
  }
}

}  // namespace

int64_t IndexModel::groups() const { return tables_->groups; }
int64_t IndexModel::levels() const { return tables_->levels; }
int64_t IndexModel::codes() const { return tables_->codes; }
int64_t IndexModel::stored_bytes() const { return tables_->stored_bytes; }

std::vector<std::byte> IndexModel::encode(std::span<const uint16_t> indices, int64_t frames, int64_t levels) const {
  IndexState state;
  return encode(state, indices, frames, levels);
}

Result<std::vector<uint16_t>> IndexModel::decode(std::span<const std::byte> data, int64_t frames, int64_t levels) const {
  IndexState state;
  return decode(state, data, frames, levels);
}

std::vector<std::byte> IndexModel::encode(IndexState& state, std::span<const uint16_t> indices, int64_t frames, int64_t levels,
                                          IndexKernel kernel) const {
  check(*tables_, indices, frames, levels);
  Encode coder(*tables_, indices);
  Walk(*tables_, kernels_for(kernel), levels).run(state.values_, frames, coder);
  return coder.finish();
}

Result<std::vector<uint16_t>> IndexModel::decode(IndexState& state, std::span<const std::byte> data, int64_t frames, int64_t levels,
                                                 IndexKernel kernel) const {
  if (levels < 1 || levels > tables_->levels) return {ErrorCode::invalid_argument, "the index model has no such number of levels"};
  if (frames < 0 || frames > kMaxFrames) return {ErrorCode::invalid_argument, "a packet of indices has too many frames"};
  std::vector<uint16_t> out(static_cast<size_t>(frames * levels * tables_->groups));
  Decode coder(*tables_, data, out);
  if (!Walk(*tables_, kernels_for(kernel), levels).run(state.values_, frames, coder) || !coder.at_end()) {
    state.reset();
    return {ErrorCode::corrupt, "the codebook indices of a packet are damaged"};
  }
  return out;
}

double IndexModel::ideal_bits(IndexState& state, std::span<const uint16_t> indices, int64_t frames, int64_t levels,
                              std::span<double> per_level) const {
  check(*tables_, indices, frames, levels);
  if (!per_level.empty() && static_cast<int64_t>(per_level.size()) != levels) throw std::invalid_argument("index model: per_level has another size");
  std::fill(per_level.begin(), per_level.end(), 0.0);
  Measure coder(*tables_, indices, levels, per_level);
  Walk(*tables_, best_index_kernels(), levels).run(state.values_, frames, coder);
  return coder.bits();
}

double IndexModel::ideal_bits(std::span<const uint16_t> indices, int64_t frames, int64_t levels) const {
  IndexState state;
  return ideal_bits(state, indices, frames, levels);
}

}  // namespace tessera::models::audio
