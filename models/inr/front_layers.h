// The front ends of front.h in libtorch's operators, with gradients: for training, on a CPU and on a GPU.
#pragma once

#include <ATen/ATen.h>

#include "models/inr/config.h"

namespace tessera::models::inr {

class FrontLayers {
 public:
  FrontLayers() = default;
  // For pictures of height x width on the device.
  FrontLayers(const Config& config, int64_t height, int64_t width, const at::Device& device);

  // u [G, H W]; the parts of network.h, flat -> [features, H W].
  at::Tensor forward(const at::Tensor& u, const at::Tensor& places, const at::Tensor& shapes, const at::Tensor& values) const;

  // Parts to start from, flat. rbf: functions lie where the picture [O, H, W] changes most (the paper's placing by the gradient).
  at::Tensor first_places(const at::Tensor& picture, uint64_t seed) const;
  at::Tensor first_shapes() const;

 private:
  at::Tensor rbf(const at::Tensor& places, const at::Tensor& shapes, const at::Tensor& values) const;
  at::Tensor metric(const at::Tensor& u, const at::Tensor& directions, const at::Tensor& values) const;

  Config config_;
  int64_t height_ = 0, width_ = 0;
  at::Tensor cells_;                    // rbf: [9 H W] the nine cells around each pixel; rows * columns stands for none
  at::Tensor x_, y_;                    // rbf: [9, H W] from the middles of those cells, in cells
  std::vector<at::Tensor> rows_, columns_;  // metric: for each order [H, rows], [columns, W]
};

}  // namespace tessera::models::inr
