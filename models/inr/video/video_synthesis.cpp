#include "models/inr/video/video_synthesis.h"

#include <algorithm>
#include <cmath>

#include "models/parallel.h"

namespace tessera::models::inr {
namespace {

constexpr int64_t kRows = 8;  // of a task of one layer
// Of a task of a stage, which makes the rows around its own again: pieces are as large as leave every thread two.
int64_t rows_of_band(int64_t rows) { return std::max(kRows, (rows + 2 * threads() - 1) / (2 * threads())); }

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

// The last rows of some channels that a task made, the others forgotten; zeros around, as in a map.
class Ring {
 public:
  static constexpr int64_t kHeld = 4;  // a power of two: three rows that a kernel reads and one more of the pair that a stage makes
  Ring(int64_t channels, GridShape shape) : map_(channels, {kHeld, shape.width}), height_(shape.height) {}
  float* row(int64_t channel, int64_t y) { return map_.row(channel, y % kHeld); }
  // Zeros outside of the picture.
  const float* any_row(int64_t channel, int64_t y) const { return map_.any_row(channel, y < 0 || y >= height_ ? -1 : y % kHeld); }
  void clear_end(float* row) const { map_.clear_end(row); }

 private:
  Map map_;
  int64_t height_;
};

template <class Rows>
void gather_rows(const Rows& map, int64_t channels, int kernel, int64_t y, std::vector<const float*>& rows) {
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

// One stage for a frame, and the head behind the last one.
class VideoSynthesis::StageRun {
 public:
  // scales: C scales, then C shifts. `to`: the stage's output, or nothing where `planes` gets the head's.
  StageRun(const VideoSynthesis& synthesis, size_t stage, const float* scales, const Map& from, Map* to, VideoPlanes* planes)
      : v_(synthesis), layer_(v_.layers_[stage]), in_(v_.config_.channels_before(stage)), n_(v_.config_.stages[stage].channels), kernel_(v_.config_.stages[stage].kernel),
        small_(v_.shapes_[stage]), large_(v_.shapes_[stage + 1]), scales_(scales), from_(from), to_(to), planes_(planes), past_(v_.config_.skip ? n_ : 0, small_) {}

  void run() {
    if (v_.config_.skip) {
      parallel(small_.height, kRows, [&](int64_t begin, int64_t end) { make_skip(begin, end); });
    }
    parallel(small_.height, rows_of_band(small_.height), [&](int64_t begin, int64_t end) { Band(*this).run(begin, end); });
  }

 private:
  void make_skip(int64_t begin, int64_t end) {
    std::vector<const float*> rows;
    std::vector<float*> out(static_cast<size_t>(n_));
    const std::vector<float> none(static_cast<size_t>(n_), 0.0f);
    for (int64_t y = begin; y < end; ++y) {
      gather_rows(from_, in_, 1, y, rows);
      for (int64_t c = 0; c < n_; ++c) out[static_cast<size_t>(c)] = past_.row(c, y);
      v_.kernels_.convolve(rows.data(), static_cast<int>(in_), 1, layer_.skip.data(), none.data(), small_.width, static_cast<int>(n_), out.data());
      for (float* const row : out) {  // edges repeated
        row[-1] = row[0];
        row[small_.width] = row[small_.width - 1];
      }
    }
  }

  // Rows one after the other through the whole stage, so that what lies between its layers stays in the cache.
  class Band {
   public:
    explicit Band(StageRun& run)
        : r_(run), v_(run.v_), separable_(v_.config_.separable), head_(run.planes_ != nullptr), grown_(run.n_, run.large_), done_(separable_ && head_ ? run.n_ : 0, run.large_),
          deep_(separable_ ? run.n_ : 0, {1, run.large_.width}), fours_(2 * kPair, {1, run.small_.width}) {}

    // Rows [begin, end) of the stage's input.
    void run(int64_t begin, int64_t end) {
      const int64_t height = r_.large_.height, from = 2 * begin, to = std::min(2 * end, height);
      const int64_t halo = head_ ? 1 : 0;  // rows around its own that the head reads
      int64_t grown = std::max<int64_t>(0, separable_ || head_ ? from - 2 : from), done = std::max<int64_t>(0, from - halo), shown = from;
      for (int64_t y = grown / 2; shown < to; ++y) {
        grow(y);
        grown = std::min(2 * y + 2, height);
        const int64_t last = std::min(to + halo, height);
        while (done < last && (separable_ ? done + 1 < grown || grown == height : done < grown)) {
          if (separable_) separate(done);
          ++done;
          if (!head_) shown = done;
          while (head_ && shown < to && (shown + 1 < done || done == height)) show(shown++);
        }
      }
    }

   private:
    static constexpr int64_t kPair = 4;  // outputs of a channel: those of two channels are made at once

    // Row y of the input: the convolution, the pixel shuffle, the path past it and the activation. Rows 2 y and 2 y + 1 of the output.
    void grow(int64_t y) {
      gather_rows(r_.from_, r_.in_, r_.kernel_, y, rows_);
      float* out[2 * kPair];
      for (int64_t o = 0; o < 2 * kPair; ++o) out[o] = fours_.row(o, 0);
      const int64_t each = r_.in_ * r_.kernel_ * r_.kernel_ * kPair;
      for (int64_t c = 0; c < r_.n_; c += 2) {
        v_.kernels_.convolve(rows_.data(), static_cast<int>(r_.in_), r_.kernel_, r_.layer_.convolution.data() + c * each, r_.layer_.convolution_bias.data() + kPair * c,
                             r_.small_.width, 2 * kPair, out);
        for (int64_t i = 0; i < 2; ++i) {
          for (int64_t dy = 0; dy < 2 && 2 * y + dy < r_.large_.height; ++dy) finish(c + i, y, dy, out + kPair * i + 2 * dy);
        }
      }
    }

    void finish(int64_t c, int64_t y, int64_t dy, const float* const* columns) {
      float* const to = separable_ || head_ ? grown_.row(c, 2 * y + dy) : r_.to_->row(c, 2 * y + dy);
      v_.kernels_.interleave(columns[0], columns[1], r_.small_.width, to);
      if (v_.config_.skip) v_.kernels_.add_bilinear(r_.past_.row(c, y), r_.past_.clamped(c, dy == 0 ? y - 1 : y + 1), r_.small_.width, to);
      v_.kernels_.activate(to, r_.large_.width, r_.scales_[c], r_.scales_[r_.n_ + c], v_.config_.sine);
      grown_.clear_end(to);
    }

    // Row y of the output: the depthwise and the pointwise convolution on top of what they start from.
    void separate(int64_t y) {
      rows_.clear();
      out_.clear();
      for (int64_t c = 0; c < r_.n_; ++c) {
        const float* const around[3] = {grown_.any_row(c, y - 1), grown_.any_row(c, y), grown_.any_row(c, y + 1)};
        float* const deep = deep_.row(c, 0);
        v_.kernels_.depthwise(around, r_.layer_.depthwise.data() + 9 * c, r_.layer_.depthwise_bias[static_cast<size_t>(c)], r_.large_.width, deep);
        v_.kernels_.activate(deep, r_.large_.width, 0, 0, v_.config_.sine);
        rows_.push_back(deep);
        out_.push_back(head_ ? done_.row(c, y) : r_.to_->row(c, y));
      }
      v_.kernels_.convolve(rows_.data(), static_cast<int>(r_.n_), 1, r_.layer_.pointwise.data(), r_.layer_.pointwise_bias.data(), r_.large_.width, static_cast<int>(r_.n_), out_.data());
      for (int64_t c = 0; c < r_.n_; ++c) {
        float* const to = out_[static_cast<size_t>(c)];
        v_.kernels_.add(grown_.row(c, y), r_.large_.width, to);
        grown_.clear_end(to);
      }
    }

    // Row y of the picture's squares.
    void show(int64_t y) {
      gather_rows(separable_ ? done_ : grown_, r_.n_, 3, y, rows_);
      const int64_t width = r_.large_.width, height = r_.large_.height;
      heads_.resize(8);
      for (std::vector<float>& row : heads_) row.resize(static_cast<size_t>(whole_blocks(width)));
      float* out[8];
      for (size_t o = 0; o < 8; ++o) out[o] = heads_[o].data();
      v_.kernels_.convolve(rows_.data(), static_cast<int>(r_.n_), 3, v_.head_.data(), v_.head_bias_.data(), width, 8, out);
      for (int64_t dy = 0; dy < 2; ++dy) v_.kernels_.interleave(out[2 * dy], out[2 * dy + 1], width, r_.planes_->y.data() + (2 * y + dy) * 2 * width);
      for (int64_t p = 0; p < 2; ++p) std::copy_n(out[4 + p], width, r_.planes_->uv.data() + (p * height + y) * width);
    }

    StageRun& r_;
    const VideoSynthesis& v_;
    bool separable_, head_;
    Ring grown_, done_;  // behind the activation, behind the separable block
    Map deep_, fours_;
    std::vector<const float*> rows_;
    std::vector<float*> out_;
    std::vector<std::vector<float>> heads_;
  };

  const VideoSynthesis& v_;
  const Layer& layer_;
  int64_t in_, n_;
  int kernel_;
  GridShape small_, large_;
  const float* scales_;
  const Map& from_;
  Map* to_;
  VideoPlanes* planes_;
  Map past_;
};

VideoPlanes VideoSynthesis::frame(const Embedding& embedding, int index) const {
  const std::vector<float> affine = affine_of(index);
  Map map(config_.embedding, shapes_[0]);
  for (int64_t c = 0, i = 0; c < config_.embedding; ++c) {
    for (int64_t y = 0; y < shapes_[0].height; ++y) {
      float* const row = map.row(c, y);
      for (int64_t x = 0; x < shapes_[0].width; ++x, ++i) row[x] = static_cast<float>(embedding[static_cast<size_t>(i)]) * kEmbeddingUnit;
    }
  }
  const GridShape shape = shapes_.back();
  VideoPlanes planes{shape, std::vector<float>(static_cast<size_t>(4 * shape.count())), std::vector<float>(static_cast<size_t>(2 * shape.count()))};
  const float* scales = affine.data();
  for (size_t s = 0; s < layers_.size(); ++s) {
    const bool last = s + 1 == layers_.size();
    const int64_t n = config_.stages[s].channels;
    Map next(last ? 0 : n, shapes_[s + 1]);
    StageRun(*this, s, scales, map, last ? nullptr : &next, last ? &planes : nullptr).run();
    map = std::move(next);
    scales += 2 * n;
  }
  return planes;
}

}  // namespace tessera::models::inr
