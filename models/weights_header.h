// The header of a weights file: a JSON object that describes the tensors (models/weights.h). Read event by event: nlohmann's values need memory to be
// destroyed and would end the program where there is none.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::models {

struct WeightsHeader {
  struct Tensor {
    std::string name;
    std::string type;               // "" where it is missing or no string
    std::vector<uint64_t> shape;    // at most kMaxDimensions
    std::vector<uint64_t> offsets;  // 2 of them
    bool right = false;             // all three are there and what they should be
  };
  static constexpr size_t kMaxDimensions = 8, kMaxTensors = 4096;

  std::map<std::string, std::string> metadata;
  bool has_metadata = false;
  std::vector<Tensor> tensors;  // as in the file
  std::string description;      // what the checksum covers besides the tensors' bytes: "name:JSON" and "key=value", a line each, in the order of the file

  // False where the text is not such an object: other JSON, keys twice, more keys than kMaxTensors, deep nesting, metadata that is no string, a NUL.
  static bool read(std::string_view text, WeightsHeader& header);
};

}  // namespace tessera::models
