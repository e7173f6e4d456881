// Symbols of CdfTable rows through the one-lane range coder: for payloads of some dozen bytes to some kilobytes, where the lanes, states
// and lengths of a rANS section (rans.h) would weigh more than what they save in time. Several tables may share one coder, one after
// the other, so that a whole frame of video costs one byte of overhead.
//
// A row's escape is followed by the value: the code of raw_bits.h in order-0 Exp-Golomb, bit by bit, each of probability 1/2.
#pragma once

#include <cstdint>
#include <span>

#include "entropy/cdf_table.h"
#include "entropy/range_coder.h"

namespace tessera::entropy {

// symbols[i], any int32, with row rows[i]; rows below skip_below() are not coded, their symbol must be 0. Throws std::invalid_argument
// on a programmer's error: sizes differ, a row out of range, a skipped symbol that is not 0.
void put_symbols(const CdfTable& table, std::span<const int32_t> symbols, std::span<const uint8_t> rows, RangeEncoder& coder);

// The inverse. False when an escape has a value that no encoder writes, or a row is out of range; `symbols` is then unspecified. Time is
// linear in the number of symbols whatever the bytes are; RangeDecoder::at_end() shows whether they were right.
[[nodiscard]] bool get_symbols(const CdfTable& table, std::span<const uint8_t> rows, RangeDecoder& coder, std::span<int32_t> symbols);

}  // namespace tessera::entropy
