// Discriminators of the adversarial phase: folded waveforms (multi-period: Kong et al., HiFi-GAN, arXiv 2010.05646) and complex
// spectra at several resolutions (multi-resolution: as in EnCodec, arXiv 2210.13438), with hinge losses and feature matching. They
// train in float32 or bfloat16, whatever type their parameters have, and are no part of a shipped model.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "models/audio/frontend.h"
#include "models/params.h"

namespace tessera::models::audio {

struct DiscriminatorConfig {
  std::vector<int64_t> periods = {2, 3, 5, 7, 11};  // samples
  std::vector<int64_t> windows = {2048, 1024, 512};  // samples, hop a quarter
  int64_t width = 32;  // of the first layer; folded waveforms widen to 8 times that
};

class Discriminator {
 public:
  explicit Discriminator(const DiscriminatorConfig& config);

  ParamSet& params() { return params_; }
  void to(at::Device device);
  // Turned off while the generator's gradient passes through.
  void requires_grad(bool on);

  // One entry a sub-discriminator: the features of each layer, the scores last.
  using Output = std::vector<std::vector<at::Tensor>>;
  Output operator()(const at::Tensor& x) const;  // [B,C,T]; channels are judged one by one

  // Hinge losses, means over the sub-discriminators.
  static at::Tensor discriminator_loss(const Output& real, const Output& fake);
  static at::Tensor generator_loss(const Output& fake);
  // Mean absolute difference of the features, each layer relative to its size on the real signal. Gradients flow to `fake` only.
  static at::Tensor feature_loss(const Output& real, const Output& fake);

 private:
  struct Layer {
    at::Tensor weight, bias;
    std::vector<int64_t> stride, padding;
  };
  Layer layer(const std::string& name, int64_t in, int64_t out, std::vector<int64_t> kernel, std::vector<int64_t> stride);
  static std::vector<at::Tensor> run(const std::vector<Layer>& layers, at::Tensor x);

  DiscriminatorConfig config_;
  ParamSet params_;
  std::vector<Frontend> frontends_;
  std::vector<std::vector<Layer>> folded_, spectral_;
};

}  // namespace tessera::models::audio
