// From finer chroma to 4:2:0.
#pragma once

#include "data/video_frame.h"

namespace tessera::media {

// 4:2:2 and 4:4:4 become 4:2:0 whose chroma samples lie to the left, between two rows (Chroma420SampleLocType 0): [1 2 1] / 4 along a
// row, the mean of two rows. `to` keeps its memory from call to call; 4:2:0 is copied.
void to_yuv420(const VideoFrame& from, VideoFrame& to);

}  // namespace tessera::media
