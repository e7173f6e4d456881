// Headers and files for the tests of the container, made from a seed.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "bitstream/file.h"

namespace tessera::bitstream::test {

std::vector<uint8_t> random_bytes(std::mt19937& random, size_t count);

// A valid header with random fields of every media kind.
FileHeader random_header(std::mt19937& random);

// A whole image: two tiles, metadata, sections with a checksum.
std::vector<uint8_t> sample_image();

// A whole video: key and predicted frames, time stamps, both checksums, an index when asked for.
std::vector<uint8_t> sample_video(bool with_index);

}  // namespace tessera::bitstream::test
