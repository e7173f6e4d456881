// Plays a .tsr file as RGBA pictures, one after the other.
#pragma once

#include <memory>
#include <string>

#include "apps/ffmpeg/frei0r/plugin.h"

namespace tessera::frei0r {

class Player {
 public:
  virtual ~Player() = default;
  // Writes the next picture; behind the last one `rgba` stays as it is. False: `message` says why.
  virtual bool next(uint8_t* rgba, std::string& message) = 0;
};

// Null: `message` says why, also where the file's pictures have another size.
std::unique_ptr<Player> open_player(const std::string& path, Size size, std::string& message);

}  // namespace tessera::frei0r
