#include "models/inr/video/video_fit.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "models/inr/adam.h"
#include "models/inr/network.h"
#include "models/inr/rounding.h"
#include "models/inr/video/video_forward.h"

namespace tessera::models::inr {
namespace {

constexpr double kFinest = 6;            // octaves below 1: steps of what starts as zeros
constexpr double kStepsADeviation = 4;   // of the steps that others start with
constexpr double kSmallest = 0.05;       // of a mean absolute number
constexpr double kAmplitude = 16;        // of the embeddings' start, numbers for the whole range of samples
constexpr int64_t kFine = 4;             // luma blocks of an embedding's position, in each direction, that its start sees
enum Control { kWeightRate, kEmbeddingRate, kStepRate, kControls };

at::Tensor mean_bits(const at::Tensor& absolute, const at::Tensor& mean) { return laplace_bits_of(absolute, 1 / (mean + kSmallest)); }

// Rows of a part that is a matrix, 0 for others.
int64_t matrix_rows(const VideoConfig& c, const PartInfo& part) {
  const int64_t n = c.stages[static_cast<size_t>(part.stage)].channels;
  switch (part.kind) {
    case PartKind::time_first: return c.time_width;
    case PartKind::time_second: return int64_t{2} * c.affine_channels();
    case PartKind::convolution: return 4 * n;
    case PartKind::skip:
    case PartKind::depthwise:
    case PartKind::pointwise: return n;
    case PartKind::head: return 6;
    case PartKind::biases: return 0;
  }
  return 0;
}

}  // namespace

at::Tensor squares(const at::Tensor& y, const at::Tensor& uv) { return at::cat({at::pixel_unshuffle(y, 2), uv}, 1); }

VideoFit::VideoFit(const VideoConfig& config, const at::Tensor& frames, int64_t height, int64_t width, const VideoFitOptions& options, const VideoFit* before)
    : config_(config), frames_(frames.contiguous()), height_(height), width_(width), options_(options), shapes_(stage_shapes(config, height, width)), random_(options.seed) {
  const at::NoGradGuard no_grad;
  const auto device = frames_.options();
  if (frames_.is_cuda()) {
    at::manual_seed(options.seed);
  } else {
    generator_ = at::make_generator<at::CPUGeneratorImpl>(options.seed);
  }
  const std::vector<PartInfo> parts = parts_of(config_);
  const auto part_count = static_cast<int64_t>(parts.size());
  at::Tensor places = at::zeros({parameter_count(config_), part_count});
  for (int64_t p = 0, at = 0; p < part_count; ++p) {
    counts_.push_back(parts[static_cast<size_t>(p)].count);
    places.narrow(0, at, counts_.back()).select(1, p).fill_(1);
    at += counts_.back();
  }
  places_ = places.to(device.device());
  means_ = (places / places.sum(0)).t().contiguous().to(device.device());
  codes_ = config_.affine ? time_codes(config_).to(device.device()) : at::zeros({config_.frames, 1}, device);
  options_.batch = std::min(options_.batch, config_.frames);
  order_.resize(static_cast<size_t>(config_.frames));
  std::iota(order_.begin(), order_.end(), int64_t{0});
  order_at_ = order_.size();
  controls_ = at::zeros({kControls}, device);
  chosen_ = at::zeros({options_.batch}, device.dtype(at::kLong));
  sums_ = at::zeros({4}, device);
  count_ = at::zeros({}, device);
  const at::Tensor content = projected();
  projected_last_ = content[config_.frames - 1].clone();
  if (before != nullptr) {
    weights_ = before->weights_.detach().clone();
    steps_ = before->steps_.detach().clone();
    prediction_ = before->prediction_.detach().clone();
    // What changes in the content changes the embedding.
    embeddings_ = before->embeddings_.detach()[before->config_.frames - 1] + (content - before->projected_last_);
  } else {
    initialise(options.seed);
    embeddings_ = content;
  }
  std::vector<Soap::Place> matrices;
  int64_t begin = 0;
  for (const PartInfo& p : parts_of(config_)) {
    if (const int64_t rows = matrix_rows(config_, p); rows > 0) matrices.push_back({begin, rows, p.count / rows});
    begin += p.count;
  }
  soap_ = Soap(matrices, begin, device);
  for (at::Tensor* leaf : {&weights_, &embeddings_, &steps_, &prediction_}) {
    *leaf = leaf->contiguous();
    moments_.push_back(at::zeros({2, leaf->numel()}, device));
    leaf->set_requires_grad(true);
    leaf->mutable_grad() = at::zeros_like(*leaf).detach();
  }
}

void VideoFit::initialise(uint64_t seed) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  std::vector<at::Tensor> out;
  std::vector<float> steps;
  for (const PartInfo& p : parts_of(config_)) {
    const auto stage = static_cast<size_t>(p.stage);
    const double n = config_.stages[stage].channels, in = config_.channels_before(stage), k = config_.stages[stage].kernel;
    double deviation = 0;
    switch (p.kind) {
      case PartKind::time_first: deviation = 0.5; break;
      case PartKind::time_second: break;  // no influence of time at first
      case PartKind::convolution: deviation = 1.4 / std::sqrt(in * k * k); break;
      case PartKind::skip: deviation = 0.5 / std::sqrt(in); break;
      case PartKind::depthwise: deviation = 0.4; break;
      case PartKind::pointwise: deviation = 0.3 / std::sqrt(n); break;
      case PartKind::head: deviation = 0.3 / std::sqrt(9.0 * config_.stages.back().channels); break;
      case PartKind::biases: break;
    }
    out.push_back(deviation > 0 ? at::randn({p.count}, generator) * deviation : at::zeros({p.count}));
    steps.push_back(static_cast<float>(deviation > 0 ? std::log2(kStepsADeviation / deviation) : kFinest));
  }
  out.back().narrow(0, out.back().numel() - 6, 6).fill_(0.5);
  weights_ = at::cat(out).to(frames_.device());
  steps_ = at::tensor(at::ArrayRef<float>(steps)).to(frames_.device());
  prediction_ = at::full({config_.embedding}, 0.9, frames_.options());
}

