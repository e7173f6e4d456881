// The clips of a video pack in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::exactness {

struct Clip {
  uint32_t width = 0, height = 0;
  std::vector<std::vector<uint8_t>> frames;  // Y, Cb, Cr
};

// At most `frames` of each clip, 0: all. `to_and_fro`: shorter clips run backwards and forwards until there are so many. Throws std::runtime_error.
std::vector<Clip> read_clips(const std::string& pack, int frames, bool to_and_fro = false);

}  // namespace tessera::exactness
