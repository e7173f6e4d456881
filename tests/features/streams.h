// Valid streams that together use every feature of the format, on networks of a few thousand parameters: a small set in the manner of Argon's for AV1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::test {

struct FeatureStream {
  std::string name;  // "image-3x8-tile64-checksum-metadata": a file name without its extension
  std::vector<uint8_t> bytes;
};

// Writes the weights to the empty folder and encodes with them. A failure fails the test.
std::vector<FeatureStream> feature_streams(const std::string& folder);

}  // namespace tessera::test
