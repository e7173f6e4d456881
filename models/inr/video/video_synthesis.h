// From embeddings to frames, in plain C++ (the decoder's side; the trainer's is video_forward.h). The pixel path: floats.
#pragma once

#include <vector>

#include "models/inr/video/video_kernels.h"
#include "models/inr/video/video_network.h"

namespace tessera::models::inr {

// A frame of 2 h x 2 w luma and h x w chroma samples, h and w half of the picture's sides, rounded up; about 0..1, not clamped.
struct VideoPlanes {
  GridShape shape;       // of chroma
  std::vector<float> y;  // [2 h][2 w]
  std::vector<float> uv; // [2][h][w]
};

class VideoSynthesis {
 public:
  // For pictures of height x width luma samples.
  VideoSynthesis(const VideoNetwork& network, int64_t height, int64_t width, const VideoKernels& kernels = best_video_kernels());

  // Frame `index` of the group. Uses models::parallel.
  VideoPlanes frame(const Embedding& embedding, int index) const;
  const std::vector<GridShape>& shapes() const { return shapes_; }  // stage_shapes()

 private:
  struct Layer {
    std::vector<float> convolution, convolution_bias, skip, depthwise, depthwise_bias, pointwise, pointwise_bias;
  };
  class StageRun;
  std::vector<float> affine_of(int index) const;  // [2 A]

  VideoConfig config_;
  std::vector<GridShape> shapes_;
  const VideoKernels& kernels_;
  std::vector<float> time_first_, time_second_, time_bias_, head_, head_bias_;
  std::vector<Layer> layers_;
};

// Time of frame `index` of a group as the affine transform's network sees it: [2 frequencies].
std::vector<float> time_code(const VideoConfig& config, int index);

}  // namespace tessera::models::inr