// Means of luma and chroma, then random mixtures of what the finer blocks of luma have beyond their mean.
at::Tensor VideoFit::projected() const {
  const GridShape s = shapes_[0];
  const int64_t g = config_.frames, e = config_.embedding;
  const at::Tensor luma = frames_.narrow(1, 0, 4).mean(1, true);
  const at::Tensor means = at::adaptive_avg_pool2d(at::cat({luma, frames_.narrow(1, 4, 2)}, 1) - 0.5, {s.height, s.width});
  const at::Tensor fine = at::pixel_unshuffle(at::adaptive_avg_pool2d(luma - 0.5, {s.height * kFine, s.width * kFine}), kFine);
  const at::Tensor detail = (fine - fine.mean(1, true)).permute({0, 2, 3, 1});  // [G, h, w, 16]
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(99);  // the same in all groups
  const at::Tensor mix = (at::randn({kFine * kFine, std::max<int64_t>(1, e)}, generator) * (2 / std::sqrt(double{kFine * kFine}))).to(frames_.device());
  const at::Tensor mixed = at::matmul(detail, mix).permute({0, 3, 1, 2});
  const int64_t plain = std::min<int64_t>(e, 3);
  at::Tensor all = means.narrow(1, 0, plain);
  if (e > plain) all = at::cat({all, mixed.narrow(1, 0, e - plain)}, 1);
  return (all * kAmplitude).reshape({g, e, s.height, s.width}).contiguous();
}

void VideoFit::set(const Controls& c) {
  const at::NoGradGuard no_grad;
  const float values[kControls] = {static_cast<float>(c.weight_rate), static_cast<float>(c.embedding_rate), static_cast<float>(c.step_rate)};
  controls_.copy_(at::tensor(at::ArrayRef<float>(values, kControls)), true);
  std::vector<int64_t> chosen;
  while (chosen.size() < static_cast<size_t>(options_.batch)) {
    if (order_at_ == order_.size()) {
      for (size_t i = order_.size(); i > 1; --i) {  // Fisher and Yates, by a generator of its own: the same on every machine
        random_ = random_ * 6364136223846793005u + 1442695040888963407u;
        std::swap(order_[i - 1], order_[(random_ >> 33) % i]);
      }
      order_at_ = 0;
    }
    chosen.push_back(order_[order_at_++]);
  }
  chosen_.copy_(at::tensor(at::ArrayRef<int64_t>(chosen)), true);
}

