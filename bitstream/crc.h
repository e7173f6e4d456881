// The two checksums of the format (docs/bitstream.md, section 1).
#pragma once

#include <cstdint>
#include <span>

namespace tessera::bitstream {

// CRC-32C (Castagnoli). To go on over further bytes, pass the result so far as `previous`.
uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t previous = 0);

// The same by tables only: the reference that the hardware path is tested against.
uint32_t crc32c_portable(std::span<const uint8_t> bytes, uint32_t previous = 0);

// Of two pieces in a row, from the CRC-32C of each and the length of the second: pieces may be summed up at the same time.
uint32_t crc32c_joined(uint32_t first, uint32_t second, uint64_t second_bytes);

// CRC-16/IBM-3740: any error of up to three bits in up to 4093 bytes is found.
uint16_t crc16(std::span<const uint8_t> bytes);

}  // namespace tessera::bitstream
