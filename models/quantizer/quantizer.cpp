#include "models/quantizer/quantizer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace tessera::models {
namespace {

// residual [G,N,d], codes [G,K,d] -> int64 [G,N]. The nearest code has the largest r.e - |e|^2 / 2.
at::Tensor nearest(const at::Tensor& residual, const at::Tensor& codes) {
  const at::Tensor half = codes.square().sum(-1).unsqueeze(1) * -0.5;
  return at::baddbmm(half, residual, codes.transpose(1, 2)).argmax(-1);
}

at::Tensor look_up(const at::Tensor& codes, const at::Tensor& index) {
  return codes.gather(1, index.unsqueeze(-1).expand({index.size(0), index.size(1), codes.size(2)}));
}

}  // namespace

void QuantizerConfig::check() const {
  if (groups < 1 || groups > 16 || levels < 1 || levels > 64 || codes < 2 || codes > 65536 || dim < groups || dim > 4096) {
    throw std::runtime_error("configuration: the quantiser's groups, levels, codes or dim are out of range");
  }
  // Made, not read from the file: what a small file may ask for has to be bounded here.
  if (levels * codes * dim > kMaxCodeNumbers) throw std::runtime_error("configuration: the quantiser's codes are too many");
  if (dim % groups != 0) throw std::runtime_error("configuration: the quantiser's dim is not a multiple of its groups");
}

Quantizer::Quantizer(ParamSet& params, const std::string& name, const QuantizerConfig& config) : name_(name), config_(config) {
  config.check();
  const int64_t l = config.levels, g = config.groups, k = config.codes, d = config.dim / config.groups;
  // The frozen vectors come from the parameters' generator, so that they are the same on every machine and need no storing.
  ParamSet frozen;
  base_ = frozen.add(name + ".base", {l, g, k, d}, 0.0, 1.0, ParamKind::fine);
  frozen.initialise();
  // For latents of unit variance: of K random directions in d dimensions the best has a cosine of about c with the vector, and the
  // residual keeps sqrt(1 - c^2) of its length. In the vectors and not in the maps, so that a step of the optimiser turns the codes of
  // every level alike.
  const double c = std::min(0.8, std::sqrt(2 * std::log(static_cast<double>(k)) / static_cast<double>(d)));
  double gain = c;
  for (int64_t i = 0; i < l; ++i, gain *= std::sqrt(1 - c * c)) base_[i].mul_(gain);
  if (config.linear) {
    map_ = params.add(name + ".map", {l, g, d, d}, 0.0, 0.0, ParamKind::fine);
    shift_ = params.add(name + ".shift", {l, g, 1, d}, 0.0, 0.0, ParamKind::fine);
  } else {
    moving_count_ = at::ones({l, g, k}, at::kFloat);
    moving_sum_ = base_.clone();
  }
  counts_ = at::zeros({l, g, k}, at::kFloat);
}

void Quantizer::initialise() {
  const at::NoGradGuard no_grad;
  if (!config_.linear) return;
  map_.copy_(at::eye(map_.size(-1), map_.options()).expand_as(map_));
  shift_.zero_();
}

at::Tensor Quantizer::split(const at::Tensor& z) const {
  return z.reshape({z.size(0), config_.groups, config_.dim / config_.groups}).transpose(0, 1).contiguous();
}

at::Tensor Quantizer::merge(const at::Tensor& z) const { return z.transpose(0, 1).reshape({z.size(1), config_.dim}); }

at::Tensor Quantizer::codebooks() const {
  if (frozen_.defined()) return frozen_;
  return config_.linear ? at::matmul(base_, map_) + shift_ : base_;
}

void Quantizer::freeze() {
  const at::NoGradGuard no_grad;
  frozen_ = at::Tensor();
  frozen_ = codebooks().clone();
}

Quantizer::Output Quantizer::forward(const at::Tensor& z, const at::Tensor& active, bool training) {
  const int64_t n = z.size(0);
  const std::vector<at::Tensor> codes = codebooks().unbind(0);
  at::Tensor residual = split(z), value = at::zeros_like(residual), loss;
  std::vector<at::Tensor> indices;
  const at::Tensor all = at::ones({1, n}, z.options());
  for (int64_t l = 0; l < config_.levels; ++l) {
    const at::Tensor mask = active.defined() ? active.gt(static_cast<double>(l)).to(z.scalar_type()).view({1, n}) : all;
    const at::Tensor& book = codes[static_cast<size_t>(l)];
    at::Tensor index;
    {
      const at::NoGradGuard no_grad;
      index = nearest(residual, book);
      if (training) counts_.select(0, l).scatter_add_(1, index, mask.expand({config_.groups, n}));
    }
    const at::Tensor code = look_up(book, index);
    const at::Tensor fixed = code.detach();
    at::Tensor error = (residual - fixed).square().mean(-1) * config_.commitment;
    if (config_.linear) error = error + (residual.detach() - code).square().mean(-1);
    const at::Tensor level_loss = (error * mask).sum() / (mask.sum().clamp_min(1.0) * static_cast<double>(config_.groups));
    loss = loss.defined() ? loss + level_loss : level_loss;
    if (training && !config_.linear) follow(l, residual.detach(), index, mask);
    const at::Tensor step = fixed * mask.unsqueeze(-1);
    residual = residual - step;
    value = value + step;
    indices.push_back(index);
  }
  const at::Tensor flat = merge(value);
  return {z + (flat - z).detach(), loss, at::stack(indices).permute({2, 0, 1})};
}

