// Text on a picture, for figures and messages: white letters of 5 x 7 dots on a dark bar at the top.
#pragma once

#include <string_view>

#include "apps/ffmpeg/frei0r/plugin.h"

namespace tessera::frei0r {

// Lines that are too long go on below; what finds no room is cut.
void draw_text(std::string_view text, Size size, uint8_t* rgba);

}  // namespace tessera::frei0r
