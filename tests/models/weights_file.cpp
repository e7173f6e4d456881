#include "tests/models/weights_file.h"

#include <xxhash.h>

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace tessera::models::test {

std::string raw_file(const std::string& header, const std::string& data) {
  std::string file;
  for (int i = 0; i < 8; ++i)
    file.push_back(static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i)));
  return file + header + data;
}

std::string forged_file(const std::string& tensors, const std::string& data) {
  // Of a name that occurs twice the parser keeps one; which does not matter where duplicates are refused.
  const auto parsed = nlohmann::ordered_json::parse("{" + tensors + "}", nullptr, false);
  std::string covered = data + "model=m\n";
  if (parsed.is_object()) {
    for (const auto& [name, value] : parsed.items()) covered += name + ":" + value.dump() + "\n";
  }
  char checksum[17];
  std::snprintf(checksum, sizeof checksum, "%016llx",
                static_cast<unsigned long long>(XXH64(covered.data(), covered.size(), 0)));
  std::string header = R"({"__metadata__":{"model":"m","checksum":")" + std::string(checksum) + R"("})";
  if (!tensors.empty()) header += "," + tensors;
  return raw_file(header + "}", data);
}

}  // namespace tessera::models::test
