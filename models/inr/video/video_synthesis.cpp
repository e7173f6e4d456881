#include "models/inr/video/video_synthesis.h"

#include <algorithm>
#include <cmath>

#include "models/parallel.h"

namespace tessera::models::inr {
namespace {

constexpr int64_t kRows = 4;  // of a task

// Channels of one size; zeros on all sides, as far as kernels read.
class Map {
 public:
  Map(int64_t channels, GridShape shape)
      : shape_(shape), stride_(whole_blocks(shape.width) + 2 * kRowMargin), zeros_(static_cast<size_t>(stride_), 0.0f),
        values_(static_cast<size_t>(channels * shape.height * stride_), 0.0f) {}

  GridShape shape() const { return shape_; }
  int64_t stride() const { return stride_; }
  float* row(int64_t channel, int64_t y) { return values_.data() + (channel * shape_.height + y) * stride_ + kRowMargin; }
  const float* row(int64_t channel, int64_t y) const { return values_.data() + (channel * shape_.height + y) * stride_ + kRowMargin; }
  // Zeros outside.
  const float* any_row(int64_t channel, int64_t y) const { return y < 0 || y >= shape_.height ? zeros_.data() + kRowMargin : row(channel, y); }
  const float* clamped(int64_t channel, int64_t y) const { return row(channel, std::clamp<int64_t>(y, 0, shape_.height - 1)); }
  void clear_end(float* row) const { std::fill(row + shape_.width, row + stride_ - kRowMargin, 0.0f); }

 private:
  GridShape shape_;
  int64_t stride_;
  std::vector<float> zeros_, values_;
};

// [outputs][inputs][kernel][kernel] -> [ceil(outputs / 4)][inputs][kernel][kernel][4]; outputs that are missing are zeros.
std::vector<float> in_fours(const float* weights, int64_t outputs, int64_t each) {
  std::vector<float> out(static_cast<size_t>((outputs + 3) / 4 * 4 * each), 0.0f);
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t i = 0; i < each; ++i) out[static_cast<size_t>((o / 4 * each + i) * 4 + o % 4)] = weights[o * each + i];
  }
  return out;
}

// Room for rows that a task makes.
class Scratch {
 public:
  Scratch(int64_t rows, int64_t width) : stride_(whole_blocks(width) + 2 * kRowMargin), values_(static_cast<size_t>(rows * stride_), 0.0f) {}
  float* operator[](int64_t row) { return values_.data() + row * stride_ + kRowMargin; }

 private:
  int64_t stride_;
  std::vector<float> values_;
};

void gather_rows(const Map& map, int64_t channels, int kernel, int64_t y, std::vector<const float*>& rows) {
  rows.clear();
  for (int64_t c = 0; c < channels; ++c) {
    for (int k = 0; k < kernel; ++k) rows.push_back(map.any_row(c, y + k - kernel / 2));
  }
}

}  // namespace

std::vector<float> time_code(const VideoConfig& config, int index) {
  const double t = (index + 0.5) / config.frames;
  std::vector<float> out;
  for (int f = 0; f < config.frequencies; ++f) {
    const double angle = M_PI * t * (1 << f);
    out.push_back(static_cast<float>(std::sin(angle)));
    out.push_back(static_cast<float>(std::cos(angle)));
  }
  return out;
}

