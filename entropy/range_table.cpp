#include "entropy/range_table.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>

#include "entropy/rans_kernels.h"
#include "entropy/raw_bits.h"

namespace tessera::entropy {
namespace {

constexpr int kBit = 1;  // precision of one raw bit

void put_bit(RangeEncoder& coder, uint64_t bit) { coder.put(static_cast<uint32_t>(bit), 1, kBit); }

uint32_t get_bit(RangeDecoder& coder) {
  const uint32_t bit = coder.slot(kBit);
  coder.advance(bit, 1, kBit);
  return bit;
}

void put_escape(RangeEncoder& coder, uint64_t code) {
  const int width = static_cast<int>(std::bit_width(code + 1));
  for (int i = 1; i < width; ++i) put_bit(coder, 0);
  for (int i = width - 1; i >= 0; --i) put_bit(coder, (code + 1) >> i & 1);
}

bool get_escape(RangeDecoder& coder, uint64_t& code) {
  int zeros = 0;
  while (get_bit(coder) == 0) {
    if (++zeros == kMaxEscapeWidth) return false;
  }
  uint64_t value = 1;
  for (int i = 0; i < zeros; ++i) value = value << 1 | get_bit(coder);
  code = value - 1;
  return true;
}

// Index and interval of the symbol that owns a slot.
struct Found {
  uint32_t index, start, frequency;
};

Found find(const DecodeView& view, size_t row, uint32_t slot) {
  const uint32_t* starts = view.starts + row * view.stride;
  if (view.direct != nullptr) {
    const uint32_t entry = view.direct[row << view.precision | slot], code = entry >> 24;
    if (code != DecodeView::kAsideCode) {
      const uint32_t index = static_cast<uint32_t>(view.code_base) + code - static_cast<uint32_t>(view.min_symbol[row]);
      return {index, slot - (entry >> 12 & 0xfff), entry & 0xfff};
    }
    const uint32_t* after = std::upper_bound(starts, starts + view.entries[row], slot, [](uint32_t s, uint32_t e) { return s < (e & 0xffff); });
    return {static_cast<uint32_t>(after - starts - 1), after[-1] & 0xffff, after[-1] >> 16};
  }
  uint32_t index = view.buckets[(row << DecodeView::kBucketBits) + (slot >> (view.precision - DecodeView::kBucketBits))];
  // Ends: the frequencies of a row sum to 2^precision > slot.
  while (slot - (starts[index] & 0xffff) >= starts[index] >> 16) ++index;
  return {index, starts[index] & 0xffff, starts[index] >> 16};
}

// Where everything is skipped, and right to be. The loop vectorises.
constexpr size_t kRun = 16;
bool skipped(std::span<const uint8_t, kRun> rows, std::span<const int32_t, kRun> symbols, int skip_below) {
  uint8_t highest = 0;
  int32_t bits = 0;
  for (size_t k = 0; k < kRun; ++k) {
    highest = std::max(highest, rows[k]);
    bits |= symbols[k];
  }
  return highest < skip_below && bits == 0;
}

// Symbols with rows that are all coded.
bool get_coded(const DecodeView& view, std::span<const uint8_t> rows, RangeDecoder& coder, int32_t* symbols) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const int row = rows[i];
    if (row >= view.rows) return false;
    const Found found = find(view, static_cast<size_t>(row), coder.slot(view.precision));
    coder.advance(found.start, found.frequency, view.precision);
    const int64_t support = view.entries[row] - 1;
    int64_t symbol = int64_t{view.min_symbol[row]} + found.index;
    if (found.index == support) {
      uint64_t code = 0;
      if (!get_escape(coder, code)) return false;
      symbol = code_to_escape(code, view.min_symbol[row], support);
      using Limits = std::numeric_limits<int32_t>;
      if (symbol < Limits::min() || symbol > Limits::max()) return false;
    }
    symbols[i] = static_cast<int32_t>(symbol);
  }
  return true;
}

}  // namespace

void put_symbols(const CdfTable& table, std::span<const int32_t> symbols, std::span<const uint8_t> rows, RangeEncoder& coder) {
  if (symbols.size() != rows.size()) throw std::invalid_argument("put_symbols: as many rows as symbols are needed");
  const int skip = table.skip_below();
  for (size_t i = 0; i < symbols.size(); ++i) {
    const int row = rows[i];
    if (row < skip) {
      if (symbols[i] != 0) throw std::invalid_argument("put_symbols: a skipped symbol is not 0");
      // Most positions of large frames are skipped, and lie together.
      while (i + 1 + kRun <= symbols.size() && skipped(rows.subspan(i + 1).first<kRun>(), symbols.subspan(i + 1).first<kRun>(), skip)) i += kRun;
      continue;
    }
    if (row >= table.rows()) throw std::invalid_argument("put_symbols: a row is out of range");
    const EncodeRow& r = table.encode_rows()[static_cast<size_t>(row)];
    const uint32_t index = std::min(static_cast<uint32_t>(symbols[i]) - static_cast<uint32_t>(r.min_symbol), r.escape);
    const EncodeSymbol& s = table.encode_symbols()[r.offset + index];
    coder.put(s.start, s.freq, table.precision());
    if (index == r.escape) put_escape(coder, escape_to_code(symbols[i], r.min_symbol, r.escape));
  }
}

bool get_symbols(const CdfTable& table, std::span<const uint8_t> rows, RangeDecoder& coder, std::span<int32_t> symbols) {
  if (symbols.size() != rows.size()) throw std::invalid_argument("get_symbols: as many rows as symbols are needed");
  const DecodeView view = table.decode_view();
  const int skip = table.skip_below();
  if (skip == 0) return get_coded(view, rows, coder, symbols.data());
  if (skip == kMaxRows) {  // nothing is coded, and the skipping kernels compare 8-bit numbers
    std::fill(symbols.begin(), symbols.end(), 0);
    return true;
  }
  // As in rans_decode.cpp: skipped positions are taken out, chunk by chunk, and put back.
  const detail::Skipping skipping = detail::skipping();
  uint8_t coded_rows[detail::kChunk + 64];
  int32_t coded[detail::kChunk + 64];
  for (size_t at = 0; at < rows.size();) {
    const detail::Compaction found = skipping.compact(rows.subspan(at), skip, coded_rows, detail::kChunk);
    if (!get_coded(view, {coded_rows, found.coded}, coder, coded)) return false;
    skipping.expand(rows.subspan(at).first(found.consumed), skip, coded, symbols.data() + at);
    at += found.consumed;
  }
  return true;
}

}  // namespace tessera::entropy
