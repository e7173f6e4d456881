// Interleaved rANS coder for integer symbols with one CdfTable row per symbol.
//
// Asymmetric numeral systems: J. Duda, arXiv 1311.2540. Several states over one stream: F. Giesen,
// "Interleaved entropy coders", arXiv 1402.3392. State 32 bits, renormalised by 16-bit words, lower bound L =
// 2^16.
//
// A section (all numbers little-endian), empty when no symbol is coded:
//
//   varint   bytes of raw bits (LEB128, shortest form)
//   bytes    raw bits: escaped values, in symbol order, Exp-Golomb, zero padding (raw_bits.h)
//   u32 x W  the states from which decoding starts, lane 0 first, each >= L
//   u16 ...  renormalisation words in reading order
//
// Coded symbol number i (skipped ones do not count) belongs to lane i mod W. Lanes decode in the order
// 0..W-1; a lane whose state falls below L takes the next word at once. This order is the format: a scalar
// loop, AVX2, AVX-512 and a GPU warp read the same bytes. At the end every state must be L again and nothing
// may be left over: a free integrity check.
//
//   std::vector<uint8_t> bytes;
//   int lanes = lanes_for(symbols.size());
//   encode(table, symbols, rows, lanes, bytes);
//   if (decode(table, bytes, rows, lanes, symbols_out) != DecodeError::none) { /* damaged */ }
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "entropy/cdf_table.h"

namespace tessera::entropy {

inline constexpr int kMaxLanes = 32;

// 1, 4 or 32. A lane costs three to four bytes: 32 lanes are for large sections only. Encoder's choice; the
// container stores it, the coder does not.
int lanes_for(size_t coded_symbols);

// Appends one section to `out`. symbols[i], any int32, is coded with row rows[i]; where rows[i] < skip_below
// the symbol must be 0 and costs nothing. Deterministic. Throws std::invalid_argument on a programmer's
// error: sizes differ, lanes not in {1, 4, 32}, a row out of range, a skipped symbol that is not 0; `out` is
// then unchanged.
void encode(const CdfTable& table, std::span<const int32_t> symbols, std::span<const uint8_t> rows, int lanes,
            std::vector<uint8_t>& out);

// truncated: the section ends too early. corrupt: anything else that an encoder cannot have written, and a
// row number or a lane count out of range.
enum class DecodeError { none, truncated, corrupt };

// Instruction set of the decoder; the result is the same for all. A level that the processor or the lane
// count does not support falls back to the next lower one. The environment variable
// TESSERA_SIMD=scalar|avx2|avx512 caps `best`.
enum class Simd { scalar, avx2, avx512, best };

// The level that decode() would use for 32 lanes.
Simd simd_level(Simd wanted = Simd::best);

// Decodes the section `data` (exactly: not a byte more) into symbols_out, as many symbols as rows. Reads
// nothing outside of `data`, whatever it contains, allocates nothing, and runs in time linear in rows.size()
// + data.size(). After an error the content of symbols_out is unspecified. Throws std::invalid_argument when
// the two spans' sizes differ.
DecodeError decode(const CdfTable& table, std::span<const uint8_t> data, std::span<const uint8_t> rows,
                   int lanes, std::span<int32_t> symbols_out, Simd simd = Simd::best);

}  // namespace tessera::entropy