at::Tensor VideoFit::units() const { return at::exp2(-at::mv(places_, steps_)); }

VideoFit::Rounded VideoFit::rounded(bool hard) const {
  Rounded r;
  const at::Tensor unit = units();
  const at::Tensor scaled = weights_ / unit;
  if (hard) {
    r.numbers = straight_through(scaled, at::round(scaled));
    r.embeddings = straight_through(embeddings_, at::round(embeddings_));
  } else {
    const auto noise = [&](const at::Tensor& like) { return at::empty_like(like).detach().uniform_(-0.5, 0.5, generator_); };
    r.numbers = scaled + noise(scaled);
    r.embeddings = embeddings_ + noise(embeddings_);
  }
  r.weights = r.numbers * unit;
  const at::Tensor prediction = prediction_.clamp(0, 1);
  r.prediction = hard ? straight_through(prediction, at::round(prediction * kWholeWeight) / kWholeWeight) : prediction;
  return r;
}

at::Tensor VideoFit::bits_of(const Rounded& r) const {
  const at::Tensor size = r.numbers.abs();
  at::Tensor bits = mean_bits(size, at::mv(places_, at::mv(means_, size))).sum();
  const auto coded = [&](const at::Tensor& left) {  // [T, E, h, w]
    const at::Tensor absolute = left.abs();
    return mean_bits(absolute, absolute.mean(at::IntArrayRef{0, 2, 3}, true)).sum();
  };
  bits = bits + coded(r.embeddings.narrow(0, 0, 1));
  if (config_.frames > 1) {
    const at::Tensor past = r.embeddings.narrow(0, 0, config_.frames - 1);
    bits = bits + coded(r.embeddings.narrow(0, 1, config_.frames - 1) - past * r.prediction.view({1, -1, 1, 1}));
  }
  return bits;
}

at::Tensor VideoFit::distortion_of(const Rounded& r, const at::Tensor& frames) const {
  const at::Tensor made = video_forward(config_, shapes_, r.weights, r.embeddings.index_select(0, frames) * kEmbeddingUnit, codes_.index_select(0, frames));
  const at::Tensor error = (made - frames_.index_select(0, frames)).square();
  return error.narrow(1, 0, 4).mean() * 0.75 + error.narrow(1, 4, 2).mean() * 0.25;
}

void VideoFit::step(bool hard) {
  for (at::Tensor* leaf : {&weights_, &embeddings_, &steps_, &prediction_}) leaf->mutable_grad().zero_();
  const Rounded r = rounded(hard);
  const at::Tensor bits = bits_of(r), distortion = distortion_of(r, chosen_);
  at::Tensor loss = distortion * options_.weight;
  if (options_.entropy) loss = loss + bits / static_cast<double>(height_ * width_ * config_.frames);
  torch::autograd::backward({loss}, {});

  const at::NoGradGuard no_grad;
  const at::Tensor good = at::isfinite(loss.detach() + weights_.grad().sum() + embeddings_.grad().sum() + steps_.grad().sum());
  const AdamStep adam(count_, good);
  soap_.update(adam, weights_, moments_[0], controls_[kWeightRate]);
  adam.update(embeddings_, moments_[1], controls_[kEmbeddingRate]);
  if (!hard) {
    adam.update(steps_, moments_[2], controls_[kStepRate]);
    adam.update(prediction_, moments_[3], controls_[kStepRate]);
    steps_.clamp_(1, kMaxStep / 4.0);
  }
  const at::Tensor one = at::ones({}, frames_.options());
  sums_.add_(at::stack({at::where(good, bits.detach(), adam.zero()), at::where(good, distortion.detach(), adam.zero()), one, one - adam.go()}));
}

void VideoFit::soft_step() { step(false); }
void VideoFit::hard_step() { step(true); }

