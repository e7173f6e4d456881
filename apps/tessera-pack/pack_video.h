// Video files into a video pack (apps/tessera-train/video_pack.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bitstream/status.h"
#include "data/video_frame.h"

namespace tessera::train {

struct PackVideoOptions {
  uint32_t max_side = 0;       // larger pictures are made smaller by averaging, by 2, 3, ... until no side is longer; 0: never
  uint64_t max_frames = 0;     // of each file; 0: all
  uint64_t clip_frames = 0;    // a new clip begins every so many frames; 0: never
};

// 8-bit 4:2:0 of any frame: 10 bits are rounded, denser chroma averaged, odd sides lose their last row or column, each `shrink` x
// `shrink` samples become their mean. Precondition: both sides >= 2 * shrink.
std::vector<uint8_t> packed_samples(const media::VideoFrame& frame, uint32_t shrink, uint32_t* width, uint32_t* height);

// One clip for each file, in the order given. A file that cannot be read is an error and leaves no pack. Returns the number of clips.
Result<size_t> pack_video(const std::string& path, const std::vector<std::string>& files, const PackVideoOptions& options);

}  // namespace tessera::train
