#include "models/video/vector_coder.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace tessera::models {
namespace {

using coloured::kVectorLimit;

constexpr int kMostExponent = 13;

// The decisions, each with its sets of weights.
enum Kind : int { kZeroX, kZeroY, kSign, kExponent, kDigit, kSplit, kQuarter, kDeltaX, kDeltaY, kKinds };
constexpr int kSets = 16;  // of a kind

int set_of(Kind kind, int number) { return kind * kSets + number; }

// Magnitudes in six classes.
uint32_t size_class(int32_t v) {
  const int32_t m = std::abs(v);
  return m == 0 ? 0 : m < 2 ? 1 : m < 4 ? 2 : m < 9 ? 3 : m < 24 ? 4 : 5;
}
uint32_t sign_class(int32_t v) { return v == 0 ? 0 : v > 0 ? 1 : 2; }
// Exactly, up to 8.
uint32_t near(int32_t v) { return static_cast<uint32_t>(std::clamp(v, -8, 8) + 8); }

// One number of several.
uint32_t joined(uint32_t a, uint32_t b) { return (a ^ (a >> 16)) * 0x01000193u + b; }
template <class... More>
uint32_t joined(uint32_t a, uint32_t b, More... more) {
  return joined(joined(a, b), more...);
}

}  // namespace

template <class Bits>
class VectorCoder::Field {
 public:
  Field(VectorCoder& coder, Bits& bits, int64_t h, int64_t w, std::span<const uint8_t> rows, std::span<int32_t> symbols)
      : c_(coder), bits_(bits), h_(h), w_(w), rows_(rows), symbols_(symbols) {}

  void code() {
    const auto blocks = static_cast<size_t>(h_ * w_);
    known_ = c_.before_.size() == blocks;
    c_.vectors_.assign(blocks, {});
    c_.split_.assign(blocks, 0);
    for (y_ = 0; y_ < h_; ++y_) {
      for (x_ = 0; x_ < w_; ++x_) block();
    }
    c_.before_.swap(c_.vectors_);
    c_.split_before_.swap(c_.split_);
  }

 private:
  size_t place(int64_t dx = 0, int64_t dy = 0) const { return static_cast<size_t>((y_ + dy) * w_ + x_ + dx); }
  Vector vector(int64_t dx, int64_t dy) const { return c_.vectors_[place(dx, dy)]; }
  int32_t residual(int64_t dx, int64_t dy, int component) const { return symbols_[place(dx, dy) * kComponents + static_cast<size_t>(component)]; }

  // Numbers of contexts mean something within a kind only.
  template <size_t kCount>
  bool decide(Kind kind, int set, std::array<uint32_t, kCount> contexts, bool bit) {
    for (uint32_t& context : contexts) context = joined(context, static_cast<uint32_t>(kind) + 0x5bd1e995u);
    return bits_.code(c_.mixer_, set_of(kind, set), contexts, bit);
  }

  // What a number that is not zero may be like: two sets of numbers that it often repeats, two of how large it is, and its kind.
  struct Likely {
    uint32_t a, b, large, larger, kind;
  };
  // A number that is not zero: sign, exponent of its magnitude, the digits below.
  int32_t number(int32_t value, const Likely& l) {
    const std::array sign = {joined(l.kind, 1), joined(l.kind, l.a, 2), joined(l.kind, l.b, 3)};
    const bool negative = decide(kSign, static_cast<int>(l.kind), sign, value < 0);
    const uint32_t side = l.kind * 2 + (negative ? 1 : 0);
    const uint32_t magnitude = static_cast<uint32_t>(std::abs(value));
    int exponent = 0;
    for (; exponent < kMostExponent; ++exponent) {
      const auto e = static_cast<uint32_t>(exponent);
      const std::array more = {joined(l.kind, e), joined(l.kind, e, l.large), joined(l.kind, e, l.larger, 1), joined(side, e, l.a, 2), joined(side, e, l.b, 3), joined(side, e, 4)};
      if (!decide(kExponent, exponent, more, (magnitude >> (exponent + 1)) != 0)) break;
    }
    uint32_t read = 1;
    for (int i = exponent - 1; i >= 0; --i) {
      const bool bit = ((magnitude >> i) & 1) != 0;
      if (i == exponent - 1 || exponent <= 4) {
        const uint32_t where = joined(static_cast<uint32_t>(exponent), static_cast<uint32_t>(i), read);
        const std::array digit = {joined(l.kind, where), joined(side, where, l.a, 1), joined(side, where, l.b, 2)};
        read = read << 1 | (decide(kDigit, exponent, digit, bit) ? 1u : 0u);
      } else {
        read = read << 1 | (bits_.raw(bit) ? 1u : 0u);
      }
    }
    return negative ? -static_cast<int32_t>(read) : static_cast<int32_t>(read);
  }

