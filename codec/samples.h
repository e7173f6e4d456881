// Between a caller's interleaved samples and the network's float tensors.
#pragma once

#include <ATen/ATen.h>

#include "codec/tessera.h"

namespace tessera {

// A rectangle of the picture, pixels.
struct Area {
  uint32_t x = 0, y = 0, width = 0, height = 0;
};

inline bool has_alpha(uint32_t channels) { return channels == 2 || channels == 4; }

// Colour of the area as [1, H, W, 3] float32 in 0..1 on the CPU; H, W rounded up to a multiple of `align` by repeating the
// last column and row. Grey becomes three equal channels.
// On a GPU, 8-bit colour travels as bytes and is converted there.
at::Tensor to_tensor(const ImageView& image, const Area& area, int64_t align, at::Device device);

// The inverse, from a tensor on any device: rounds to the picture's depth and writes the area. Grey takes the mean of the
// three channels. Alpha is not touched.
void from_tensor(const at::Tensor& x, const Area& area, Image& image);

// Alpha samples of the area in raster order.
std::vector<int32_t> read_alpha(const ImageView& image, const Area& area);
void write_alpha(const std::vector<int32_t>& alpha, const Area& area, Image& image);

}  // namespace tessera
