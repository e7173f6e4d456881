// Pictures that no camera makes: gratings, checkerboards, zone plates, colour bars, blocks, lines, letters, in full contrast and full colour.
// A model that has never seen them fails on them (docs/results/training.md), and test signals are what people feed a codec first.
#pragma once

#include <cstdint>
#include <vector>

namespace tessera::train {

struct PatternPicture {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> rgb;  // interleaved, rows without gaps
};

// `count` pictures of side x side, kind after kind; the same ones for the same seed on every machine.
std::vector<PatternPicture> make_patterns(int64_t count, int64_t side, uint32_t seed);

}  // namespace tessera::train