VideoFit::Numbers VideoFit::read() {
  const at::NoGradGuard no_grad;
  const at::Tensor s = sums_.cpu().to(at::kDouble).contiguous();
  sums_.zero_();
  const double* const v = s.const_data_ptr<double>();
  const double good = std::max(1.0, v[2] - v[3]);
  return {v[0] / good, v[1] / good, static_cast<int64_t>(v[2]), static_cast<int64_t>(v[3])};
}

void VideoFit::freeze() {
  const at::NoGradGuard no_grad;
  // No number may pass kMaxParameter; half of that is left to what training still does.
  const at::Tensor weights = weights_.detach().cpu();
  at::Tensor steps = at::round(steps_.detach().cpu() * 4);
  const std::vector<at::Tensor> parts = at::split_with_sizes(weights, counts_);
  for (size_t p = 0; p < parts.size(); ++p) {
    const double largest = std::max(1e-9, parts[p].abs().max().item<double>());
    const double most = std::floor(4 * std::log2(kMaxParameter / 2 / largest));
    const auto at = static_cast<int64_t>(p);
    steps[at].fill_(std::clamp(std::min(steps[at].item<double>(), most), 0.0, double{kMaxStep}));
  }
  steps_.copy_(steps / 4);
  prediction_.copy_(at::round(prediction_.clamp(0, 1) * kWholeWeight) / kWholeWeight);
  for (at::Tensor& m : moments_) m.zero_();
  count_.zero_();
}

std::vector<at::Tensor> VideoFit::state() const {
  std::vector<at::Tensor> out{weights_, embeddings_, steps_, prediction_, count_};
  out.insert(out.end(), moments_.begin(), moments_.end());
  for (const at::Tensor& t : soap_.state()) out.push_back(t);
  return out;
}

std::vector<at::Tensor> VideoFit::snapshot() const {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> out;
  for (const at::Tensor& t : state()) out.push_back(t.detach().clone());
  return out;
}

void VideoFit::restore(const std::vector<at::Tensor>& saved) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> now = state();
  for (size_t i = 0; i < now.size(); ++i) at::Tensor(now[i]).copy_(saved[i]);
}

VideoFit::Numbers VideoFit::evaluate() const {
  const at::NoGradGuard no_grad;
  const Rounded r = rounded(true);
  Numbers out{bits_of(r).cpu().item<double>(), 0, 1, 0};
  for (int64_t i = 0; i < config_.frames; ++i) {
    out.distortion += distortion_of(r, at::full({1}, i, chosen_.options())).cpu().item<double>() / config_.frames;
  }
  return out;
}

VideoNetwork VideoFit::network() const {
  const at::NoGradGuard no_grad;
  VideoNetwork out;
  out.config = config_;
  const at::Tensor numbers = at::round(weights_ / units()).clamp(-kMaxParameter, kMaxParameter).to(at::kInt).cpu().contiguous();
  const at::Tensor steps = at::round(steps_ * 4).to(at::kInt).cpu().contiguous();
  const int32_t* from = numbers.const_data_ptr<int32_t>();
  for (size_t p = 0; p < counts_.size(); ++p) {
    out.parts.push_back({steps.const_data_ptr<int32_t>()[p], std::vector<int32_t>(from, from + counts_[p])});
    from += counts_[p];
  }
  const at::Tensor prediction = at::round(prediction_.clamp(0, 1) * kWholeWeight).to(at::kInt).cpu().contiguous();
  for (int64_t c = 0; c < config_.embedding; ++c) {
    ChannelCode code;
    code.weight = static_cast<uint8_t>(prediction.const_data_ptr<int32_t>()[c]);
    out.channels.push_back(code);
  }
  return out;
}

std::vector<Embedding> VideoFit::embeddings() const {
  const at::NoGradGuard no_grad;
  const at::Tensor q = at::round(embeddings_).clamp(-kMaxParameter, kMaxParameter).to(at::kShort).cpu().contiguous();
  const int64_t each = q.numel() / config_.frames;
  std::vector<Embedding> out;
  for (int64_t t = 0; t < config_.frames; ++t) {
    const int16_t* const from = q.const_data_ptr<int16_t>() + t * each;
    out.emplace_back(from, from + each);
  }
  return out;
}

}  // namespace tessera::models::inr
