#include "models/audio/index_model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "entropy/range_coder.h"
#include "models/audio/index_tables.h"

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

// The model itself. Vectors that a layer reads lie one after the other.
class Walk {
 public:
  Walk(const IndexTables& tables, const IndexKernels& kernels, int64_t levels)
      : t_(tables),
        k_(kernels),
        levels_(levels),
        gh_(tables.groups * tables.embedding),
        n_(tables.context),
        input_(static_cast<size_t>(2 * gh_ + 2 * n_)),
        left_(static_cast<size_t>(gh_ + n_)),
        hidden_(static_cast<size_t>(tables.embedding)),
        frame_(static_cast<size_t>(gh_)),
        sum_(static_cast<size_t>(std::max({gh_, n_, tables.classes, tables.members, tables.embedding}))),
        frequency_(static_cast<size_t>(std::max(tables.classes, tables.members))) {}

  // False when the coder could not go on.
  template <class Coder>
  bool run(std::vector<int32_t>& state, int64_t frames, Coder& coder) {
    if (state.size() != t_.start.size()) state = t_.start;
    for (int64_t f = 0; f < frames; ++f) {
      predict(state);
      std::fill(frame_.begin(), frame_.end(), int16_t{0});
      for (int64_t i = 0; i < levels_ * t_.groups; ++i) {
        if (!symbol(t_.books[static_cast<size_t>(i)], i % t_.groups, coder)) return false;
      }
      observe(state);
    }
    return true;
  }

 private:
  void product(const IndexLayer& l, const int16_t* x, const int32_t* bias) {
    k_.product(l.weight.data(), x, l.in, l.out, bias, l.shift.data(), sum_.data());
  }

  void settle(int64_t count, int32_t low, int16_t* to) const {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<int16_t>(std::clamp(sum_[static_cast<size_t>(i)], low, kActivationLimit));
  }

  // What the frame is expected to be, and the context. input_: context [N], last frame, the one before, average.
  void predict(const std::vector<int32_t>& state) {
    int16_t* const frames = input_.data() + n_;
    for (int64_t i = 0; i < 2 * gh_; ++i) frames[i] = static_cast<int16_t>(state[static_cast<size_t>(i)]);
    for (int64_t i = 2 * gh_; i < 2 * gh_ + n_; ++i) frames[i] = static_cast<int16_t>(state[static_cast<size_t>(i)] >> kAveragePlaces);
    product(t_.context_layer, frames, t_.level_bias.data() + (levels_ - 1) * n_);
    settle(n_, 0, input_.data());
    product(t_.predict, input_.data(), t_.predict.bias.data());
    settle(gh_, -kActivationLimit, left_.data());
    std::copy_n(input_.data(), n_, left_.data() + gh_);
  }

  template <class Coder>
  bool symbol(const IndexCodebook& book, int64_t group, Coder& coder) {
    product(book.hidden, left_.data(), book.hidden.bias.data());
    settle(t_.embedding, -kActivationLimit, hidden_.data());
    product(book.classes, hidden_.data(), book.classes.bias.data());
    k_.distribution(sum_.data(), t_.classes, frequency_.data());
    const int64_t which = coder.choose_class(book, frequency_.data());
    const int8_t* const rows = book.embedding.data() + which * t_.members * t_.embedding;
    k_.product(rows, hidden_.data(), t_.embedding, t_.members, book.bias.data() + which * t_.members, book.shift.data(), sum_.data());
    k_.distribution(sum_.data(), t_.members, frequency_.data());
    const int64_t member = coder.choose_member(book, which, frequency_.data());
    if (member < 0) return false;
    int16_t* const left = left_.data() + group * t_.embedding;
    int16_t* const frame = frame_.data() + group * t_.embedding;
    for (int64_t c = 0; c < t_.embedding; ++c) {
      const int e = rows[(c / 2 * t_.members + member) * 2 + c % 2] * (1 << book.raise);
      left[c] = static_cast<int16_t>(left[c] - e);
      frame[c] = static_cast<int16_t>(frame[c] + e);
    }
    return true;
  }

  void observe(std::vector<int32_t>& state) {
    product(t_.observe, frame_.data(), t_.observe.bias.data());
    for (int64_t i = 0; i < n_; ++i) {
      int32_t& average = state[static_cast<size_t>(2 * gh_ + i)];
      average += ((std::clamp(sum_[static_cast<size_t>(i)], 0, kActivationLimit) << kAveragePlaces) - average) >> t_.decay;
    }
    std::copy_n(state.begin(), gh_, state.begin() + gh_);
    std::copy(frame_.begin(), frame_.end(), state.begin());
  }

  const IndexTables& t_;
  const IndexKernels& k_;
  const int64_t levels_, gh_, n_;
  std::vector<int16_t> input_, left_, hidden_, frame_;
  std::vector<int32_t> sum_;
  std::vector<uint16_t> frequency_;
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
