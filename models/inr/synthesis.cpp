#include "models/inr/synthesis.h"

#include <algorithm>
#include <cmath>

#include "models/inr/front.h"
#include "models/inr/pixel_kernels.h"
#include "models/parallel.h"

namespace tessera::models::inr {
namespace {

constexpr int64_t kRows = 16;  // of a task

// Channels of one size with a margin of repeated samples along rows.
class Map {
 public:
  static constexpr int64_t kMargin = 2;

  Map(int64_t channels, GridShape shape) : shape_(shape), stride_(shape.width + 2 * kMargin), values_(static_cast<size_t>(channels * shape.height * stride_)) {}

  GridShape shape() const { return shape_; }
  float* row(int64_t channel, int64_t y) { return values_.data() + (channel * shape_.height + y) * stride_ + kMargin; }
  const float* row(int64_t channel, int64_t y) const { return values_.data() + (channel * shape_.height + y) * stride_ + kMargin; }
  // The nearest row inside.
  const float* clamped(int64_t channel, int64_t y) const { return row(channel, std::clamp<int64_t>(y, 0, shape_.height - 1)); }
  void repeat_edges(int64_t channel, int64_t y) {
    float* const r = row(channel, y);
    for (int64_t i = 1; i <= kMargin; ++i) {
      r[-i] = r[0];
      r[shape_.width - 1 + i] = r[shape_.width - 1];
    }
  }

 private:
  GridShape shape_;
  int64_t stride_;
  std::vector<float> values_;
};

void dequantise(const Plane& plane, int gain, Map& out, int64_t channel) {
  const float unit = std::exp2(static_cast<float>(gain) * 0.25f);
  for (int64_t y = 0; y < plane.shape.height; ++y) {
    const int16_t* const from = plane.values.data() + y * plane.shape.width;
    float* const to = out.row(channel, y);
    for (int64_t x = 0; x < plane.shape.width; ++x) to[x] = static_cast<float>(from[x]) * unit;
    out.repeat_edges(channel, y);
  }
}

// The first `channels` of `in` to those of `out`, which is as large or one row or column short of twice the size.
void upsample(const Map& in, int64_t channels, const float* taps, Map& out, const PixelKernels& kernels) {
  const GridShape small = in.shape(), large = out.shape();
  const float mirrored[4] = {taps[3], taps[2], taps[1], taps[0]};
  parallel(large.height, kRows, [&](int64_t begin, int64_t end) {
    std::vector<float> blended(static_cast<size_t>(small.width + 2 * Map::kMargin)), wide(static_cast<size_t>(2 * small.width));
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t y = begin; y < end; ++y) {
        const int64_t i = y / 2, from = y % 2 == 0 ? i - 2 : i - 1;
        const float* rows[4];
        for (int k = 0; k < 4; ++k) rows[k] = in.clamped(c, from + k) - Map::kMargin;
        kernels.blend_rows(rows, y % 2 == 0 ? taps : mirrored, small.width + 2 * Map::kMargin, blended.data());
        kernels.upsample_row(blended.data() + Map::kMargin, small.width, taps, wide.data());
        std::copy_n(wide.data(), large.width, out.row(c, y));
        out.repeat_edges(c, y);
      }
    }
  });
}

struct Floats {
  explicit Floats(const Network& n) {
    for (int p = 0; p < kParts; ++p) parts[static_cast<size_t>(p)] = n.values_of(static_cast<PartName>(p));
  }
  const float* operator[](PartName p) const { return parts[p].data(); }
  std::array<std::vector<float>, kParts> parts;
};

// One residual layer; `relu` after it.
void residual(const Map& in, int channels, const float* kernel, const float* bias, bool relu, Map& out, const PixelKernels& kernels) {
  const GridShape shape = in.shape();
  parallel(shape.height, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      for (int o = 0; o < channels; ++o) {
        float* const to = out.row(o, y);
        const float* const same = in.row(o, y);
        for (int64_t x = 0; x < shape.width; ++x) to[x] = same[x] + bias[o];
        for (int c = 0; c < channels; ++c) {
          const float* const rows[3] = {in.clamped(c, y - 1), in.row(c, y), in.clamped(c, y + 1)};
          kernels.convolve_row(rows, kernel + (o * channels + c) * 9, shape.width, to);
        }
        for (int64_t x = 0; relu && x < shape.width; ++x) to[x] = std::max(to[x], 0.0f);
        out.repeat_edges(o, y);
      }
    }
  });
}

}  // namespace

std::vector<float> synthesise(const Network& network, const std::vector<Plane>& planes, int64_t height, int64_t width) {
  const Config& c = network.config;
  const PixelKernels& kernels = best_pixel_kernels();
  const Floats floats(network);
  const auto grids = static_cast<int64_t>(c.grids.size());

  Map map(grids, planes.front().shape);
  size_t joined = 0;  // grids in `map`
  const auto join = [&] {  // the next grid, and all of its level
    do {
      dequantise(planes[joined], c.grids[joined].gain, map, static_cast<int64_t>(joined));
      ++joined;
    } while (joined < planes.size() && c.grids[joined].level == c.grids[joined - 1].level);
  };
  join();
  for (int step = 0; step < c.steps(); ++step) {
    Map next(grids, planes[joined].shape);
    upsample(map, static_cast<int64_t>(joined), floats[kUpsampling] + 4 * step, next, kernels);
    map = std::move(next);
    join();
  }

  const int outputs = c.outputs;
  Map y(outputs, {height, width});
  const float* const biases = floats[kSynthesisBias];
  const FrontEnd front(network, height, width);
  parallel(height, kRows, [&](int64_t begin, int64_t end) {
    const float* u[kMaxInputs];
    float* added[kMaxInputs];
    std::vector<float> features(static_cast<size_t>(c.features * width));
    for (int64_t f = 0; f < c.features; ++f) u[grids + f] = added[f] = features.data() + f * width;
    float* out[3];
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t g = 0; g < grids; ++g) u[g] = map.row(g, row);
      front.row(row, u, added);
      for (int o = 0; o < outputs; ++o) out[o] = y.row(o, row);
      kernels.dense(u, c.inputs(), width, floats[kSynthesisFirst], biases, c.hidden, floats[kSynthesisLast], floats[kSynthesisDirect],
                    biases + c.hidden, outputs, out);
      for (int o = 0; o < outputs; ++o) y.repeat_edges(o, row);
    }
  });
  for (int r = 0; r < c.residuals; ++r) {
    Map next(outputs, {height, width});
    residual(y, outputs, floats[kSynthesisKernel] + r * outputs * outputs * 9, biases + c.hidden + outputs + r * outputs, r + 1 < c.residuals, next, kernels);
    y = std::move(next);
  }
  std::vector<float> result(static_cast<size_t>(outputs * height * width));
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t row = 0; row < height; ++row) std::copy_n(y.row(o, row), width, result.data() + (o * height + row) * width);
  }
  return result;
}

}  // namespace tessera::models::inr
