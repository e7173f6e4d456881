// What a reader accepts; checked before anything is allocated. All bounds are inclusive.
#pragma once

#include <cstdint>

namespace tessera::bitstream {

struct Limits {
  uint64_t max_pixels = uint64_t{1} << 28;     // width x height
  uint32_t max_dimension = 65535;              // pixels, each of width and height
  uint64_t max_metadata = uint64_t{64} << 20;  // bytes of all metadata packets together
  uint64_t max_tiles = 65536;                  // of one picture
  uint64_t max_packets = uint64_t{1} << 22;    // of one file
  uint64_t max_payload = uint64_t{1} << 31;    // bytes of one packet
  uint32_t max_audio_channels = 64;
};

}  // namespace tessera::bitstream
