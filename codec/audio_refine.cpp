#include "codec/audio_refine.h"

#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace tessera {
namespace {

using models::audio::SpeechModel;

// Shares of the distances (models/audio/losses.h), chosen on clips of the training set (docs/results/audio.md).
constexpr double kMel = 15, kStft = 1, kMulti = 6;
constexpr double kLoudnessOfOne = 10, kLoudnessOfTwo = 1;  // of a model of one channel, i.e. of speech, and of two
// Adam's (Kingma and Ba, arXiv 1412.6980), short of memory: codes jump, and the gradient with them.
constexpr double kRate = 0.1, kBeta1 = 0.5, kBeta2 = 0.9;

at::Tensor tensor_of(std::span<const float> values, int64_t columns) {
  return at::tensor(at::ArrayRef<float>(values.data(), values.size())).view({-1, columns});
}

}  // namespace

AudioRefiner::AudioRefiner(std::shared_ptr<const SpeechModel> model, uint32_t heard, int rounds)
    : model_(std::move(model)),
      heard_(heard),
      rounds_(rounds),
      margin_(model_->config.window / model_->config.hop),
      synthesis_(model_),
      spectral_(model_->config.sample_rate, at::kCPU),
      loudness_(model_->config.sample_rate, at::kCPU) {
  const models::audio::Reach reach = decoder_reach(model_->config);
  before_ = reach.before + margin_;
  after_ = reach.after + margin_;
}

// What is compared: the source's channels and, of two, what they have in common, so that distances that are deaf to phase keep the sides together.
at::Tensor AudioRefiner::heard(const at::Tensor& samples) const {
  if (samples.size(0) == 1) return samples.unsqueeze(0);
  if (heard_ == 1) return samples.narrow(0, 0, 1).unsqueeze(0);
  return at::cat({samples, samples.mean(0, true)}).unsqueeze(0);
}

int AudioRefiner::operator()(const Packet& packet, const Codes& codes) const {
  const auto& c = model_->config;
  const int64_t d = c.quantizer.dim, p = static_cast<int64_t>(packet.past.size()) / d, n = static_cast<int64_t>(packet.latents.size()) / d,
                f = static_cast<int64_t>(packet.future.size()) / d;
  const c10::InferenceMode training(false);  // gradients are wanted here
  const at::Tensor past = tensor_of(packet.past, d), future = tensor_of(packet.future, d), samples = tensor_of(packet.samples, c.channels).t();
  // What the packet's codes can change, of what has been sent in and is decoded in full.
  const int64_t complete = (p + n + f - (c.causal ? margin_ - 1 : 0)) * c.hop;
  const int64_t begin = std::max<int64_t>(0, (p - margin_) * c.hop), end = std::min({complete, (p + n + margin_) * c.hop, samples.size(1)});
  if (end <= begin) return codes(packet.latents), 0;
  const at::Tensor x = heard(samples.slice(1, begin, end));
  const models::audio::SpectralLoss::Reference reference = spectral_.reference(x);
  at::Tensor z = tensor_of(packet.latents, d), first = at::zeros_like(z), second = at::zeros_like(z);
  int best = 0;
  double least = 0;
  for (int t = 0; t <= rounds_; ++t) {
    const Tried tried = codes({z.const_data_ptr<float>(), static_cast<size_t>(z.numel())});
    const bool last = t == rounds_;
    at::AutoGradMode gradients(!last);
    const at::Tensor q = tensor_of(tried.latents, d).set_requires_grad(!last);
    const at::Tensor y = heard(synthesis_(at::cat({past, q, future})).slice(1, begin, end));
    const models::audio::SpectralLoss::Terms terms = spectral_(y, reference);
    const at::Tensor loss = terms.mel * kMel + terms.stft * kStft + terms.multi * kMulti + loudness_(y, x) * (c.channels == 1 ? kLoudnessOfOne : kLoudnessOfTwo);
    const double distance = loss.item<double>();
    if (t == 0 || (tried.allowed && distance < least)) least = distance, best = t;
    if (last) break;
    const at::Tensor gradient = torch::autograd::grad({loss}, {q})[0];
    first.mul_(kBeta1).add_(gradient, 1 - kBeta1);
    second.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    const double c1 = 1 - std::pow(kBeta1, t + 1), c2 = 1 - std::pow(kBeta2, t + 1);
    const at::NoGradGuard no_gradient;
    z = z - first / c1 / ((second / c2).sqrt() + 1e-12) * kRate;
  }
  return best;
}

}  // namespace tessera
