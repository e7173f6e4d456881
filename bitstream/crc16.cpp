#include <array>

#include "bitstream/crc.h"

namespace tessera::bitstream {
namespace {

constexpr std::array<uint16_t, 256> make_table() {
  std::array<uint16_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000) ? 0x1021u : 0u);
    table[i] = static_cast<uint16_t>(crc);
  }
  return table;
}

constexpr auto kTable = make_table();

}  // namespace

uint16_t crc16(std::span<const uint8_t> bytes) {
  uint32_t crc = 0xFFFF;
  for (uint8_t byte : bytes) crc = ((crc << 8) ^ kTable[((crc >> 8) ^ byte) & 0xFF]) & 0xFFFF;
  return static_cast<uint16_t>(crc);
}

}  // namespace tessera::bitstream
