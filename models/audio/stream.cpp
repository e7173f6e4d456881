#include "models/audio/stream.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace tessera::models::audio {
namespace {

int64_t filter_left(const SpeechConfig& c) { return c.causal ? c.kernel - 1 : c.kernel / 2; }

}  // namespace

int64_t priming(const SpeechConfig& c) { return c.causal ? c.window - c.hop : 0; }

int64_t frame_count(const SpeechConfig& c, int64_t samples) {
  return samples == 0 ? 0 : (samples + priming(c) + c.hop - 1) / c.hop;
}

Windows::Windows(const SpeechConfig& c) : hop(c.hop), window(c.window), left(c.causal ? c.window - c.hop : (c.window - c.hop) / 2) {
  at::Tensor wide = at::hann_window(window, true, at::TensorOptions().dtype(at::kDouble));
  if (window == 2 * hop) wide = wide.sqrt();
  scale = 1 / std::sqrt(wide.square().sum().item<double>());
  shape = wide.to(at::kFloat);
}

AnalysisStream::AnalysisStream(std::shared_ptr<const SpeechModel> model, int64_t block)
    : model_(std::move(model)), block_(block), windows_(model_->config), fft_(model_->config.window), chain_(model_->encoder, filter_left(model_->config), block) {
  embedded_ = at::zeros({block, model_->config.width});
  projected_ = at::zeros({block, model_->config.quantizer.dim});
  reset();
}

void AnalysisStream::reset() {
  chain_.reset();
  waiting_.assign(static_cast<size_t>(model_->config.channels), std::vector<float>(static_cast<size_t>(windows_.left), 0.f));
  samples_ = next_ = 0;
  end_ = kOpenEnd;
}

void AnalysisStream::push(std::span<const float> samples, std::vector<float>& latents) {
  const size_t channels = waiting_.size();
  if (samples.size() % channels != 0) throw std::invalid_argument("audio: samples are not a multiple of the channels");
  if (end_ != kOpenEnd) throw std::logic_error("audio: samples after the end");
  const size_t count = samples.size() / channels;
  const auto needed = static_cast<size_t>((block_ - 1) * windows_.hop + windows_.window);
  for (size_t at = 0; at < count;) {
    // In pieces, so that what waits stays small whatever the caller pushes.
    const size_t n = std::min(count - at, needed);
    for (size_t i = at; i < at + n; ++i) {
      if (channels == 1) {
        waiting_[0].push_back(samples[i]);
      } else {
        const float l = samples[2 * i], r = samples[2 * i + 1];
        waiting_[0].push_back((l + r) * static_cast<float>(M_SQRT1_2));
        waiting_[1].push_back((l - r) * static_cast<float>(M_SQRT1_2));
      }
    }
    at += n;
    samples_ += static_cast<int64_t>(n);
    while (waiting_[0].size() >= needed) run_block(latents);
  }
}

void AnalysisStream::finish(std::vector<float>& latents) {
  if (end_ != kOpenEnd) throw std::logic_error("audio: the signal has ended already");
  end_ = frame_count(model_->config, samples_);
  const auto needed = static_cast<size_t>((block_ - 1) * windows_.hop + windows_.window);
  while (next_ - chain_.lag() < end_) {
    for (std::vector<float>& channel : waiting_) channel.resize(std::max(channel.size(), needed), 0.f);
    run_block(latents);
  }
}

void AnalysisStream::run_block(std::vector<float>& latents) {
  const at::NoGradGuard no_grad;
  const SpeechConfig& c = model_->config;
  const int64_t n = block_, channels = c.channels;
  at::Tensor frames = at::empty({channels, n, windows_.window});
  float* out = frames.data_ptr<float>();
  for (const std::vector<float>& channel : waiting_) {
    for (int64_t i = 0; i < n; ++i, out += windows_.window) std::copy_n(channel.data() + i * windows_.hop, windows_.window, out);
  }
  frames.mul_(windows_.shape * windows_.scale);
  at::Tensor re = at::empty({channels, n, fft_.bins()}), im = at::empty({channels, n, fft_.bins()});
  fft_.forward(frames.const_data_ptr<float>(), channels * n, re.mutable_data_ptr<float>(), im.mutable_data_ptr<float>());
  const at::Tensor features = frame_features(c, re, im).transpose(0, 1).contiguous();  // [n,C,3F]
  float* embedded = embedded_.data_ptr<float>();
  apply(model_->embed, features.const_data_ptr<float>(), embedded, n);
  const float* h = chain_.run(embedded, next_, end_);
  float* projected = projected_.data_ptr<float>();
  apply(model_->to_latent, h, projected, n);
  const int64_t d = c.quantizer.dim;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t frame = next_ - chain_.lag() + i;
    if (frame < 0 || frame >= end_) continue;
    const float* z = projected + i * d;
    double power_of_frame = 0;
    for (int64_t j = 0; j < d; ++j) power_of_frame += static_cast<double>(z[j]) * static_cast<double>(z[j]);
    const auto gain = static_cast<float>(1 / std::sqrt(power_of_frame / static_cast<double>(d) + c.latent_floor()));
    for (int64_t j = 0; j < d; ++j) latents.push_back(z[j] * gain);
  }
  next_ += n;
  for (std::vector<float>& channel : waiting_) channel.erase(channel.begin(), channel.begin() + n * windows_.hop);
}

