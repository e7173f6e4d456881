// Video packs: many clips as raw 8-bit 4:2:0 frames in one file.
//
// Layout, little-endian: "TSVP", u32 version (1), u64 count of clips, u64 offset of the index, u64 XXH64 (seed 0) of the index; then
// the clips' frames without gaps, each as its planes Y, Cb, Cr; then the index: for each clip u32 width, u32 height (luma
// samples, even), u32 frames, u32 zero, u64 offset of its first frame in the file. A sample s stands for s / 255.
#pragma once

#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace tessera::train {

struct PackedClip {
  uint32_t width = 0, height = 0, frames = 0;
  uint64_t offset = 0;  // in the file
  uint64_t frame_bytes() const { return uint64_t{width} * height * 3 / 2; }
};

// The checked index of a pack. Throws std::runtime_error with the file's name and the cause.
struct VideoPackIndex {
  std::vector<PackedClip> clips;
  uint64_t data_begin = 0, data_end = 0;  // where all the frames lie
};
VideoPackIndex read_video_index(const std::string& path);

// Writes a pack frame by frame, under a temporary name until finish(). All methods throw std::runtime_error.
class VideoPackWriter {
 public:
  explicit VideoPackWriter(const std::string& path);
  ~VideoPackWriter();  // an unfinished pack is removed
  VideoPackWriter(const VideoPackWriter&) = delete;
  VideoPackWriter& operator=(const VideoPackWriter&) = delete;

  // Frames of one size follow; width, height even and positive.
  void begin_clip(uint32_t width, uint32_t height);
  // A frame of the present clip: its width * height * 3 / 2 samples.
  void add_frame(std::span<const uint8_t> samples);
  void finish();  // clips without frames are left out; a pack without clips is an error
  size_t clips() const { return clips_.size(); }

 private:
  std::string path_, partial_;
  std::ofstream out_;
  std::vector<PackedClip> clips_;
  uint64_t at_ = 0;
  bool finished_ = false;
};

}  // namespace tessera::train
