// A codec that takes a picture and gives it back as a decoder would show it.
#pragma once

#include <memory>
#include <string>

#include "apps/ffmpeg/frei0r/plugin.h"

namespace tessera::frei0r {

struct Coding {
  int quality = 32;    // 0 (smallest) .. 63 (best)
  std::string model;   // empty: the video codec where its weights are installed, otherwise still images
  std::string stream;  // file that receives the stream; empty: none
};

// One way through encoder and decoder, for pictures of one size.
class RoundTrip {
 public:
  virtual ~RoundTrip() = default;
  // Codes `in` (RGBA), writes what a decoder makes of it to `out` and the size of its packet to `bytes`. False: `message` says why.
  virtual bool code(const uint8_t* in, uint8_t* out, size_t& bytes, std::string& message) = 0;
};

// Null: `message` says why.
std::unique_ptr<RoundTrip> make_round_trip(const Coding& coding, Size size, std::string& message);
std::unique_ptr<RoundTrip> make_still_trip(const Coding& coding, Size size, std::string& message);
// `missing`: the weights are not installed.
std::unique_ptr<RoundTrip> make_video_trip(const Coding& coding, Size size, std::string& message, bool& missing);

}  // namespace tessera::frei0r