// Exponential averages of the vectors at each code; the product with the one-hot choices is the sum over them.
void Quantizer::follow(int64_t level, const at::Tensor& residual, const at::Tensor& index, const at::Tensor& mask) {
  const at::NoGradGuard no_grad;
  const int64_t g = config_.groups, n = residual.size(1), k = config_.codes;
  const at::Tensor weight = mask.expand({g, n}).unsqueeze(-1);
  const at::Tensor chosen = at::zeros({g, n, k}, residual.options()).scatter_(2, index.unsqueeze(-1), weight);
  at::Tensor count = moving_count_[level], sum = moving_sum_[level];
  count.mul_(config_.decay).add_(chosen.sum(1), 1 - config_.decay);
  sum.mul_(config_.decay).add_(at::bmm(chosen.transpose(1, 2), residual), 1 - config_.decay);
  // Replacements start at the fair count, with a vector of this batch.
  const at::Tensor fair = count.mean(1, true);
  const at::Tensor dead = count < fair * config_.dead;
  const at::Tensor pick = (at::rand({g, k}, residual.options()) * static_cast<double>(n)).to(at::kLong).clamp_max(n - 1);
  const at::Tensor fresh = look_up(residual, pick);
  count.copy_(at::where(dead, fair.expand_as(count), count));
  sum.copy_(at::where(dead.unsqueeze(-1), fresh * fair.unsqueeze(-1), sum));
  base_[level].copy_(sum / count.clamp_min(1e-6).unsqueeze(-1));
}

at::Tensor Quantizer::random_levels(int64_t n, double full) const {
  const at::TensorOptions options = base_.options();
  const double levels = static_cast<double>(config_.levels);
  const at::Tensor some = at::floor(at::rand({n}, options) * levels).clamp_max(levels - 1) + 1;
  return at::where(at::rand({n}, options) < full, at::full({n}, levels, options), some);
}

at::Tensor Quantizer::encode(const at::Tensor& z, int64_t levels) const {
  const at::NoGradGuard no_grad;
  if (levels < 1 || levels > config_.levels) throw std::invalid_argument("quantiser: no such number of levels");
  const at::Tensor books = codebooks();
  at::Tensor residual = split(z);
  std::vector<at::Tensor> indices;
  for (int64_t l = 0; l < levels; ++l) {
    const at::Tensor book = books[l];
    indices.push_back(nearest(residual, book));
    residual = residual - look_up(book, indices.back());
  }
  return at::stack(indices).permute({2, 0, 1}).contiguous();
}

at::Tensor Quantizer::decode(const at::Tensor& indices) const {
  const at::NoGradGuard no_grad;
  if (indices.dim() != 3 || indices.size(1) > config_.levels || indices.size(2) != config_.groups) {
    throw std::invalid_argument("quantiser: indices of another shape");
  }
  const at::Tensor books = codebooks();
  at::Tensor value = at::zeros({config_.groups, indices.size(0), config_.dim / config_.groups}, books.options());
  for (int64_t l = 0; l < indices.size(1); ++l) value = value + look_up(books[l], indices.select(1, l).t().contiguous());
  return merge(value);
}

at::Tensor Quantizer::perplexity() const {
  const at::NoGradGuard no_grad;
  const at::Tensor p = counts_ / counts_.sum(-1, true).clamp_min(1.0);
  return at::exp((p * at::log(p.clamp_min(1e-12))).sum(-1).neg()).mean(-1);
}

at::Tensor Quantizer::usage() const {
  const at::NoGradGuard no_grad;
  return counts_.gt(0).to(at::kFloat).mean({1, 2});
}

std::vector<std::pair<std::string, at::Tensor>> Quantizer::buffers() const {
  if (config_.linear) return {};
  return {{name_ + ".codes", base_}, {name_ + ".moving_count", moving_count_}, {name_ + ".moving_sum", moving_sum_}};
}

void Quantizer::to(at::Device device) {
  base_ = base_.to(device);
  counts_ = counts_.to(device);
  if (frozen_.defined()) frozen_ = frozen_.to(device);
  if (moving_count_.defined()) moving_count_ = moving_count_.to(device), moving_sum_ = moving_sum_.to(device);
}

}  // namespace tessera::models