VideoSynthesis::VideoSynthesis(const VideoNetwork& network, int64_t height, int64_t width, const VideoKernels& kernels)
    : config_(network.config), shapes_(stage_shapes(network.config, height, width)), kernels_(kernels), layers_(network.config.stages.size()) {
  const std::vector<float> all = network.floats();
  const float* at = all.data();
  const auto take = [&](int64_t n) {
    std::vector<float> out(at, at + n);
    at += n;
    return out;
  };
  for (const PartInfo& part : parts_of(config_)) {
    const auto stage = static_cast<size_t>(part.stage);
    Layer& layer = layers_[stage];
    const int64_t n = config_.stages[stage].channels;
    switch (part.kind) {
      case PartKind::time_first: time_first_ = take(part.count); break;
      case PartKind::time_second: time_second_ = take(part.count); break;
      case PartKind::convolution: layer.convolution = in_fours(take(part.count).data(), 4 * n, part.count / (4 * n)); break;
      case PartKind::skip: layer.skip = in_fours(take(part.count).data(), n, part.count / n); break;
      case PartKind::depthwise: layer.depthwise = take(part.count); break;
      case PartKind::pointwise: layer.pointwise = in_fours(take(part.count).data(), n, n); break;
      case PartKind::head: head_ = in_fours(take(part.count).data(), 6, part.count / 6); break;
      case PartKind::biases:
        if (config_.affine) time_bias_ = take(config_.time_width);
        for (size_t i = 0; i < layers_.size(); ++i) {
          const int64_t c = config_.stages[i].channels;
          layers_[i].convolution_bias = take(4 * c);
          if (!config_.separable) continue;
          layers_[i].depthwise_bias = take(c);
          layers_[i].pointwise_bias = take(c);
        }
        head_bias_ = take(6);
        head_bias_.resize(8, 0.0f);
        break;
    }
  }
}

std::vector<float> VideoSynthesis::affine_of(int index) const {
  if (!config_.affine) return std::vector<float>(static_cast<size_t>(2 * config_.affine_channels()), 0.0f);
  const std::vector<float> code = time_code(config_, index);
  std::vector<float> hidden(static_cast<size_t>(config_.time_width)), out(static_cast<size_t>(2 * config_.affine_channels()));
  for (size_t h = 0; h < hidden.size(); ++h) {
    float sum = time_bias_[h];
    for (size_t i = 0; i < code.size(); ++i) sum += time_first_[h * code.size() + i] * code[i];
    hidden[h] = std::sin(sum);
  }
  for (size_t o = 0; o < out.size(); ++o) {
    for (size_t h = 0; h < hidden.size(); ++h) out[o] += time_second_[o * hidden.size() + h] * hidden[h];
  }
  return out;
}

