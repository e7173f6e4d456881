// The motion searches of models/video/motion_search.h beside each other.
#pragma once

#include <string>

namespace tessera::exactness {

struct SearchSettings {
  std::string pack, device = "cpu", interpolation = "bicubic";
  int frames = 8, threads = 1;
  double penalty = 12;  // of a bit, in absolute differences of 8-bit samples
};

// For each clip and search: absolute difference a sample of what the vectors predict, bits a block, both together, milliseconds a frame. On a GPU: its search
// beside what the CPU finds in the same way. Returns the exit code: 1 where those two differ. Throws std::runtime_error.
int compare_searches(const SearchSettings& s);

}  // namespace tessera::exactness
