#include "apps/ffmpeg/frei0r/plugin.h"

#include <cstdio>

namespace tessera::frei0r {

void Reporter::say(const std::string& sentence) {
  if (sentence == last_) return;
  last_ = sentence;
  std::fprintf(stderr, "tessera: %s\n", sentence.c_str());
}

bool check_size(unsigned width, unsigned height) {
  if (width > 0 && height > 0 && width % 4 == 0) return true;
  Reporter().say("frei0r needs a width that is a multiple of 4, and the picture has " + std::to_string(width) +
                 " columns; put a filter in front: crop=trunc(iw/4)*4:ih, or pad=ceil(iw/4)*4:ih");
  return false;
}

}  // namespace tessera::frei0r
