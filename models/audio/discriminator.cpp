#include "models/audio/discriminator.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace tessera::models::audio {

Discriminator::Discriminator(const DiscriminatorConfig& config) : config_(config) {
  const int64_t w = config.width;
  for (const int64_t period : config.periods) {
    const std::string name = "period" + std::to_string(period);
    std::vector<Layer> layers;
    int64_t in = 1;
    for (const int64_t out : {w, 2 * w, 4 * w, 8 * w}) {
      layers.push_back(layer(name + "." + std::to_string(layers.size()), in, out, {5, 1}, {3, 1}));
      in = out;
    }
    layers.push_back(layer(name + ".4", in, in, {5, 1}, {1, 1}));
    layers.push_back(layer(name + ".score", in, 1, {3, 1}, {1, 1}));
    folded_.push_back(std::move(layers));
  }
  for (const int64_t window : config.windows) {
    const std::string name = "window" + std::to_string(window);
    std::vector<Layer> layers;
    layers.push_back(layer(name + ".0", 2, w, {3, 9}, {1, 1}));
    for (int i = 1; i <= 3; ++i) layers.push_back(layer(name + "." + std::to_string(i), w, w, {3, 9}, {1, 2}));
    layers.push_back(layer(name + ".4", w, w, {3, 3}, {1, 1}));
    layers.push_back(layer(name + ".score", w, 1, {3, 3}, {1, 1}));
    spectral_.push_back(std::move(layers));
    frontends_.emplace_back(window / 4, window, false);
  }
  params_.initialise();
}

Discriminator::Layer Discriminator::layer(const std::string& name, int64_t in, int64_t out, std::vector<int64_t> kernel,
                                          std::vector<int64_t> stride) {
  const double gain = std::sqrt(2.0 / static_cast<double>(in * kernel[0] * kernel[1]));
  Layer l;
  l.weight = params_.add(name + ".weight", {out, in, kernel[0], kernel[1]}, 0.0, out == 1 ? 0.1 * gain : gain, ParamKind::edge);
  l.bias = params_.add(name + ".bias", {out}, 0.0, 0.0, ParamKind::edge);
  l.stride = std::move(stride);
  l.padding = {kernel[0] / 2, kernel[1] / 2};
  return l;
}

void Discriminator::to(at::Device device) {
  for (Param& p : params_.list()) p.tensor.set_data(p.tensor.to(device));
  for (Frontend& f : frontends_) f.to(device);
}

void Discriminator::requires_grad(bool on) {
  for (Param& p : params_.list()) p.tensor.set_requires_grad(on);
}

std::vector<at::Tensor> Discriminator::run(const std::vector<Layer>& layers, at::Tensor x) {
  std::vector<at::Tensor> out;
  x = x.to(layers.front().weight.scalar_type());
  if (x.is_cuda()) x = x.contiguous(at::MemoryFormat::ChannelsLast);  // what the tensor cores take without copies
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& l = layers[i];
    x = at::conv2d(x, l.weight, l.bias, l.stride, l.padding);
    if (i + 1 < layers.size()) x = at::leaky_relu(x, 0.1);
    out.push_back(x);
  }
  return out;
}

Discriminator::Output Discriminator::operator()(const at::Tensor& input) const {
  Output out;
  const int64_t n = input.size(0) * input.size(1);
  const at::Tensor x = input.reshape({n, 1, input.size(2)});
  for (size_t i = 0; i < folded_.size(); ++i) {
    const int64_t period = config_.periods[i];
    out.push_back(run(folded_[i], pad_to(x, period).reshape({n, 1, -1, period})));
  }
  for (size_t i = 0; i < spectral_.size(); ++i) {
    const auto [re, im] = frontends_[i].forward(pad_to(x, config_.windows[i] / 4));
    // Speech fills the spectrum unevenly; a root of the magnitudes lets the first layer see its weak parts.
    const at::Tensor shrink = (re.square() + im.square() + 1e-7).pow(-0.25);
    out.push_back(run(spectral_[i], at::cat({re * shrink, im * shrink}, 1)));
  }
  return out;
}

at::Tensor Discriminator::discriminator_loss(const Output& real, const Output& fake) {
  std::vector<at::Tensor> terms;
  for (size_t i = 0; i < real.size(); ++i) {
    terms.push_back(at::relu(1 - real[i].back().to(at::kFloat)).mean() + at::relu(1 + fake[i].back().to(at::kFloat)).mean());
  }
  return at::stack(terms).mean();
}

at::Tensor Discriminator::generator_loss(const Output& fake) {
  std::vector<at::Tensor> terms;
  for (const auto& layers : fake) terms.push_back(at::relu(1 - layers.back().to(at::kFloat)).mean());
  return at::stack(terms).mean();
}

at::Tensor Discriminator::feature_loss(const Output& real, const Output& fake) {
  std::vector<at::Tensor> terms;
  for (size_t i = 0; i < real.size(); ++i) {
    for (size_t k = 0; k + 1 < real[i].size(); ++k) {
      const at::Tensor target = real[i][k].detach().to(at::kFloat);
      terms.push_back((fake[i][k].to(at::kFloat) - target).abs().mean() / (target.abs().mean() + 1e-4));
    }
  }
  return at::stack(terms).mean();
}

}  // namespace tessera::models::audio
