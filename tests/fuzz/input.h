// Takes a fuzzer's bytes apart: options from the front, the rest as the data under test. Beyond the end everything is 0, so that an empty
// input means the default options.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tessera::fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : bytes_(data, size) {}

  uint8_t u8() {
    const uint8_t value = bytes_.empty() ? uint8_t{0} : bytes_.front();
    bytes_ = bytes_.subspan(std::min<size_t>(1, bytes_.size()));
    return value;
  }
  uint16_t u16() {
    const uint8_t low = u8();
    return static_cast<uint16_t>(low | u8() << 8);
  }
  uint32_t u32() {
    const uint32_t low = u16();
    return low | uint32_t{u16()} << 16;
  }
  std::span<const uint8_t> bytes(size_t count) {
    const auto taken = bytes_.first(std::min(count, bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }
  std::span<const uint8_t> rest() const { return bytes_; }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace tessera::fuzz
