// Inside of the rANS decoder: what its loop over chunks shares with the kernels for scalar code, AVX2 and
// AVX-512.
#pragma once

#include <algorithm>
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

// Finishes a chunk of 32 lanes from position i (a multiple of 32), testing the bounds before every word.
bool decode_scalar_32_from(const DecodeView&, RansState&, Chunk&, size_t i);

// Bytes that one step of 32 lanes may load: a word for each lane.
inline constexpr ptrdiff_t kStepBytes = 2 * kMaxLanes;

// Calls run(stop) with the remaining words, when fewer than kStepBytes, moved into a buffer of zeros, so that
// a vector loop needs no masks for the end of the stream. False when `run` went beyond the real words.
template <typename Run>
[[gnu::always_inline]] inline bool run_padded(RansState& state, Run run) {
  const ptrdiff_t left = state.end - state.next;
  if (left >= kStepBytes) return true;
  uint8_t buffer[2 * kStepBytes] = {};
  std::copy_n(state.next, left, buffer);
  const uint8_t* const origin = state.next;
  state.next = buffer;
  run(buffer + sizeof buffer);
  const ptrdiff_t used = state.next - buffer;
  state.next = origin + std::min(used, left);
  return used <= left;
}

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

// Spreads the coded symbols over all positions, zeros where rows[i] < skip_below (1..255). `coded` is
// readable 16 beyond its end.
using ExpandSymbols = void (*)(std::span<const uint8_t> rows, int skip_below, const int32_t* coded,
                               int32_t* out);
void expand_symbols_scalar(std::span<const uint8_t> rows, int skip_below, const int32_t* coded, int32_t* out);
void expand_symbols_avx2(std::span<const uint8_t> rows, int skip_below, const int32_t* coded, int32_t* out);
void expand_symbols_avx512(std::span<const uint8_t> rows, int skip_below, const int32_t* coded, int32_t* out);

// The two for the processor, capped by TESSERA_SIMD.
struct Skipping {
  CompactRows compact;
  ExpandSymbols expand;
};
Skipping skipping();

struct Kernels {
  Kernel lanes_1;
  Kernel lanes_4;
  Kernel lanes_32;
  CompactRows compact;
  ExpandSymbols expand;
};

}  // namespace tessera::entropy::detail
