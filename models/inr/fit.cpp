#include "models/inr/fit.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>

#include "models/inr/adam.h"
#include "models/inr/cpu_layers.h"
#include "models/inr/rounding.h"
#include "models/inr/symbol_coder.h"
#include "models/inr/tall_linear.h"

namespace tessera::models::inr {
namespace {

constexpr int kRows = 4, kColumns = 7;  // of the spatial context's kernel: 3 rows above and its own, 3 columns to either side
enum Control { kLatentRate, kWeightRate, kTemperature, kNoise, kWeight, kControls };
enum Sum { kBits, kMse, kSteps, kBad, kSums };

// red, green, blue = mean (1, 1, 1) + first difference (1, 0, -1) + second (-1, 2, -1).
constexpr double kColours[3][3] = {{1, 1, 1}, {1, 0, -1}, {-1, 2, -1}};

// The first or second difference of a picture [3, H, W] -> [1, H, W].
at::Tensor difference(const at::Tensor& picture, int which) {
  const at::Tensor red = picture[0], green = picture[1], blue = picture[2];
  return (which == 1 ? (red - blue) / 2 : (green * 2 - red - blue) / 6).unsqueeze(0);
}

// -log2 of the probability of q under a Laplace distribution with mean `mean`, integrated over q +- 1/2. row: scale row, float.
at::Tensor laplace_bits(const at::Tensor& q, const at::Tensor& mean, const at::Tensor& row) {
  // A little slope outside of the table: a latent that is stuck there finds back.
  const at::Tensor inside = row.clamp(0, kScales - 1);
  const at::Tensor r = inside + (row.clamp(-50, 100) - inside) * 0.02;
  const at::Tensor inverse = at::log1p(at::exp(r * std::log(kRatio)) * -kFirst) * -16;  // 1 / b
  return laplace_bits_of((q - mean).abs(), inverse);
}

// Rows of the parts that are matrices, 0 for others.
int64_t matrix_rows(const Config& c, PartName part) {
  switch (part) {
    case kContextFirst: return c.context();
    case kContextSecond: return c.width;
    case kContextLast: return c.width + c.context();
    case kSynthesisFirst: return c.hidden;
    case kSynthesisLast:
    case kSynthesisDirect: return c.outputs;
    case kSynthesisKernel: return int64_t{c.residuals} * c.outputs;
    default: return 0;
  }
}

}  // namespace

Fit::Fit(const Config& config, const at::Tensor& picture, const FitOptions& options)
    : config_(config), picture_(picture.contiguous()), height_(picture.size(1)), width_(picture.size(2)), pixels_(height_ * width_), weight_(options.weight), own_loops_(!picture.is_cuda() && !options.stock) {
  const at::NoGradGuard no_grad;
  // A generator of its own where several pictures may be trained at once; a CUDA graph knows the device's default one only.
  if (picture_.is_cuda()) {
    at::manual_seed(options.seed);
  } else {
    generator_ = at::make_generator<at::CPUGeneratorImpl>(options.seed);
  }
  // The step of a lone transform coefficient at this weight; coarser grids hold more of the energy.
  const double step = std::sqrt(6.0 / (kLog2 * options.weight));
  for (Grid& g : config_.grids) {
    shapes_.push_back(grid_shape(g, height_, width_));
    counts_.push_back(shapes_.back().count());
    g.gain = static_cast<int>(std::lround(4 * std::log2(8 * step * std::pow(0.7, g.level))));
  }
  for (int p = 0; p < kParts; ++p) part_sizes_.push_back(part_size(config_, static_cast<PartName>(p)));
  const auto device = picture_.options();
  at::Tensor means = at::zeros({kParts, parameter_count(config_)}), counts = at::zeros({kParts});
  for (int64_t p = 0, at = 0; p < kParts; ++p) {
    const int64_t n = part_sizes_[static_cast<size_t>(p)];
    if (n > 0) means[p].narrow(0, at, n).fill_(1.0 / static_cast<double>(n));
    counts[p] = static_cast<double>(n);
    at += n;
  }
  part_means_ = means.to(device.device());
  part_counts_ = counts.to(device.device());
  controls_ = at::zeros({kControls}, device);
  sums_ = at::zeros({kSums}, device);
  steps_ = at::zeros({}, device);

  at::Tensor spatial = at::zeros({config_.spatial, kRows * kColumns});
  for (int i = 0; i < config_.spatial; ++i) spatial[i][(spatial_offset(i).dy + 3) * kColumns + spatial_offset(i).dx + 3] = 1;
  spatial_places_ = spatial.to(device.device());
  // [phase, coarse, 9]: a phase is the latent's place inside its parent, (row, column) mod 2.
  at::Tensor coarse = at::zeros({4, config_.coarse, 9});
  for (int phase = 0; phase < 4; ++phase) {
    for (int i = 0; i < config_.coarse; ++i) {
      const int dy = phase / 2 == 1 ? coarse_offset(i).dy : -coarse_offset(i).dy, dx = phase % 2 == 1 ? coarse_offset(i).dx : -coarse_offset(i).dx;
      coarse[phase][i][(dy + 1) * 3 + dx + 1] = 1;
    }
  }
  coarse_places_ = coarse.to(device.device());
  cubic_ = at::tensor({kCubic[0], kCubic[1], kCubic[2], kCubic[3]}).to(device.device());
  if (config_.front != Front::plain) front_ = FrontLayers(config_, height_, width_, picture_.device());
  if (has_kernels(picture_) && !options.stock && fused(config_)) fused_.emplace(config_, shapes_, height_, width_);
  shifts_.fill(8);
  initialise_weights(options.seed);
  update_units();
  initialise_latents();
  latent_moments_ = at::zeros({2, latents_.size(0)}, device);
  weight_moments_ = at::zeros({2, weights_.size(0)}, device);
  std::vector<Soap::Place> places;
  for (int64_t p = 0, at = 0; p < kParts; ++p) {
    const int64_t rows = matrix_rows(config_, static_cast<PartName>(p)), size = part_sizes_[static_cast<size_t>(p)];
    if (rows > 0 && size > 0) places.push_back({at, rows, size / rows});
    at += size;
  }
  soap_ = Soap(places, weights_.size(0), device);
  latents_.set_requires_grad(true);
  weights_.set_requires_grad(true);
  latents_.mutable_grad() = at::zeros_like(latents_);
  weights_.mutable_grad() = at::zeros_like(weights_);
}

void Fit::initialise_weights(uint64_t seed) {
  const Config& c = config_;
  const double inputs = static_cast<double>(c.inputs());
  std::vector<at::Tensor> parts(kParts);
  for (int p = 0; p < kParts; ++p) parts[static_cast<size_t>(p)] = at::zeros({part_sizes_[static_cast<size_t>(p)]});
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto random = [&](PartName p, double deviation) { parts[p] = at::randn({part_sizes_[p]}, generator) * deviation; };
  random(kContextFirst, 1 / std::sqrt(c.context()));
  random(kContextSecond, std::sqrt(2.0 / c.width));
  random(kContextLast, 0.02);
  parts[kContextBias][2 * c.width + 1] = 5;  // row 20
  random(kSynthesisFirst, 1 / std::sqrt(inputs));
  random(kSynthesisLast, 0.02 / std::sqrt(c.hidden));
  // The grids add up as the levels of a pyramid of the mean of the colours; a level's second and third grid are colour differences.
  for (size_t g = 0; g < c.grids.size(); ++g) {
    for (int64_t o = 0; o < c.outputs; ++o) {
      parts[kSynthesisDirect][o * c.inputs() + static_cast<int64_t>(g)] = c.outputs == 3 ? kColours[colour_of(g)][o] * 0.125 : 0.125;
    }
  }
  parts[kSynthesisBias].narrow(0, 0, c.hidden).copy_(at::randn({c.hidden}, generator) * 0.3);
  parts[kSynthesisBias].narrow(0, c.hidden, c.outputs).fill_(0.5);
  if (c.front != Front::plain) {
    parts[kFrontPlaces] = front_.first_places(picture_, seed).cpu();
    parts[kFrontShapes] = front_.first_shapes();
    // Functions start as nothing, as a mean of the colours and their first difference; terms of higher order are there from the start, and the synthesis learns to use them.
    for (int64_t o = 0; o < c.outputs; ++o) {
      for (int64_t f = 0; f < c.features; ++f) {
        const double colour = c.outputs == 3 ? kColours[f % 3][o] : 1;
        parts[kSynthesisDirect][o * c.inputs() + static_cast<int64_t>(c.grids.size()) + f] = c.front == Front::rbf ? 0.125 * colour : 0.02;
      }
    }
  }
  weights_ = at::cat(parts).to(picture_.device());
}

int Fit::colour_of(size_t grid) const {
  int before = 0;
  while (grid > 0 && config_.grids[grid - 1].level == config_.grids[grid].level) --grid, ++before;
  return before % 3;
}

// A pyramid: each grid takes what the coarser ones leave, less what is not worth its bits.
void Fit::initialise_latents() {
  at::Tensor left = picture_.mean(0).sub(0.5).view({1, height_, width_});
  std::vector<at::Tensor> out;
  at::Tensor so_far;
  int level = -1;
  for (size_t g = 0; g < config_.grids.size(); ++g) {
    const GridShape s = shapes_[g];
    const double unit = std::exp2(config_.grids[g].gain * 0.25) * 0.125;
    if (config_.grids[g].level == level) {
      const int colour = config_.outputs == 3 ? colour_of(g) : 0;
      at::Tensor q = at::zeros({s.count()}, picture_.options());
      if (colour > 0) q = at::adaptive_avg_pool2d(difference(picture_, colour).unsqueeze(0), {s.height, s.width}).reshape({-1}) / unit;
      out.push_back(at::sign(q) * (q.abs() - 0.5).clamp_min(0));
      continue;
    }
    level = config_.grids[g].level;
    if (so_far.defined()) so_far = upsampled(so_far, cubic_, s.height, s.width);
    at::Tensor small = at::adaptive_avg_pool2d(left, {s.height, s.width});
    if (so_far.defined()) small = small - so_far;
    at::Tensor q = small / unit;
    if (g > 0) q = at::sign(q) * (q.abs() - 0.5).clamp_min(0);
    so_far = so_far.defined() ? so_far + q * unit : q * unit;
    out.push_back(q.reshape({-1}));
  }
  latents_ = at::cat(out).contiguous();
}

void Fit::set(const Controls& c) {
  const at::NoGradGuard no_grad;
  const double values[kControls] = {c.latent_rate, c.weight_rate, c.temperature, c.noise, c.weight};
  for (int64_t i = 0; i < kControls; ++i) controls_[i].fill_(values[i]);
  weight_ = c.weight;
}

at::Tensor Fit::part(const at::Tensor& flat, PartName name) const {
  int64_t begin = 0;
  for (int p = 0; p < name; ++p) begin += part_sizes_[static_cast<size_t>(p)];
  return flat.narrow(0, begin, part_sizes_[name]);
}

at::Tensor Fit::quantised_weights(Rounding rounding) const {
  return rounding == Rounding::soft ? weights_ : straight_through(weights_, at::round(weights_ / units_) * units_);
}

at::Tensor Fit::rounded_latents(Rounding rounding) const {
  if (rounding == Rounding::hard) return straight_through(latents_, at::round(latents_));
  const at::Tensor temperature = controls_[kTemperature], shape = controls_[kNoise];
  const at::Tensor uniform = at::empty_like(latents_).detach().uniform_(0, 1, generator_);
  if (fused_) return soft_round_fused(latents_, uniform, temperature, shape);
  return soft_round(soft_round(latents_, temperature) + shaped_noise(uniform, shape), temperature);
}

at::Tensor Fit::context_bits(const at::Tensor& latents, const at::Tensor& weights) const {
  if (fused_) return context_bits_fused(latents, weights, *fused_);
  const Config& c = config_;
  const int64_t h = c.width, n = c.context();
  const at::Tensor last = part(weights, kContextLast).view({h + n, 2}), bias = part(weights, kContextBias);
  if (own_loops_) {
    return context_bits_cpu(latents, part(weights, kContextFirst).view({n, h}), part(weights, kContextSecond).view({h, h}), last, bias, config_, shapes_);
  }
  // What depends on the context directly: the first layer and a part of the last one, H + 2 outputs.
  const at::Tensor linear = at::cat({part(weights, kContextFirst).view({n, h}), last.narrow(0, h, n)}, 1).t();  // [H + 2, C]
  const at::Tensor near = at::matmul(linear.narrow(1, 0, c.spatial), spatial_places_);                         // over windows of the grid
  at::Tensor same, far;  // over windows of a parent of the same level, and of a coarser one: there an output for each of four phases
  if (c.coarse > 0) {
    const at::Tensor phases = at::matmul(linear.narrow(1, c.spatial, c.coarse), coarse_places_);  // [4, H + 2, 9]
    same = phases[3];
    far = phases.transpose(0, 1).reshape({(h + 2) * 4, 9});
  }
  const at::Tensor none = at::zeros({(h + 2) * 4}, bias.options());
  const at::Tensor first_bias = at::cat({bias.narrow(0, 0, h), bias.narrow(0, 2 * h, 2)}), second_bias = bias.narrow(0, h, h);
  const at::Tensor second = part(weights, kContextSecond).view({h, h}).t(), third = last.narrow(0, 0, h).t();

  const std::vector<at::Tensor> grids = at::split_with_sizes(latents, counts_);
  std::vector<at::Tensor> sums, scales;  // [H + 2, count], [count]
  for (size_t g = 0; g < grids.size(); ++g) {
    const auto seen = [&](size_t index) {
      return grids[index].clamp(-kContextMax, kContextMax).view({1, shapes_[index].height, shapes_[index].width});
    };
    const int64_t height = shapes_[g].height, width = shapes_[g].width;
    at::Tensor z = tall_linear(near, windows(at::constant_pad_nd(seen(g), {3, 3, 3, 0}), kRows, kColumns), first_bias);
    if (const int back = c.grids[g].parent; back > 0 && c.coarse > 0) {
      const size_t parent = g - static_cast<size_t>(back);
      const at::Tensor around = windows(at::constant_pad_nd(seen(parent), {1, 1, 1, 1}), 3, 3);
      if (c.grids[parent].level == c.grids[g].level) {
        z = z + tall_linear(same, around, none.narrow(0, 0, h + 2));
      } else {
        const at::Tensor phases = tall_linear(far, around, none).view({1, (h + 2) * 4, shapes_[parent].height, shapes_[parent].width});
        z = z + at::pixel_shuffle(phases, 2)[0].narrow(1, 0, height).narrow(2, 0, width).reshape({h + 2, counts_[g]});
      }
    }
    sums.push_back(z);
    scales.push_back(bias.narrow(0, 2 * h + 2 + static_cast<int64_t>(g), 1).expand({counts_[g]}));
  }
  const auto bits = [&](const at::Tensor& q, const at::Tensor& sum, const at::Tensor& scale) {
    const at::Tensor hidden = tall_linear(second, at::relu(sum.narrow(0, 0, h)), second_bias, true);
    const at::Tensor out = tall_linear(third, hidden, none.narrow(0, 0, 2)) + sum.narrow(0, h, 2);
    return laplace_bits(q, out[0], (out[1] + scale) * 4).sum();
  };
  // The largest grid by itself, the small ones in one go.
  const size_t small = grids.size() - 1;
  at::Tensor total = bits(grids[small], sums[small], scales[small]);
  if (small > 0) {
    const auto first = [&](const std::vector<at::Tensor>& v) { return std::vector<at::Tensor>(v.begin(), v.end() - 1); };
    total = total + bits(at::cat(first(grids)), at::cat(first(sums), 1), at::cat(first(scales)));
  }
  return total;
}

// x [C, h, w] -> [C, height, width]
at::Tensor Fit::upsampled(const at::Tensor& x, const at::Tensor& taps, int64_t height, int64_t width) const {
  if (own_loops_) return upsampled_cpu(x, taps, height, width);
  const int64_t c = x.size(0), h = x.size(1), w = x.size(2);
  const at::Tensor zero = at::zeros({1}, taps.options()), none = at::zeros({2}, taps.options());
  const at::Tensor kernel = at::cat({taps, zero, zero, taps.flip(0)}).view({2, 5});  // the even and the odd sample over x[i - 2] .. x[i + 2]
  const auto doubled = [&](const at::Tensor& padded, int64_t rows, int64_t columns) {
    const at::Tensor columns_of = windows(padded, rows, columns).view({c, 5, -1}).transpose(0, 1).reshape({5, -1});
    return tall_linear(kernel, columns_of, none);  // [2, C positions]
  };
  const at::Tensor tall = doubled(at::replication_pad2d(x, {0, 0, 2, 2}), 5, 1).view({2, c, h, w}).permute({1, 2, 0, 3}).reshape({c, 2 * h, w}).narrow(1, 0, height);
  return doubled(at::replication_pad2d(tall, {2, 2, 0, 0}), 1, 5).view({2, c, height, w}).permute({1, 2, 3, 0}).reshape({c, height, 2 * w}).narrow(2, 0, width);
}

at::Tensor Fit::picture_of(const at::Tensor& latents, const at::Tensor& weights) const {
  const Config& c = config_;
  if (fused_) return picture_fused(latents, weights, *fused_).view({c.outputs, height_, width_});
  const auto grid_count = static_cast<int64_t>(c.grids.size());
  const at::Tensor taps = part(weights, kUpsampling).view({-1, 4});
  const std::vector<at::Tensor> grids = at::split_with_sizes(latents, counts_);
  at::Tensor u;
  size_t g = 0;
  for (int64_t step = -1; step < c.steps(); ++step) {
    std::vector<at::Tensor> joined;
    if (step >= 0) joined.push_back(upsampled(u, taps[step] + cubic_, shapes_[g].height, shapes_[g].width));
    const int level = c.grids[g].level;
    for (; g < grids.size() && c.grids[g].level == level; ++g) {
      joined.push_back((grids[g] * std::exp2(c.grids[g].gain * 0.25)).view({1, shapes_[g].height, shapes_[g].width}));
    }
    u = joined.size() == 1 ? joined[0] : at::cat(joined);
  }
  u = u.reshape({grid_count, pixels_});
  if (c.front != Front::plain) u = at::cat({u, front_.forward(u, part(weights, kFrontPlaces), part(weights, kFrontShapes), part(weights, kFrontValues))});
  const int64_t n = c.hidden, o = c.outputs;
  const at::Tensor bias = part(weights, kSynthesisBias), none = at::zeros({o}, bias.options());
  const at::Tensor first = part(weights, kSynthesisFirst).view({n, c.inputs()}), first_bias = bias.narrow(0, 0, n);
  const at::Tensor last = part(weights, kSynthesisLast).view({o, n}), last_bias = bias.narrow(0, n, o);
  const at::Tensor direct = part(weights, kSynthesisDirect).view({o, c.inputs()});
  at::Tensor y = own_loops_ ? dense_cpu(u, first, first_bias, last, direct, last_bias)
                            : tall_linear(last, tall_linear(first, u, first_bias, true), last_bias) + tall_linear(direct, u, none);
  const at::Tensor kernels = part(weights, kSynthesisKernel).view({-1, o, o * 9}), kernel_bias = bias.narrow(0, n + o, c.residuals * o).view({-1, o});
  for (int64_t r = 0; r < c.residuals; ++r) {
    if (own_loops_) {
      y = residual_cpu(y.view({o, height_, width_}), kernels[r], kernel_bias[r], r + 1 < c.residuals);
      continue;
    }
    const at::Tensor around = windows(at::replication_pad2d(y.view({o, height_, width_}), {1, 1, 1, 1}), 3, 3);
    y = y + tall_linear(kernels[r], around, kernel_bias[r]);
    if (r + 1 < c.residuals) y = at::relu(y);
  }
  return y.view({o, height_, width_});
}

// Bits of the parameters but for a constant: each part under a Laplace distribution of its own size. A part that is nearly zero is not pulled further.
at::Tensor Fit::weight_bits(const at::Tensor& weights) const {
  constexpr double kSmallest = 0.02;
  return (at::log2(at::mv(part_means_, weights.abs()) + kSmallest) * part_counts_).sum();
}

void Fit::step(Rounding rounding) {
  latents_.mutable_grad().zero_();
  weights_.mutable_grad().zero_();
  const at::Tensor latents = rounded_latents(rounding), weights = quantised_weights(rounding);
  const at::Tensor bits = context_bits(latents, weights), mse = (picture_of(latents, weights) - picture_).square().mean();
  const at::Tensor loss = (bits + weight_bits(weights_)) / static_cast<double>(pixels_) + mse * controls_[kWeight];
  torch::autograd::backward({loss}, {});

  const at::NoGradGuard no_grad;
  const at::Tensor good = at::isfinite(loss.detach() + latents_.grad().sum() + weights_.grad().sum());
  if (rounding == Rounding::hard) {
    const at::Tensor better = good.logical_and(loss.detach() < best_cost_);
    best_cost_.copy_(at::where(better, loss.detach(), best_cost_));
    best_latents_.copy_(at::where(better, latents_, best_latents_));
    best_weights_.copy_(at::where(better, weights_, best_weights_));
  }
  const AdamStep adam(steps_, good);
  adam.update(latents_, latent_moments_, controls_[kLatentRate]);
  soap_.update(adam, weights_, weight_moments_, controls_[kWeightRate]);
  const at::Tensor &go = adam.go(), &zero = adam.zero();
  const at::Tensor one = at::ones({}, go.options());
  sums_.add_(at::stack({at::where(good, bits.detach(), zero), at::where(good, mse.detach(), zero), one, one - go}));
}

void Fit::soft_step() { step(Rounding::soft); }
void Fit::hard_step() { step(Rounding::hard); }

Fit::Numbers Fit::read() {
  const at::NoGradGuard no_grad;
  const at::Tensor s = sums_.cpu().to(at::kDouble).contiguous();
  sums_.zero_();
  const double* const v = s.const_data_ptr<double>();
  const double good = std::max(1.0, v[kSteps] - v[kBad]);
  return {v[kBits] / good, v[kMse] / good, static_cast<int64_t>(v[kSteps]), static_cast<int64_t>(v[kBad])};
}

void Fit::update_units() {
  std::vector<at::Tensor> parts;
  for (size_t p = 0; p < kParts; ++p) parts.push_back(at::full({part_sizes_[p]}, std::exp2(-shifts_[p])));
  const at::Tensor units = at::cat(parts).to(picture_.device());
  if (units_.defined()) {
    units_.copy_(units);
  } else {
    units_ = units;
  }
}

// No sum of the context network may pass 2^31 (context_network.h); half of that is left to what training still does to the weights.
int Fit::largest_shift(PartName name) const {
  int inputs = 0, outputs = 0;
  if (name == kContextFirst) inputs = config_.context(), outputs = config_.width;
  if (name == kContextSecond) inputs = config_.width, outputs = config_.width;
  if (name == kContextLast) inputs = config_.width + config_.context(), outputs = 2;
  const at::Tensor w = part(weights_, name).abs();
  double limit = kMaxParameter / 2 / std::max(1e-6, w.numel() > 0 ? w.max().cpu().item<double>() : 0.0);
  if (inputs > 0) limit = std::min(limit, 0.5 * (1 << 16) / std::max(1e-6, w.view({inputs, outputs}).sum(0).max().cpu().item<double>()));
  return std::clamp(static_cast<int>(std::floor(std::log2(limit))), 0, 12);
}

void Fit::choose_shifts(bool thorough) {
  const at::NoGradGuard no_grad;
  const at::Tensor latents = at::round(latents_);
  constexpr int kUsual[kParts] = {6, 6, 6, 6, 7, 6, 7, 8, 8, 7, 5, 4, 6};
  for (size_t p = 0; p < kParts; ++p) shifts_[p] = std::min(kUsual[p] + (thorough ? 3 : 0), largest_shift(static_cast<PartName>(p)));
  update_units();
  for (int p = 0; p < kParts && thorough; ++p) {
    const bool context = p <= kContextBias;
    if (part_sizes_[static_cast<size_t>(p)] == 0) continue;
    double best = 0;
    int best_shift = -1;
    const int top = shifts_[static_cast<size_t>(p)];
    for (int shift = top, worse = 0; shift >= 0 && worse < 2; --shift) {
      shifts_[static_cast<size_t>(p)] = shift;
      update_units();
      const at::Tensor w = quantised_weights(Rounding::hard);
      // In a tiny picture the network would be worth nothing; it is weighed as in one of 128 x 128.
      double cost = part_cost(integers(static_cast<PartName>(p), shift)).bits / static_cast<double>(std::max<int64_t>(pixels_, 1 << 14));
      if (context) {
        cost += context_bits(latents, w).cpu().item<double>() / static_cast<double>(pixels_);
      } else {
        cost += weight_ * (picture_of(latents, w) - picture_).square().mean().cpu().item<double>();
      }
      if (best_shift < 0 || cost < best) {
        best = cost;
        best_shift = shift;
        worse = 0;
      } else {
        ++worse;
      }
    }
    shifts_[static_cast<size_t>(p)] = best_shift;
    update_units();
  }
}

void Fit::forget_moments() {
  for (at::Tensor* t : {&latent_moments_, &weight_moments_, &steps_}) t->zero_();
}

void Fit::start_best() {
  const at::NoGradGuard no_grad;
  if (!best_cost_.defined()) {
    best_cost_ = at::empty({}, picture_.options());
    best_latents_ = at::empty_like(latents_).detach();
    best_weights_ = at::empty_like(weights_).detach();
  }
  best_cost_.fill_(1e30);
  best_latents_.copy_(latents_);
  best_weights_.copy_(weights_);
}

void Fit::restore_best() {
  const at::NoGradGuard no_grad;
  latents_.copy_(best_latents_);
  weights_.copy_(best_weights_);
}

std::vector<at::Tensor> Fit::state() const {
  std::vector<at::Tensor> out{latents_, weights_, latent_moments_, weight_moments_, steps_};
  for (const at::Tensor& t : soap_.state()) out.push_back(t);
  return out;
}

std::vector<at::Tensor> Fit::snapshot() const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> out;
  for (const at::Tensor& t : state()) out.push_back(t.detach().clone());
  return out;
}

