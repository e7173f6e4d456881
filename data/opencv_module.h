// What libtessera_opencv.so offers to data/opencv_bridge.cpp. Both are built together, from the same headers.
#pragma once

#include <cstddef>
#include <span>

#include "bitstream/status.h"
#include "data/picture.h"

namespace tessera::media {

// A module that was left over from another build is refused.
inline constexpr unsigned kOpencvModuleVersion = 1;

struct OpencvModule {
  unsigned version;
  size_t picture_bytes;  // sizeof(Picture)
  // `format` is for messages, `extension` has its dot.
  Result<Picture> (*decode)(std::span<const uint8_t> file, const char* format);
  Result<Bytes> (*encode)(const Picture& picture, const char* format, const char* extension);
  Result<Picture> (*half_size)(const Picture& picture);
};

}  // namespace tessera::media

extern "C" const tessera::media::OpencvModule* tessera_opencv_module();
