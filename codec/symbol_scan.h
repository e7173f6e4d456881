// What a frame's symbols are as a whole, from one look at them by all threads: their memory is what takes the time (12 MB of latents in a frame of 1920 x 1080).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tessera {

struct SymbolScan {
  size_t count = 0;
  int32_t lowest = 0, highest = 0;  // 0 is counted as one of the symbols
  uint32_t checksum = 0;            // CRC-32C of the symbols as little-endian integers
  // The largest magnitude, at most INT32_MAX.
  int32_t magnitude() const;
};

// `bytes`: either empty or as many as the symbols, which they become, those that do not fit cut off to their lowest eight bits.
SymbolScan scan_symbols(std::span<const int32_t> symbols, std::span<int8_t> bytes = {});

// How many rows are at least `skip_below`.
size_t count_coded(std::span<const uint8_t> rows, int skip_below);

}  // namespace tessera