VideoPlanes VideoSynthesis::frame(const Embedding& embedding, int index) const {
  const std::vector<float> affine = affine_of(index);
  Map map(config_.embedding, shapes_[0]);
  for (int64_t c = 0, i = 0; c < config_.embedding; ++c) {
    for (int64_t y = 0; y < shapes_[0].height; ++y) {
      float* const row = map.row(c, y);
      for (int64_t x = 0; x < shapes_[0].width; ++x, ++i) row[x] = static_cast<float>(embedding[static_cast<size_t>(i)]) * kEmbeddingUnit;
    }
  }

  size_t affine_at = 0;
  for (size_t s = 0; s < layers_.size(); ++s) {
    const Layer& layer = layers_[s];
    const int64_t in = config_.channels_before(s), n = config_.stages[s].channels;
    const int kernel = config_.stages[s].kernel;
    const GridShape small = shapes_[s], large = shapes_[s + 1];
    const float* const scales = affine.data() + affine_at;
    affine_at += static_cast<size_t>(2 * n);

    Map past(config_.skip ? n : 0, small);
    if (config_.skip) {
      parallel(small.height, kRows, [&](int64_t begin, int64_t end) {
        std::vector<const float*> rows;
        const float none[4] = {};
        for (int64_t y = begin; y < end; ++y) {
          gather_rows(map, in, 1, y, rows);
          for (int64_t c = 0; c < n; c += 4) {
            float* out[4];
            for (int o = 0; o < 4; ++o) out[o] = past.row(c + o, y);
            kernels_.convolve(rows.data(), static_cast<int>(in), 1, layer.skip.data() + c * in, none, small.width, out);
            for (float* const row : out) {  // edges repeated
              row[-1] = row[0];
              row[small.width] = row[small.width - 1];
            }
          }
        }
      });
    }

    Map next(n, large);
    parallel(small.height, kRows, [&](int64_t begin, int64_t end) {
      std::vector<const float*> rows;
      Scratch fours(4, small.width), wide(1, 2 * small.width);
      for (int64_t y = begin; y < end; ++y) {
        gather_rows(map, in, kernel, y, rows);
        for (int64_t c = 0; c < n; ++c) {
          float* const out[4] = {fours[0], fours[1], fours[2], fours[3]};
          kernels_.convolve(rows.data(), static_cast<int>(in), kernel, layer.convolution.data() + c * in * kernel * kernel * 4, layer.convolution_bias.data() + 4 * c,
                            small.width, out);
          for (int dy = 0; dy < 2 && 2 * y + dy < large.height; ++dy) {
            float* const to = wide[0];
            kernels_.interleave(out[2 * dy], out[2 * dy + 1], small.width, to);
            if (config_.skip) kernels_.add_bilinear(past.row(c, y), past.clamped(c, dy == 0 ? y - 1 : y + 1), small.width, to);
            kernels_.activate(to, large.width, scales[c], scales[n + c], config_.sine);
            std::copy_n(to, large.width, next.row(c, 2 * y + dy));
          }
        }
      }
    });
    map = std::move(next);
    if (!config_.separable) continue;

    Map more(n, large);
    parallel(large.height, kRows, [&](int64_t begin, int64_t end) {
      Scratch deep(n, large.width);
      std::vector<const float*> rows;
      for (int64_t c = 0; c < n; ++c) rows.push_back(deep[c]);
      for (int64_t y = begin; y < end; ++y) {
        for (int64_t c = 0; c < n; ++c) {
          const float* const around[3] = {map.any_row(c, y - 1), map.row(c, y), map.any_row(c, y + 1)};
          kernels_.depthwise(around, layer.depthwise.data() + 9 * c, layer.depthwise_bias[static_cast<size_t>(c)], large.width, deep[c]);
          kernels_.activate(deep[c], large.width, 0, 0, config_.sine);
        }
        for (int64_t c = 0; c < n; c += 4) {
          float* out[4];
          for (int o = 0; o < 4; ++o) out[o] = more.row(c + o, y);
          kernels_.convolve(rows.data(), static_cast<int>(n), 1, layer.pointwise.data() + c * n, layer.pointwise_bias.data() + c, large.width, out);
          for (int o = 0; o < 4; ++o) {
            kernels_.add(map.row(c + o, y), large.width, out[o]);
            more.clear_end(out[o]);
          }
        }
      }
    });
    map = std::move(more);
  }

  const GridShape shape = shapes_.back();
  VideoPlanes planes{shape, std::vector<float>(static_cast<size_t>(4 * shape.count())), std::vector<float>(static_cast<size_t>(2 * shape.count()))};
  const int64_t n = config_.stages.back().channels;
  parallel(shape.height, kRows, [&](int64_t begin, int64_t end) {
    std::vector<const float*> rows;
    Scratch fours(4, shape.width);
    float* const out[4] = {fours[0], fours[1], fours[2], fours[3]};
    for (int64_t y = begin; y < end; ++y) {
      gather_rows(map, n, 3, y, rows);
      kernels_.convolve(rows.data(), static_cast<int>(n), 3, head_.data(), head_bias_.data(), shape.width, out);
      for (int dy = 0; dy < 2; ++dy) kernels_.interleave(out[2 * dy], out[2 * dy + 1], shape.width, planes.y.data() + (2 * y + dy) * 2 * shape.width);
      kernels_.convolve(rows.data(), static_cast<int>(n), 3, head_.data() + n * 9 * 4, head_bias_.data() + 4, shape.width, out);
      for (int p = 0; p < 2; ++p) std::copy_n(out[p], shape.width, planes.uv.data() + (p * shape.height + y) * shape.width);
    }
  });
  return planes;
}

}  // namespace tessera::models::inr