SynthesisStream::SynthesisStream(std::shared_ptr<const SpeechModel> model, int64_t block)
    : model_(std::move(model)), block_(block), windows_(model_->config), fft_(model_->config.window), chain_(model_->decoder, filter_left(model_->config), block) {
  embedded_ = at::zeros({block, model_->config.width});
  spectrum_ = at::zeros({block, model_->head.out()});
  const at::Tensor square = windows_.shape.square();
  squares_.assign(square.const_data_ptr<float>(), square.const_data_ptr<float>() + windows_.window);
  reset();
}

void SynthesisStream::reset() {
  chain_.reset();
  const auto window = static_cast<size_t>(windows_.window);
  sums_.assign(static_cast<size_t>(model_->config.channels), std::vector<float>(window, 0.f));
  weights_.assign(window, 0.f);
  next_ = written_ = 0;
  // A causal model's first samples are kept: they are the priming that the container drops.
  skip_ = model_->config.causal ? 0 : windows_.left;
  end_ = kOpenEnd;
}

int64_t SynthesisStream::settle() const {
  const Reach reach = decoder_reach(model_->config);
  return (reach.before + reach.after) * windows_.hop + windows_.window;
}

void SynthesisStream::push(std::span<const float> latents, std::vector<float>& samples) {
  const auto d = static_cast<size_t>(model_->config.quantizer.dim), whole = static_cast<size_t>(block_) * d;
  if (end_ != kOpenEnd) throw std::logic_error("audio: latents after the end");
  if (latents.size() % d != 0 || latents.size() > whole) throw std::invalid_argument("audio: latents of another shape");
  if (latents.size() == whole) return run_block(latents.data(), samples);
  end_ = next_ + static_cast<int64_t>(latents.size() / d);
  if (latents.empty()) return;
  std::vector<float> padded(latents.begin(), latents.end());
  padded.resize(whole, 0.f);
  run_block(padded.data(), samples);
}

void SynthesisStream::finish(std::vector<float>& samples) {
  if (end_ == kOpenEnd) end_ = next_;
  const std::vector<float> nothing(static_cast<size_t>(block_ * model_->config.quantizer.dim), 0.f);
  const int64_t total = end_ * windows_.hop;
  while (written_ < total) run_block(nothing.data(), samples);
}

void SynthesisStream::run_block(const float* latents, std::vector<float>& samples) {
  const at::NoGradGuard no_grad;
  const SpeechConfig& c = model_->config;
  const int64_t bins = windows_.window / 2 + 1;
  float* embedded = embedded_.data_ptr<float>();
  apply(model_->from_latent, latents, embedded, block_);
  const float* h = chain_.run(embedded, next_, end_);
  apply(model_->head, h, spectrum_.data_ptr<float>(), block_);
  const at::Tensor parts = spectrum_.view({block_, c.head_parts(), c.channels, bins});
  const auto [re, im] = head_spectrum(c, parts, 1);
  const at::Tensor real = re.contiguous(), imaginary = im.contiguous();  // [n,C,F]
  at::Tensor frames = at::empty({block_, c.channels, windows_.window});
  fft_.inverse(real.const_data_ptr<float>(), imaginary.const_data_ptr<float>(), block_ * c.channels, frames.mutable_data_ptr<float>());
  frames.mul_(windows_.shape / windows_.scale);
  const float* frame = frames.const_data_ptr<float>();
  for (int64_t i = 0; i < block_; ++i, frame += c.channels * windows_.window) {
    const int64_t number = next_ - chain_.lag() + i;
    if (number >= 0) add_frame(frame, windows_.window, number < end_, samples);
  }
  next_ += block_;
}

void SynthesisStream::add_frame(const float* frame, int64_t channel_stride, bool exists, std::vector<float>& samples) {
  const auto window = static_cast<size_t>(windows_.window), hop = static_cast<size_t>(windows_.hop);
  if (exists) {
    for (std::vector<float>& sum : sums_) {
      for (size_t i = 0; i < window; ++i) sum[i] += frame[i];
      frame += channel_stride;
    }
    for (size_t i = 0; i < window; ++i) weights_[i] += squares_[i];
  }
  // The next frame starts one hop later: what lies before it is complete.
  const int64_t limit = end_ == kOpenEnd ? kOpenEnd : end_ * windows_.hop;
  for (size_t i = 0; i < hop; ++i) {
    if (skip_ > 0) {
      --skip_;
      continue;
    }
    if (written_ >= limit) break;
    ++written_;
    // Where no window reaches (the first sample of a causal signal) the sum is zero as well.
    const float gain = 1 / std::max(weights_[i], 1e-9f);
    if (sums_.size() == 1) {
      samples.push_back(sums_[0][i] * gain);
    } else {
      const float mid = sums_[0][i] * gain, side = sums_[1][i] * gain;
      samples.push_back((mid + side) * static_cast<float>(M_SQRT1_2));
      samples.push_back((mid - side) * static_cast<float>(M_SQRT1_2));
    }
  }
  for (std::vector<float>& sum : sums_) {
    std::copy(sum.begin() + static_cast<ptrdiff_t>(hop), sum.end(), sum.begin());
    std::fill(sum.end() - static_cast<ptrdiff_t>(hop), sum.end(), 0.f);
  }
  std::copy(weights_.begin() + static_cast<ptrdiff_t>(hop), weights_.end(), weights_.begin());
  std::fill(weights_.end() - static_cast<ptrdiff_t>(hop), weights_.end(), 0.f);
}

}  // namespace tessera::models::audio