  // What is around a component of the coarse vector.
  struct Around {
    uint32_t left, top, corner;             // classes of the residuals
    int32_t to_left, to_top, to_corner;     // from the prediction to the neighbours' vectors
    int32_t to_before;                      // and to that of the field before
    uint32_t spread;                        // class of the neighbours' spread
  };
  int32_t component(int k, int32_t value, uint32_t row, uint32_t other, const Around& n) {
    const uint32_t before = size_class(n.to_before), busy = std::min(n.left + n.top, 7u);
    const uint32_t a = joined(near(n.to_before), 1), b = joined(near(n.to_left), near(n.to_top), near(n.to_corner), 2);
    const std::array<uint32_t, 8> contexts = {row,
                                 joined(n.left, n.top, n.corner),
                                 joined(n.spread, before, other),
                                 joined(row / 4, busy, n.spread),
                                 joined(row / 6, before, n.spread, other),
                                 joined(n.left, n.spread, 7),
                                 joined(a, other),
                                 joined(b, other)};
    if (!decide(k == 0 ? kZeroX : kZeroY, static_cast<int>(other), contexts, value != 0)) return 0;
    return number(value, {a, b, joined(row / 6, busy), joined(n.spread, before), static_cast<uint32_t>(k)});
  }

  void block() {
    const size_t at = place();
    const bool first_row = y_ == 0, first_column = x_ == 0, last_column = x_ + 1 == w_;
    const std::span<int32_t> s = symbols_.subspan(at * kComponents, kComponents);
    const std::span<const uint8_t> row = rows_.subspan(at * kComponents, kComponents);
    // What predicted() below takes the median of.
    const Vector top = first_row ? Vector{} : vector(0, -1), left = first_column ? top : vector(-1, 0);
    const Vector corner = first_row ? Vector{} : !last_column ? vector(1, -1) : !first_column ? vector(-1, -1) : top;
    const Vector guess = coloured::Field{c_.vectors_.data(), static_cast<int>(w_), static_cast<int>(h_)}.predicted(static_cast<int>(x_), static_cast<int>(y_));
    const Vector before = known_ ? c_.before_[at] : Vector{};
    const auto residual_class = [&](bool none, int64_t dx, int64_t dy, int k) { return none ? 0 : size_class(residual(dx, dy, k)); };
    const auto around = [&](int k, int32_t Vector::*of) -> Around {
      const int32_t l = left.*of, t = top.*of, c = corner.*of, g = guess.*of;
      return {residual_class(first_column, -1, 0, k), residual_class(first_row, 0, -1, k), residual_class(first_row || last_column, 1, -1, k), l - g, t - g, c - g, before.*of - g,
              size_class(std::max({l, t, c}) - std::min({l, t, c}))};
    };
    const Around across = around(0, &Vector::x), down = around(1, &Vector::y);
    s[0] = component(0, s[0], row[0], 0, across);
    s[1] = component(1, s[1], row[1], size_class(s[0]) + 1, down);
    const Vector v = {std::clamp(guess.x + s[0], -kVectorLimit, kVectorLimit), std::clamp(guess.y + s[1], -kVectorLimit, kVectorLimit)};
    c_.vectors_[at] = v;
    deltas(s.subspan(2), row, {left.x - v.x, left.y - v.y}, {top.x - v.x, top.y - v.y}, size_class(std::abs(s[0]) + std::abs(s[1])), std::max(across.spread, down.spread));
  }

