#include "models/inr/parameter_coding.h"

#include "models/inr/symbol_coder.h"

namespace tessera::models::inr {

std::vector<std::byte> code_parts(std::span<const std::vector<int32_t>* const> parts, std::span<const uint8_t> scales) {
  SymbolEncoder coder;
  for (size_t p = 0; p < parts.size(); ++p) {
    for (const int32_t v : *parts[p]) coder.put(v, scales[p], 0);
  }
  return coder.finish();
}

Status decode_parts(std::span<const std::byte> bytes, std::span<const uint8_t> scales, std::span<std::vector<int32_t>* const> parts) {
  SymbolDecoder coder(bytes);
  for (size_t p = 0; p < parts.size(); ++p) {
    for (int32_t& v : *parts[p]) {
      const auto value = coder.get(scales[p], 0);
      if (!value) return {ErrorCode::corrupt, "a parameter of the network is out of range"};
      v = *value;
    }
  }
  if (!coder.at_end()) return {ErrorCode::corrupt, "the network's parameters are damaged"};
  return {};
}

}  // namespace tessera::models::inr
