#include "models/inr/video/video_forward.h"

#include "models/inr/video/video_synthesis.h"

namespace tessera::models::inr {
namespace {

at::Tensor activation(const at::Tensor& x, bool sine) { return sine ? at::sin(x) : x * at::sigmoid(x * 1.702); }

}  // namespace

at::Tensor time_codes(const VideoConfig& config) {
  std::vector<at::Tensor> rows;
  for (int i = 0; i < config.frames; ++i) {
    const std::vector<float> code = time_code(config, i);
    rows.push_back(at::tensor(at::ArrayRef<float>(code)));
  }
  return at::stack(rows);
}

at::Tensor video_forward(const VideoConfig& c, const std::vector<GridShape>& shapes, const at::Tensor& weights, const at::Tensor& embeddings, const at::Tensor& codes) {
  const std::vector<PartInfo> infos = parts_of(c);
  std::vector<int64_t> counts;
  for (const PartInfo& p : infos) counts.push_back(p.count);
  const std::vector<at::Tensor> parts = at::split_with_sizes(weights, counts);
  size_t next = 0;
  int64_t bias_at = 0;
  const auto bias = [&](int64_t n) {
    bias_at += n;
    return parts.back().narrow(0, bias_at - n, n);
  };
  at::Tensor affine;  // [B, 2 A]
  if (c.affine) {
    const at::Tensor first = parts[next++].view({c.time_width, 2 * c.frequencies}), second = parts[next++].view({2 * c.affine_channels(), c.time_width});
    affine = at::matmul(at::sin(at::matmul(codes, first.t()) + bias(c.time_width)), second.t());
  }
  at::Tensor x = embeddings;
  int64_t affine_at = 0;
  for (size_t s = 0; s < c.stages.size(); ++s) {
    const int64_t in = c.channels_before(s), n = c.stages[s].channels, k = c.stages[s].kernel;
    const GridShape large = shapes[s + 1];
    const auto cropped = [&](const at::Tensor& t) { return t.narrow(2, 0, large.height).narrow(3, 0, large.width); };
    at::Tensor u = cropped(at::pixel_shuffle(at::conv2d(x, parts[next++].view({4 * n, in, k, k}), bias(4 * n), 1, k / 2), 2));
    if (c.skip) {
      const at::Tensor past = at::conv2d(x, parts[next++].view({n, in, 1, 1}));
      u = u + cropped(at::upsample_bilinear2d(past, {2 * past.size(2), 2 * past.size(3)}, false));
    }
    if (c.affine) {
      const at::Tensor scale = affine.narrow(1, affine_at, n).view({-1, n, 1, 1}), shift = affine.narrow(1, affine_at + n, n).view({-1, n, 1, 1});
      u = u * (scale + 1) + shift;
      affine_at += 2 * n;
    }
    u = activation(u, c.sine);
    if (c.separable) {
      const at::Tensor depthwise_bias = bias(n);
      const at::Tensor deep = activation(at::conv2d(u, parts[next].view({n, 1, 3, 3}), depthwise_bias, 1, 1, 1, n), c.sine);
      u = u + at::conv2d(deep, parts[next + 1].view({n, n, 1, 1}), bias(n));
      next += 2;
    }
    x = u;
  }
  return at::conv2d(x, parts[next].view({6, c.stages.back().channels, 3, 3}), bias(6), 1, 1);
}

}  // namespace tessera::models::inr
