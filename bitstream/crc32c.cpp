#include <array>
#include <cstring>

#include "bitstream/crc.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace tessera::bitstream {
namespace {

using Tables = std::array<std::array<uint32_t, 256>, 4>;

// tables[k][b]: the effect of byte b when k more bytes of the same step follow it ("slicing by four").
constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
    tables[0][i] = crc;
  }
  for (size_t k = 1; k < 4; ++k) {
    for (size_t i = 0; i < 256; ++i) {
      tables[k][i] = (tables[k - 1][i] >> 8) ^ tables[0][tables[k - 1][i] & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

#if defined(__x86_64__)
// The instruction gives a result after three cycles and can begin one in each: three parts of long data run side by side.
constexpr size_t kPart = 2048;  // bytes, a multiple of 8

// The effect of kPart bytes of zeros on a register, for each of its bytes.
constexpr Tables make_shift() {
  std::array<uint32_t, 32> basis{};
  for (uint32_t bit = 0; bit < 32; ++bit) {
    uint32_t crc = 1u << bit;
    for (size_t i = 0; i < kPart; ++i) crc = (crc >> 8) ^ kTables[0][crc & 0xFF];
    basis[bit] = crc;
  }
  Tables shift{};
  for (size_t byte = 0; byte < 4; ++byte) {
    for (size_t value = 0; value < 256; ++value) {
      for (size_t bit = 0; bit < 8; ++bit) {
        if (value >> bit & 1) shift[byte][value] ^= basis[8 * byte + bit];
      }
    }
  }
  return shift;
}

uint32_t shifted(uint64_t crc) {
  static constexpr Tables kShift = make_shift();
  return kShift[0][crc & 0xFF] ^ kShift[1][crc >> 8 & 0xFF] ^ kShift[2][crc >> 16 & 0xFF] ^ kShift[3][crc >> 24 & 0xFF];
}

__attribute__((target("sse4.2"))) uint32_t crc32c_sse42(std::span<const uint8_t> bytes, uint32_t previous) {
  uint64_t crc = ~previous;
  const uint8_t* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 3 * kPart; left -= 3 * kPart, p += 3 * kPart) {
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < kPart; i += 8) {
      uint64_t a, b, c;
      std::memcpy(&a, p + i, 8);
      std::memcpy(&b, p + kPart + i, 8);
      std::memcpy(&c, p + 2 * kPart + i, 8);
      crc = _mm_crc32_u64(crc, a);
      second = _mm_crc32_u64(second, b);
      third = _mm_crc32_u64(third, c);
    }
    crc = shifted(shifted(crc) ^ second) ^ third;
  }
  for (; left >= 8; left -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto tail = static_cast<uint32_t>(crc);
  for (; left > 0; --left, ++p) tail = _mm_crc32_u8(tail, *p);
  return ~tail;
}
#endif

constexpr uint32_t kPolynomial = 0x82F63B78u;  // mirrored: bit 31 is the power 0

// The product of two polynomials, modulo the CRC's.
uint32_t product(uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  for (; a != 0; a <<= 1) {
    if (a >> 31) sum ^= b;
    b = (b >> 1) ^ ((b & 1) ? kPolynomial : 0u);
  }
  return sum;
}

}  // namespace

uint32_t crc32c_joined(uint32_t first, uint32_t second, uint64_t second_bytes) {
  // The first is moved on by as many zeros: times x^(8 n). The inversions of both ends cancel.
  uint32_t power = uint32_t{1} << 23;  // x^8
  for (; second_bytes != 0; second_bytes >>= 1, power = product(power, power)) {
    if (second_bytes & 1) first = product(power, first);
  }
  return first ^ second;
}

uint32_t crc32c_portable(std::span<const uint8_t> bytes, uint32_t previous) {
  uint32_t crc = ~previous;
  size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    crc ^= uint32_t{bytes[i]} | uint32_t{bytes[i + 1]} << 8 | uint32_t{bytes[i + 2]} << 16 |
           uint32_t{bytes[i + 3]} << 24;
    crc = kTables[3][crc & 0xFF] ^ kTables[2][(crc >> 8) & 0xFF] ^ kTables[1][(crc >> 16) & 0xFF] ^
          kTables[0][crc >> 24];
  }
  for (; i < bytes.size(); ++i) crc = (crc >> 8) ^ kTables[0][(crc ^ bytes[i]) & 0xFF];
  return ~crc;
}

uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t previous) {
#if defined(__x86_64__)
  static const bool hardware = __builtin_cpu_supports("sse4.2") != 0;
  if (hardware) return crc32c_sse42(bytes, previous);
#endif
  return crc32c_portable(bytes, previous);
}

}  // namespace tessera::bitstream
