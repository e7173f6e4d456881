#include "models/inr/bayes/posterior.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/inr/adam.h"

namespace tessera::models::inr::bayes {
namespace {

constexpr double kLog2 = 0.69314718055994531;
constexpr int kSeeds = 64;            // shuffles that are tried
constexpr double kPricePace = 0.06;   // of the blocks' prices, a bit and step
constexpr double kMostPrice = 16;

}  // namespace

at::Tensor kl_bits(const at::Tensor& mean, const at::Tensor& log_deviation) {
  return ((log_deviation * 2).exp() + mean.square() - 1 - log_deviation * 2) * (0.5 / kLog2);
}

Guessed::Guessed(const at::Tensor& guess) : centre(guess[0].clamp(-kFarthest, kFarthest).contiguous()), scale(guess[1].exp().contiguous()), shift(at::zeros_like(centre)), log_factor(at::zeros_like(centre)) {
  for (at::Tensor* t : {&shift, &log_factor}) {
    t->set_requires_grad(true);
    t->mutable_grad() = at::zeros_like(*t);
  }
}

void Guessed::confine() { shift.copy_(((centre + scale * shift).clamp(-kFarthest, kFarthest) - centre) / scale); }

Posterior::Posterior(std::shared_ptr<const Prior> prior, const at::Tensor& target, const PosteriorOptions& options)
    : prior_(std::move(prior)),
      network_(Network::of(*prior_)),
      target_(target.unsqueeze(0).contiguous()),
      options_(options),
      layout_(prior_->geometry, target.size(1), target.size(2)),
      generator_(at::make_generator<at::CPUGeneratorImpl>(options.seed)),
      noise_(at::full({1}, noise_of(prior_->geometry, options.weight))),
      q_([&] {
        const at::NoGradGuard no_grad;
        return network_.guess(target_.expand({1, prior_->geometry.planes, layout_.height, layout_.width}), layout_, noise_);
      }()),
      steps_(at::zeros({})),
      open_(at::zeros({1, layout_.total()})),
      fixed_(at::zeros({1, layout_.total()})),
      price_(at::ones({1, layout_.total()})) {
  const at::NoGradGuard no_grad;
  for (at::Tensor& m : moments_) m = at::zeros({2, layout_.total()});
  float* const open = open_.data_ptr<float>();
  for (int64_t i = 0; i < layout_.total(); ++i) open[i] = prior_->share(options.quality, layout_.class_of(i), options.grey) > 0;
}

at::Tensor Posterior::block_sums(const at::Tensor& kl) const {
  return at::zeros({static_cast<int64_t>(order_.ends.size()) + 1}).index_add(0, block_of_, kl.flatten());
}

Posterior::Numbers Posterior::step(double rate) {
  q_.shift.mutable_grad().zero_();
  q_.log_factor.mutable_grad().zero_();
  const at::Tensor latents = q_.sample(at::empty_like(q_.centre).normal_(0, 1, generator_)) * open_ + fixed_;
  at::Tensor samples = network_.forward(latents, layout_, noise_);
  if (options_.grey) samples = samples.mean(1, true);
  const at::Tensor mse = (samples - target_).square().mean();
  const at::Tensor kl = kl_bits(q_.mean(), q_.log_deviation()) * open_;
  const double positions = static_cast<double>(layout_.height * layout_.width);
  const at::Tensor loss = (kl * price_).sum() / positions + mse * options_.weight;
  torch::autograd::backward({loss}, {});

  const at::NoGradGuard no_grad;
  const at::Tensor good = at::isfinite(loss.detach() + q_.shift.grad().sum() + q_.log_factor.grad().sum());
  const AdamStep adam(steps_, good);
  const at::Tensor speed = at::full({}, rate);
  adam.update(q_.shift, moments_[0], speed);
  adam.update(q_.log_factor, moments_[1], speed * 0.5);
  q_.confine();
  if (block_of_.defined() && good.item<bool>()) {
    block_price_ = (block_price_ * ((block_sums(kl.detach()) - kBudget) * kPricePace).clamp(-0.2, 0.2).exp()).clamp(1 / kMostPrice, kMostPrice);
    price_ = block_price_.index_select(0, block_of_).unsqueeze(0);
  }
  return {kl.detach().sum().item<double>(), mse.detach().item<double>(), good.item<bool>()};
}

double Posterior::kl() const {
  const at::NoGradGuard no_grad;
  return (kl_bits(q_.mean(), q_.log_deviation()) * open_).sum().item<double>();
}

double Posterior::unevenness(const std::vector<double>& kl, const Order& order) const {
  double sum = 0, mean = 0;
  std::vector<double> blocks;
  for (size_t b = 0, i = 0; b < order.ends.size(); ++b) {
    double own = 0;
    for (; i < order.ends[b]; ++i) own += kl[order.latents[i]];
    blocks.push_back(own);
    mean += own / static_cast<double>(order.ends.size());
  }
  for (const double own : blocks) sum += (own - mean) * (own - mean);
  return sum;
}

size_t Posterior::begin_blocks(size_t wanted) {
  const at::NoGradGuard no_grad;
  const at::Tensor kl = (kl_bits(q_.mean(), q_.log_deviation()) * open_).contiguous();
  const float* const values = kl.const_data_ptr<float>();
  const std::vector<double> each(values, values + kl.numel());
  const auto by_kl = static_cast<size_t>(std::max(1L, std::lround(kl.sum().item<double>() / kBudget)));
  const size_t blocks = std::min(wanted > 0 ? wanted : by_kl, coded_latents(*prior_, layout_, options_.quality, options_.grey));
  double least = std::numeric_limits<double>::infinity();
  for (int seed = 0; seed < kSeeds; ++seed) {
    Order order = order_of(*prior_, layout_, options_.quality, options_.grey, static_cast<uint8_t>(seed), blocks);
    const double now = unevenness(each, order);
    if (now >= least) continue;
    least = now;
    seed_ = static_cast<uint8_t>(seed);
    order_ = std::move(order);
  }
  block_of_ = at::full({layout_.total()}, static_cast<int64_t>(blocks), at::kLong);
  for (size_t b = 0, i = 0; b < blocks; ++b) {
    for (; i < order_.ends[b]; ++i) block_of_.data_ptr<int64_t>()[order_.latents[i]] = static_cast<int64_t>(b);
  }
  block_price_ = at::ones({static_cast<int64_t>(blocks) + 1});
  return blocks;
}

Blocks Posterior::code(int64_t steps, double rate, const std::function<bool(double)>& watch) {
  Blocks out;
  out.seed = seed_;
  std::vector<float> scores(kCandidates), linear, square;
  std::vector<int16_t> values;
  bool fitting = true;
  for (size_t b = 0, begin = 0; b < order_.ends.size(); begin = order_.ends[b++]) {
    {
      const at::NoGradGuard no_grad;
      const at::Tensor mean = q_.mean().contiguous(), deviation = q_.log_deviation().exp().contiguous();
      const at::Tensor kl = kl_bits(mean, deviation.log()).contiguous();
      const size_t count = order_.ends[b] - begin;
      linear.resize(count);
      square.resize(count);
      values.resize(count);
      double own = 0;
      for (size_t i = 0; i < count; ++i) {
        const uint32_t latent = order_.latents[begin + i];
        const float m = mean.const_data_ptr<float>()[latent], s = deviation.const_data_ptr<float>()[latent];
        // log q(x) / p(x) without its constant.
        linear[i] = m / (s * s);
        square[i] = 0.5f - 0.5f / (s * s);
        own += kl.const_data_ptr<float>()[latent];
      }
      coded_kl_.push_back(own);
      score_candidates(static_cast<uint32_t>(b), linear, square, scores);
      const auto best = static_cast<uint32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
      out.indices.push_back(static_cast<uint16_t>(best));
      candidate(static_cast<uint32_t>(b), best, values);
      for (size_t i = 0; i < count; ++i) {
        const uint32_t latent = order_.latents[begin + i];
        open_.data_ptr<float>()[latent] = 0;
        fixed_.data_ptr<float>()[latent] = static_cast<float>(values[i]) / kUnit;
      }
    }
    const int64_t count = static_cast<int64_t>(order_.ends.size()), now = static_cast<int64_t>(b) + 1;
    fitting = fitting && watch(static_cast<double>(now) / static_cast<double>(count));
    for (int64_t i = steps * static_cast<int64_t>(b) / count; fitting && i < steps * now / count && now < count; ++i) step(rate);
  }
  return out;
}

}  // namespace tessera::models::inr::bayes
