// The network of overfitted video in libtorch's operators, with gradients: for training, and for decoding on a GPU.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "models/inr/video/video_network.h"

namespace tessera::models::inr {

// weights [parameter_count()], embeddings [B, E, h, w] as floats, codes [B, 2 F] (time_code() of each frame), shapes as stage_shapes() says
// -> [B, 6, H / 2, W / 2]: luma (0,0) (0,1) (1,0) (1,1), Cb, Cr.
at::Tensor video_forward(const VideoConfig& config, const std::vector<GridShape>& shapes, const at::Tensor& weights, const at::Tensor& embeddings, const at::Tensor& codes);

// time_code() of all frames of a group, [frames, 2 F].
at::Tensor time_codes(const VideoConfig& config);

}  // namespace tessera::models::inr
