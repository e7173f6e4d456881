// Clips for training, made on the device: pieces of a video pack, and pictures set in motion.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "models/video/planes.h"

namespace tessera::train {

// A video pack (video_pack.h), wholly in the device's memory.
class VideoClips {
 public:
  VideoClips(const std::string& path, at::Device device);  // throws std::runtime_error

  int64_t clips() const { return static_cast<int64_t>(host_.size()); }
  int64_t frames() const { return frames_; }
  int64_t frames_of(int64_t clip) const { return host_[static_cast<size_t>(clip)].frames; }
  int64_t width_of(int64_t clip) const { return host_[static_cast<size_t>(clip)].width; }
  int64_t height_of(int64_t clip) const { return host_[static_cast<size_t>(clip)].height; }

  // y [batch,frames,1,crop,crop], uv [batch,frames,2,crop/2,crop/2], 0..1: clips drawn by samples, place and time at random, at
  // one to `skip` times the speed (most at single speed), forwards or backwards, mirrored and transposed
  // at random. Clips that are too short run to and fro; sides that are too short repeat their last samples.
  models::Planes sample(int64_t batch, int64_t frames, int64_t crop, int64_t skip) const;

  // A whole frame: y [1,1,H,W].
  models::Planes frame(int64_t clip, int64_t index) const;

 private:
  struct Clip {
    int64_t width, height, frames, offset;
  };
  std::vector<Clip> host_;
  int64_t frames_ = 0;
  at::Tensor bytes_, width_, height_, count_, offset_, cumulative_;
};

// Pictures of a picture pack (data/pack.h) set in motion: a background that pans, turns and zooms steadily, half of them magnified, an object with a soft edge
// out of another picture that moves by itself, a fade, noise like a camera's. Limited-range BT.709 in 8 bits.
class MovingPictures {
 public:
  // `patterns`: share of the draws, from 0 to less than 1, that are test patterns (patterns.h) instead of the pack's pictures.
  MovingPictures(const std::string& path, at::Device device, double patterns = 0);  // throws std::runtime_error
  int64_t pictures() const { return count_; }  // of the pack
  // Shapes as of VideoClips::sample. One frame: a still crop.
  models::Planes sample(int64_t batch, int64_t frames, int64_t crop) const;

 private:
  struct Layer {
    at::Tensor rgb;  // [batch*frames, 3, crop, crop], 0..1
  };
  Layer layer(int64_t batch, int64_t frames, int64_t crop, double speed) const;

  int64_t count_ = 0;
  at::Tensor pixels_;  // uint8 [n,3], all pictures
  at::Tensor offset_, width_, height_, cumulative_;
};

// Limited-range BT.709, rounded to 8 bits: rgb [N,3,H,W] in 0..1 -> planes in 0..1.
models::Planes to_video(const at::Tensor& rgb);

// Samples in 0..1, clamped and rounded to the steps of 8 bits.
at::Tensor in_8_bits(const at::Tensor& x);

}  // namespace tessera::train
