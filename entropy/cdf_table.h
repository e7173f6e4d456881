// Integer probability tables of the entropy coder.
//
// A table holds up to 256 rows; a row is the distribution of one symbol: integer frequencies that sum to
// exactly 2^precision over a contiguous support [min_symbol, max_symbol] plus one escape slot, which stands
// for every other int32 value. Rows are integers because the decoder must rebuild them bit by bit: they come
// from the format revision or from a weights file, never from floating-point arithmetic at run time.
//
// A CdfTable is checked once, when it is built, and is immutable afterwards: it may be shared by threads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tessera::entropy {

inline constexpr int kMinPrecision = 10;  // bits
inline constexpr int kMaxPrecision = 16;  // bits; start and frequency of a symbol then still fit 16 bits each
inline constexpr int kMaxRows = 256;      // a row number is a uint8_t
inline constexpr int kMaxSupport =
    4096;  // symbols of a row without the escape: bounds the memory of a hostile table

// What the encoder needs of one symbol. x / freq == (x * reciprocal) >> (32 + precision) for every state that
// the encoder can hold at that point (see rans_encode.cpp), so that encoding divides nowhere.
struct EncodeSymbol {
  uint64_t reciprocal;  // ceil(2^(32 + precision) / freq)
  uint32_t start;       // sum of the frequencies before this symbol, in [0, 2^precision)
  uint32_t freq;        // in [1, 2^precision)
};

struct EncodeRow {
  int32_t min_symbol;
  uint32_t escape;  // index of the escape; also the number of symbols
  uint32_t offset;  // of index 0 in encode_symbols()
};

// How the decoder finds a symbol from a slot in [0, 2^precision). All pointers belong to the CdfTable.
//
// direct != nullptr: one load. direct[row << precision | slot] = code:8 | bias:12 | freq:12, bias = slot -
// start.
//   The symbol is code + code_base; code kAsideCode marks the escape and the symbols too far out for 8 bits,
//   both rare, which are then searched for in `starts`.
// otherwise: buckets[row << kBucketBits | slot >> (precision - kBucketBits)] is the first symbol index of
// that bucket; a
//   short scan over starts[row * stride + index] = freq:16 | start:16 finishes the search.
struct DecodeView {
  static constexpr uint32_t kAsideCode = 255;
  static constexpr int kBucketBits = 10;
  const uint32_t* direct = nullptr;
  const uint16_t* buckets = nullptr;
  const uint32_t* starts = nullptr;     // [rows][stride], ascending, unused tail zero
  const int32_t* min_symbol = nullptr;  // [rows]
  const uint16_t* entries = nullptr;    // [rows], symbols plus escape
  uint32_t stride = 0;
  int32_t code_base = 0;
  int32_t precision = 0;
  int32_t rows = 0;
};

class CdfTable {
 public:
  struct Row {
    int32_t min_symbol = 0;
    std::vector<uint32_t>
        freq;  // of min_symbol, min_symbol + 1, ...; the LAST entry is the escape. Each >= 1.
  };

  // precision: 10..16 bits. rows: 1..256, each with 1..4096 symbols and the escape, each summing to
  // 2^precision. skip_below: 0..rows; rows with a smaller index are not coded, their symbol is always 0.
  // Returns nothing, and a sentence in *error when error is not null, if any of this does not hold.
  static std::optional<CdfTable> create(int precision, std::vector<Row> rows, int skip_below,
                                        std::string* error);

  int precision() const { return precision_; }
  int rows() const { return static_cast<int>(rows_.size()); }
  int skip_below() const { return skip_below_; }
  const Row& row(int index) const { return rows_[static_cast<size_t>(index)]; }

  // Ideal cost of `symbol` in bits, the raw bits of an escaped value included. A row below skip_below() costs
  // nothing for 0 and is infinite for everything else.
  double bits(int row, int32_t symbol) const;

  // For the coder's kernels. Symbol v of row r is encode_symbols()[encode_rows()[r].offset + min(v -
  // min_symbol, escape)], the difference taken as unsigned.
  DecodeView decode_view() const;
  std::span<const EncodeRow> encode_rows() const { return encode_rows_; }
  const EncodeSymbol* encode_symbols() const { return encode_.data(); }

 private:
  CdfTable() = default;
  void build_encoder();
  void build_decoder();
  void build_direct();
  void build_buckets();
  double aside_share() const;

  int precision_ = 0;
  int skip_below_ = 0;
  std::vector<Row> rows_;
  std::vector<int32_t> min_symbol_;
  std::vector<uint16_t> entries_;
  std::vector<EncodeRow> encode_rows_;
  std::vector<EncodeSymbol> encode_;
  uint32_t stride_ = 0;
  int32_t code_base_ = 0;
  std::vector<uint32_t> starts_;
  std::vector<uint32_t> direct_;
  std::vector<uint16_t> buckets_;
};

// Float probabilities to an integer row; for tools and trainers, never on the decoding side.
// pmf[i] is the probability of min_symbol + i, tail_mass that of everything else (the escape). The values
// need not sum to one; negative ones and NaN count as zero. Every frequency is at least 1. Uses only +, -, *,
// / on doubles, so that the result is the same on every IEEE 754 machine. Throws std::invalid_argument when
// pmf is empty or does not fit 2^precision slots.
CdfTable::Row quantise_pmf(int precision, int32_t min_symbol, std::span<const double> pmf, double tail_mass);

}  // namespace tessera::entropy
