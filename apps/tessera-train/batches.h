// Random crops of a dataset pack, made on the device.
#pragma once

#include <ATen/ATen.h>

#include <string>

namespace tessera::train {

class Batches {
 public:
  // Loads the whole pack (data/pack.h) onto the device. Throws std::runtime_error.
  Batches(const std::string& path, at::Device device);

  int64_t pictures() const { return count_; }
  int64_t bytes() const { return pack_.numel(); }

  // [batch, crop, crop, 3] float32 in 0..1: pictures drawn by area, position, flips and transposition at random.
  at::Tensor sample(int64_t batch, int64_t crop) const;

  // A whole picture, [1, h, w, 3], cropped to multiples of `align` (centre).
  at::Tensor picture(int64_t i, int64_t align) const;

 private:
  int64_t count_ = 0;
  at::Tensor pack_, offset_, width_, height_, cumulative_;
  at::Tensor host_offset_, host_width_, host_height_;
};

}  // namespace tessera::train
