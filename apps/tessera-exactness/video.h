// The exactness matrix, drift and speed of the video codec, on clips of a video pack (apps/tessera-train/video_pack.h): no FFmpeg needed, so that it
// runs on a machine that has a GPU and little else.
#pragma once

#include <string>
#include <vector>

#include "bitstream/status.h"
#include "codec/video.h"

namespace tessera::exactness {

struct VideoSettings {
  std::string pack, folder, device = "cpu", model = "motion", weights;
  int threads = 0, frames = 0, quality = 32, repeat = 3;
  std::vector<int> qualities = {8, 24, 40, 56};
  PixelPrecision precision = PixelPrecision::automatic;
  bool repeat_clip = false;  // to and fro until there are `frames` of them
};

// One stream a clip and quality into the folder, encoded on the device, one key frame each. Returns the exit code; throws std::runtime_error.
int encode_clips(const VideoSettings& s);
// Decodes all streams of the folder on the device, symbols only; 1 where a checksum is wrong.
int check_clips(const VideoSettings& s);
// Decodes all streams of the folder on the CPU and on the GPU side by side: how far the pictures differ, frame after frame.
int drift_of_clips(const VideoSettings& s);
// Frames a second in this process: the fastest of `repeat` rounds after one that warms up.
int speed_of_clips(const VideoSettings& s);

}  // namespace tessera::exactness