void Fit::restore(const std::vector<at::Tensor>& saved) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> now = state();
  for (size_t i = 0; i < now.size(); ++i) at::Tensor(now[i]).copy_(saved[i]);
}

std::vector<int32_t> Fit::integers(PartName name, int shift) const {
  const at::NoGradGuard no_grad;
  const at::Tensor k = at::round(part(weights_, name) * std::exp2(shift)).clamp(-kMaxParameter, kMaxParameter).to(at::kInt).cpu().contiguous();
  return {k.const_data_ptr<int32_t>(), k.const_data_ptr<int32_t>() + k.numel()};
}

std::array<at::Tensor, 2> Fit::gradients() {
  latents_.mutable_grad().zero_();
  weights_.mutable_grad().zero_();
  const at::Tensor latents = rounded_latents(Rounding::hard), weights = quantised_weights(Rounding::hard);
  const at::Tensor mse = (picture_of(latents, weights) - picture_).square().mean();
  torch::autograd::backward({context_bits(latents, weights) / static_cast<double>(pixels_) + mse * weight_}, {});
  const at::NoGradGuard no_grad;
  return {latents_.grad().clone(), weights_.grad().clone()};
}

at::Tensor Fit::picture() const {
  const at::NoGradGuard no_grad;
  return picture_of(at::round(latents_), quantised_weights(Rounding::hard));
}