  // `d`: x, y of the four quarters. `left`, `top`: from the block's vector to those of its neighbours, where it has them.
  void deltas(std::span<int32_t> d, std::span<const uint8_t> row, Vector left, Vector top, uint32_t residual, uint32_t spread) {
    const size_t at = place();
    const bool has_left = x_ > 0, has_top = y_ > 0;
    const uint32_t l = has_left ? c_.split_[at - 1] : 0, t = has_top ? c_.split_[place(0, -1)] : 0, c = has_top && x_ + 1 < w_ ? c_.split_[place(1, -1)] : 0;
    const uint32_t before = known_ ? c_.split_before_[at] : 0, neighbours = l + t + c, likely = std::max(row[2], row[3]);
    const std::array split = {joined(row[2] / 2u, row[3] / 2u), joined(l, t, c, before),           joined(likely, residual),
                              joined(likely / 4, neighbours, residual), joined(l + t, residual, 5), joined(spread, residual, l + t, before)};
    const bool any = std::any_of(d.begin(), d.end(), [](int32_t v) { return v != 0; });
    if (!decide(kSplit, static_cast<int>(neighbours), split, any)) {
      std::fill(d.begin(), d.end(), 0);
      return;
    }
    c_.split_[at] = 1;
    uint32_t moved = 0;  // quarters so far
    for (uint32_t k = 0; k < 4; ++k) {
      int32_t &dx = d[2 * k], &dy = d[2 * k + 1];
      const Vector side = k % 2 == 0 && has_left ? left : Vector{}, above = k < 2 && has_top ? top : Vector{};
      const bool last = k == 3 && moved == 0;  // one of them is
      const std::array quarter = {joined(k, moved), joined(likely / 4, k, moved), joined(k, size_class(std::abs(side.x) + std::abs(side.y)), size_class(std::abs(above.x) + std::abs(above.y)), moved),
                                  joined(likely / 8, moved, 9)};
      if (!last && !decide(kQuarter, static_cast<int>(4 * k + moved), quarter, dx != 0 || dy != 0)) {
        dx = dy = 0;
        continue;
      }
      ++moved;
      // Where the neighbours go from here.
      const int32_t to_x = side.x != 0 ? side.x : above.x, to_y = above.y != 0 ? above.y : side.y;
      const std::array<uint32_t, 3> zero_x = {k, joined(size_class(to_x), 1), joined(row[2] / 4u, size_class(to_x))};
      dx = decide(kDeltaX, 0, zero_x, dx != 0) ? number(dx, likely_delta(2, to_x, row[2])) : 0;
      const std::array zero_y = {joined(k, size_class(dx)), joined(size_class(to_y), size_class(dx), 1), joined(row[3] / 4u, size_class(to_y))};
      // A quarter that moves by nothing is not coded as one that moves.
      dy = dx == 0 || decide(kDeltaY, 0, zero_y, dy != 0) ? number(dy, likely_delta(3, to_y, row[3])) : 0;
    }
  }
  static Likely likely_delta(uint32_t kind, int32_t to, uint32_t row) {
    return {joined(near(to), kind), joined(size_class(to), sign_class(to)), joined(row / 6, 1), size_class(to), kind};
  }

  VectorCoder& c_;
  Bits& bits_;
  const int64_t h_, w_;
  const std::span<const uint8_t> rows_;
  const std::span<int32_t> symbols_;
  int64_t x_ = 0, y_ = 0;
  bool known_ = false;
};

VectorCoder::VectorCoder() : mixer_(kKinds * kSets) {}

void VectorCoder::reset() {
  mixer_.reset();
  before_.clear();
  split_before_.clear();
}

template <class Bits>
void VectorCoder::code(Bits& bits, int64_t h, int64_t w, std::span<const uint8_t> rows, std::span<int32_t> symbols) {
  Field<Bits>(*this, bits, h, w, rows, symbols).code();
}

void VectorCoder::encode(int64_t h, int64_t w, std::span<const uint8_t> rows, std::span<const int32_t> symbols, entropy::RangeEncoder& coder) {
  std::vector<int32_t> copy(symbols.begin(), symbols.end());  // is written again, with the same numbers
  entropy::BitWriter bits(coder);
  code(bits, h, w, rows, copy);
}

void VectorCoder::decode(int64_t h, int64_t w, std::span<const uint8_t> rows, std::span<int32_t> symbols, entropy::RangeDecoder& coder) {
  entropy::BitReader bits(coder);
  code(bits, h, w, rows, symbols);
}

double VectorCoder::count(int64_t h, int64_t w, std::span<const uint8_t> rows, std::span<const int32_t> symbols) {
  std::vector<int32_t> copy(symbols.begin(), symbols.end());
  entropy::BitCounter bits;
  code(bits, h, w, rows, copy);
  return bits.bits();
}

}  // namespace tessera::models
