// YUV4MPEG2 out. Written here since FFmpeg 5.1's muxer keeps neither the range nor the chroma location.
#pragma once

#include <string>

#include "data/video_writer.h"

namespace tessera::media::av {

// The stream header line with its line end.
std::string y4m_header(const VideoWriterOptions& options);

inline constexpr char kY4mFrameLine[] = "FRAME\n";

}  // namespace tessera::media::av