Fit::Numbers Fit::evaluate() const {
  const at::NoGradGuard no_grad;
  const at::Tensor bits = context_bits(at::round(latents_), quantised_weights(Rounding::hard));
  return {bits.cpu().item<double>(), (picture() - picture_).square().mean().cpu().item<double>(), 1, 0};
}

Network Fit::network() const {
  Network out;
  out.config = config_;
  for (size_t p = 0; p < kParts; ++p) out.parts[p] = {shifts_[p], integers(static_cast<PartName>(p), shifts_[p])};
  // largest_shift() leaves room for what training does afterwards; should that not do, the steps become coarser.
  while (!ContextNetwork::create(out).ok()) {
    for (const PartName p : {kContextFirst, kContextSecond, kContextLast, kContextBias}) {
      Part& part = out.parts[p];
      part.shift = std::max(0, part.shift - 1);
      part.values = part.shift > 0 ? integers(p, part.shift) : std::vector<int32_t>(part.values.size(), 0);
    }
  }
  return out;
}

std::vector<Plane> Fit::planes() const {
  const at::NoGradGuard no_grad;
  const at::Tensor q = at::round(latents_).clamp(-kMaxLatent, kMaxLatent).to(at::kShort).cpu().contiguous();
  std::vector<Plane> out = make_planes(config_, height_, width_);
  const int16_t* from = q.const_data_ptr<int16_t>();
  for (Plane& p : out) {
    std::copy_n(from, p.values.size(), p.values.begin());
    from += p.values.size();
  }
  return out;
}

}  // namespace tessera::models::inr
