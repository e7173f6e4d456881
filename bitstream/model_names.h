// Numbers for well-known model names, so that naming one costs a byte (docs/bitstream.md, section 2.2).
#pragma once

#include <cstdint>
#include <string_view>

namespace tessera::bitstream {

// Empty when the number is not assigned.
std::string_view model_name(uint8_t number);

// 0 when the name has no number: the header then spells it out.
uint8_t model_number(std::string_view name);

// 1..63 characters of a-z 0-9 . _ -
bool is_model_name(std::string_view name);

}  // namespace tessera::bitstream
