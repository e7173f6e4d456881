#include <algorithm>
#include <memory>
#include <stdexcept>

#include "entropy/rans.h"
#include "entropy/rans_kernels.h"
#include "entropy/raw_bits.h"

namespace tessera::entropy {
namespace {

using detail::kLowerBound;

// Below these counts of coded symbols the lanes' bytes weigh more than the time they save: about 1 % at one
// bit a symbol.
constexpr size_t kMinSymbolsFor4 = size_t{1} << 14;
constexpr size_t kMinSymbolsFor32 = size_t{1} << 18;

void put_varint(uint64_t value, std::vector<uint8_t>& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}

// One index into the table's encode symbols per coded symbol; escaped values go to the raw bits.
struct Coded {
  std::unique_ptr<uint32_t[]> index;
  size_t count = 0;
  RawBitWriter raw;
};

Coded gather(const CdfTable& table, std::span<const int32_t> symbols, std::span<const uint8_t> rows) {
  // All arguments are checked before anything is written, in a pass of its own that the compiler vectorises.
  const auto skip = static_cast<uint32_t>(table.skip_below());
  uint32_t highest = 0;
  uint32_t lost = 0;  // bits of symbols that a skipped row would lose
  for (size_t i = 0; i < rows.size(); ++i) {
    highest = std::max<uint32_t>(highest, rows[i]);
    lost |= rows[i] < skip ? static_cast<uint32_t>(symbols[i]) : 0;
  }
  if (!rows.empty() && highest >= static_cast<uint32_t>(table.rows()))
    throw std::invalid_argument("encode: row out of range");
  if (lost != 0) throw std::invalid_argument("encode: a skipped symbol is not zero");

  Coded coded;
  coded.index = std::make_unique_for_overwrite<uint32_t[]>(symbols.size());
  const EncodeRow* info = table.encode_rows().data();
  uint32_t* index = coded.index.get();
  size_t count = 0;
  for (size_t i = 0; i < symbols.size(); ++i) {
    const EncodeRow& row = info[rows[i]];
    // Unsigned wrap: everything outside of the support, on either side, is at least `escape`.
    const uint32_t at =
        std::min(static_cast<uint32_t>(symbols[i]) - static_cast<uint32_t>(row.min_symbol), row.escape);
    // Written always, kept when coded: no branch, as skipped positions come in no foreseeable order.
    const bool is_coded = rows[i] >= skip;
    index[count] = row.offset + at;
    count += is_coded;
    if (at == row.escape && is_coded) [[unlikely]] {
      coded.raw.put_exp_golomb(escape_to_code(symbols[i], row.min_symbol, row.escape));
    }
  }
  coded.count = count;
  return coded;
}

// Encodes coded[0..n), last symbol first, as rANS is a stack; writes words downwards from `top` and returns
// the lowest. x < freq << (32 - precision) before a step keeps the new state below 2^32 and, because freq <
// 2^precision, also bounds x * reciprocal by 2^64; the rounding error x * (reciprocal * freq - 2^(32 +
// precision)) is below (freq << (32 - precision)) * freq < 2^(32 + precision), hence the quotient is exact.
template <int P>
class LaneEncoder {
 public:
  LaneEncoder(const EncodeSymbol* symbols, uint32_t* states, uint16_t* top)
      : symbols_(symbols), x_(states), top_(top) {}

  template <int W>
  uint16_t* run(const uint32_t* coded, size_t n) {
    // A last, incomplete round of the lanes comes first.
    while (n % W != 0) {
      --n;
      step(x_[n % W], symbols_[coded[n]], top_);
    }
    // Local copies: the compiler cannot know that a word store leaves the members alone.
    constexpr int kTogether = W < 8 ? W : 8;
    const EncodeSymbol* const symbols = symbols_;
    uint16_t* top = top_;
    uint32_t x[W];
    std::copy_n(x_, W, x);
    while (n != 0) {
      n -= W;
      for (int group = W; group > 0; group -= kTogether) {
#pragma GCC unroll 8
        for (int lane = group - 1; lane >= group - kTogether; --lane) {
          step(x[lane], symbols[coded[n + static_cast<size_t>(lane)]], top);
        }
      }
    }
    std::copy_n(x, W, x_);
    return top;
  }

 private:
  [[gnu::always_inline]] static inline void step(uint32_t& x, const EncodeSymbol& s, uint16_t*& top) {
    // No branch: one symbol in four to twenty emits a word, which no predictor foresees.
    const uint32_t emit = x >= s.freq << (32 - P);
    top[-1] = static_cast<uint16_t>(x);
    top -= emit;
    const uint32_t y = emit ? x >> detail::kWordBits : x;
    const auto quotient = static_cast<uint32_t>(y * s.reciprocal >> (32 + P));
    // quotient * 2^p + remainder + start, with remainder = y - quotient * freq.
    x = y + s.start + quotient * ((1u << P) - s.freq);
  }

  const EncodeSymbol* symbols_;
  uint32_t* x_;
  uint16_t* top_;
};

template <int P>
uint16_t* encode_lanes(const EncodeSymbol* symbols, const uint32_t* coded, size_t n, int lanes,
                       uint32_t* states, uint16_t* top) {
  LaneEncoder<P> encoder(symbols, states, top);
  if (lanes == 1) return encoder.template run<1>(coded, n);
  return lanes == 4 ? encoder.template run<4>(coded, n) : encoder.template run<32>(coded, n);
}

// By precision - kMinPrecision: constant shifts, as in the decoder.
constexpr decltype(&encode_lanes<10>) kEncodeLanes[] = {encode_lanes<10>, encode_lanes<11>, encode_lanes<12>,
                                                        encode_lanes<13>, encode_lanes<14>, encode_lanes<15>,
                                                        encode_lanes<16>};

}  // namespace

int lanes_for(size_t coded_symbols) {
  if (coded_symbols >= kMinSymbolsFor32) return 32;
  return coded_symbols >= kMinSymbolsFor4 ? 4 : 1;
}

void encode(const CdfTable& table, std::span<const int32_t> symbols, std::span<const uint8_t> rows, int lanes,
            std::vector<uint8_t>& out) {
  if (symbols.size() != rows.size())
    throw std::invalid_argument("encode: as many rows as symbols are needed");
  if (lanes != 1 && lanes != 4 && lanes != 32)
    throw std::invalid_argument("encode: lanes must be 1, 4 or 32");
  Coded coded = gather(table, symbols, rows);
  if (coded.count == 0) return;

  // A symbol emits one word at most; one more is the scratch word that step() always writes.
  const auto words = std::make_unique_for_overwrite<uint16_t[]>(coded.count + 1);
  uint16_t* const end = words.get() + coded.count + 1;
  uint32_t states[kMaxLanes];
  std::fill(std::begin(states), std::end(states), kLowerBound);
  const uint16_t* const top = kEncodeLanes[table.precision() - kMinPrecision](
      table.encode_symbols(), coded.index.get(), coded.count, lanes, states, end);

  const std::vector<uint8_t>& raw = coded.raw.finish();
  const size_t word_count = static_cast<size_t>(end - top);
  out.reserve(out.size() + 10 + raw.size() + 4u * static_cast<size_t>(lanes) + 2 * word_count);
  put_varint(raw.size(), out);
  out.insert(out.end(), raw.begin(), raw.end());
  for (int lane = 0; lane < lanes; ++lane) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(states[lane] >> shift));
  }
  for (const uint16_t* word = top; word != end; ++word) {
    out.push_back(static_cast<uint8_t>(*word));
    out.push_back(static_cast<uint8_t>(*word >> 8));
  }
}

}  // namespace tessera::entropy
