// The two checksums of the format (docs/bitstream.md, section 1).
#pragma once

#include <cstdint>
#include <span>

namespace tessera::bitstream {

// CRC-32C (Castagnoli). To go on over further bytes, pass the result so far as `previous`.
uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t previous = 0);

// The same by tables only: the reference that the hardware path is tested against.
uint32_t crc32c_portable(std::span<const uint8_t> bytes, uint32_t previous = 0);

// CRC-16/IBM-3740: any error of up to three bits in up to 4093 bytes is found.
uint16_t crc16(std::span<const uint8_t> bytes);

}  // namespace tessera::bitstream
