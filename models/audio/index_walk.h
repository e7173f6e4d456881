// Inside of the index model: the walk of the exact network over frames and symbols, for coders (index_model.cpp) and for the search (index_search.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "models/audio/index_tables.h"

namespace tessera::models::audio::detail {

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

 protected:
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

  // Frequencies of the classes of the next symbol, from what is left_.
  void classes(const IndexCodebook& book) {
    product(book.hidden, left_.data(), book.hidden.bias.data());
    settle(t_.embedding, -kActivationLimit, hidden_.data());
    product(book.classes, hidden_.data(), book.classes.bias.data());
    k_.distribution(sum_.data(), t_.classes, frequency_.data());
  }

  const int8_t* rows(const IndexCodebook& book, int64_t which) const { return book.embedding.data() + which * t_.members * t_.embedding; }

  // Frequencies of the members of a class; after classes().
  void members(const IndexCodebook& book, int64_t which) {
    k_.product(rows(book, which), hidden_.data(), t_.embedding, t_.members, book.bias.data() + which * t_.members, book.shift.data(), sum_.data());
    k_.distribution(sum_.data(), t_.members, frequency_.data());
  }

  // What a symbol leaves in left_ and frame_.
  void take(const IndexCodebook& book, int64_t group, int64_t which, int64_t member) {
    const int8_t* const row = rows(book, which);
    int16_t* const left = left_.data() + group * t_.embedding;
    int16_t* const frame = frame_.data() + group * t_.embedding;
    for (int64_t c = 0; c < t_.embedding; ++c) {
      const int e = row[(c / 2 * t_.members + member) * 2 + c % 2] * (1 << book.raise);
      left[c] = static_cast<int16_t>(left[c] - e);
      frame[c] = static_cast<int16_t>(frame[c] + e);
    }
  }

  template <class Coder>
  bool symbol(const IndexCodebook& book, int64_t group, Coder& coder) {
    classes(book);
    const int64_t which = coder.choose_class(book, frequency_.data());
    members(book, which);
    const int64_t member = coder.choose_member(book, which, frequency_.data());
    if (member < 0) return false;
    take(book, group, which, member);
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

}  // namespace tessera::models::audio::detail
