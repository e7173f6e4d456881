// Inside of the rANS decoder: what its loop over chunks shares with the kernels for scalar code, AVX2 and
// AVX-512.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "entropy/rans.h"

namespace tessera::entropy::detail {

inline constexpr uint32_t kLowerBound = uint32_t{1} << 16;  // L: a state lies in [L, 2^32) between symbols
inline constexpr int kWordBits = 16;

// Symbols of one chunk; a multiple of every lane count, and small enough that its buffers stay in the first
// two caches.
inline constexpr size_t kChunk = 4096;

// States and the place in the word stream, carried from chunk to chunk.
struct RansState {
  alignas(64) uint32_t x[kMaxLanes];
  const uint8_t* next;  // next word
  const uint8_t* end;   // of the words; an odd last byte is never read
};

// One chunk of coded symbols (none skipped).
struct Chunk {
  const uint8_t* rows;  // [n]
  size_t n;             // a multiple of the lane count, save in the last chunk
  int32_t* out;         // [n]
  // Positions whose symbol the kernel could not give (escapes, far tails), ascending; out[] holds their slot
  // instead.
  uint16_t* aside;  // [n + 16], the rest is scratch for vector stores
  size_t aside_count;
};

// Decodes one chunk. False when the words ran out.
using Kernel = bool (*)(const DecodeView&, RansState&, Chunk&);
bool decode_scalar_1(const DecodeView&, RansState&, Chunk&);
bool decode_scalar_4(const DecodeView&, RansState&, Chunk&);
bool decode_scalar_32(const DecodeView&, RansState&, Chunk&);
bool decode_avx2_32(const DecodeView&, RansState&, Chunk&);
bool decode_avx512_32(const DecodeView&, RansState&, Chunk&);

// Copies the rows >= skip_below to `out` until `capacity` are found or the input ends; returns the positions
// consumed. `out` has room for 8 bytes beyond capacity.
struct Compaction {
  size_t consumed;
  size_t coded;
};
using CompactRows = Compaction (*)(std::span<const uint8_t> rows, int skip_below, uint8_t* out,
                                   size_t capacity);
Compaction compact_rows_scalar(std::span<const uint8_t> rows, int skip_below, uint8_t* out, size_t capacity);
Compaction compact_rows_bmi2(std::span<const uint8_t> rows, int skip_below, uint8_t* out, size_t capacity);

// Spreads the coded symbols over all positions, zeros where rows[i] < skip_below. `coded` is readable 16
// beyond its end.
using ExpandSymbols = void (*)(std::span<const uint8_t> rows, int skip_below, const int32_t* coded,
                               int32_t* out);
void expand_symbols_scalar(std::span<const uint8_t> rows, int skip_below, const int32_t* coded, int32_t* out);
void expand_symbols_avx512(std::span<const uint8_t> rows, int skip_below, const int32_t* coded, int32_t* out);

struct Kernels {
  Kernel lanes_1;
  Kernel lanes_4;
  Kernel lanes_32;
  CompactRows compact;
  ExpandSymbols expand;
};

}  // namespace tessera::entropy::detail
