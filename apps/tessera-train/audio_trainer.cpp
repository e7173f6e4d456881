#include "apps/tessera-train/audio_trainer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <memory>

#include "models/audio/losses.h"
#include "models/audio/loudness.h"
#include "models/weights.h"

namespace tessera::train {
namespace {

using models::audio::Discriminator;
using models::audio::LoudnessLoss;
using models::audio::SpectralLoss;
using models::audio::Speech;

// The discriminators' optimiser.
OptimizerRecipe adversary_of(OptimizerRecipe recipe) {
  recipe.muon = false;
  recipe.beta1 = 0.8;  // a short memory: the opponent moves
  recipe.beta2 = 0.99;
  return recipe;
}

class AudioRun : public TrainingRun {
 public:
  AudioRun(const AudioRecipe& recipe, const RunOptions& options)
      : TrainingRun(recipe.optimizer, options),
        recipe_(recipe),
        network_(recipe.config),
        discriminator_(recipe.discriminator),
        spectral_(recipe.config.sample_rate, device_),
        loudness_(recipe.config.sample_rate, device_) {
    if (recipe.lapped_latents > 0) network_.lapped_init(recipe.lapped_latents);
    if (!options.init.empty()) load_weights(options.init);
    network_.to(device_);
    discriminator_.to(device_);
    attach(network_.params());
    judge_flat_ = std::make_unique<FlatParams>(discriminator_.params(), device_);
    judge_optimizer_ = std::make_unique<Optimizer>(*judge_flat_, adversary_of(recipe.optimizer), peers_);
    batches_ = std::make_unique<AudioBatches>(options.data, recipe.config.sample_rate, recipe.config.channels, device_);
    if (!options.eval.empty()) eval_ = std::make_unique<AudioBatches>(options.eval, recipe.config.sample_rate, recipe.config.channels, device_);
    fade_ = at::ones({}, flat_->master.options());
    resume();
    say(text_of("parameters %lld, discriminators %lld, encode %.4g decode %.4g MMAC/s, clips %lld, hours %.4g", static_cast<long long>(flat_->size()),
                static_cast<long long>(judge_flat_->size()), network_.encode_macs() / 1e6, network_.decode_macs() / 1e6, static_cast<long long>(batches_->clips()),
                batches_->seconds() / 3600));
  }

 private:
  size_t phases() const override { return recipe_.phases.size(); }
  const PhaseTimes& times(size_t phase) const override { return recipe_.phases[phase]; }
  std::string describe(size_t phase) const override {
    return (recipe_.phases[phase].adversarial ? "adversarial, segment " : "segment ") + std::to_string(segment(recipe_.phases[phase]));
  }
  std::string recipe_json() const override { return recipe_.to_json(); }

  int64_t segment(const AudioPhase& phase) const {
    const auto samples = static_cast<int64_t>(phase.seconds * static_cast<double>(recipe_.config.sample_rate));
    return (samples + recipe_.config.hop - 1) / recipe_.config.hop * recipe_.config.hop;
  }

  void begin(size_t phase) override {
    judge_flat_->bind_training(recipe_.phases[phase].mixed_precision && options_.cuda ? at::kBFloat16 : at::kFloat);
    sums_.start(10, flat_->master.options(), peers_);
    phase_step_ = step_;
  }

  // The discriminators learn first, from the signal that the
  // generator is then corrected on.
  void step(size_t index) override {
    const AudioPhase& phase = recipe_.phases[index];
    const at::Tensor x = batches_->sample(phase.batch, segment(phase), recipe_.variation);
    flat_->zero_gradient();
    const at::Tensor levels = network_.quantizer().random_levels(phase.batch, recipe_.all_levels);
    const Speech::Output out = network_.forward(x, levels, true);
    at::Tensor judge_loss = at::zeros({}, x.options()), fool = judge_loss, match = judge_loss;
    if (phase.adversarial) {
      judge_flat_->zero_gradient();
      discriminator_.requires_grad(true);
      const at::Tensor loss = Discriminator::discriminator_loss(discriminator_(x), discriminator_(out.y.detach()));
      torch::autograd::backward({loss}, {});
      const at::NoGradGuard no_grad;
      judge_optimizer_->step(judge_flat_->gradient());
      judge_loss = loss.detach();
    }
    // The distances hear magnitudes only: two channels can each be right and cancel in their sum. A third channel, a mixture of the two that
    // is drawn anew for each segment, hears what they have in common.
    const auto with_mixture = [&, angle = at::rand({phase.batch, 1, 1}, x.options()) * M_PI](const at::Tensor& signal) {
      if (signal.size(1) != 2) return signal;
      return at::cat({signal, signal.narrow(1, 0, 1) * at::cos(angle) + signal.narrow(1, 1, 1) * at::sin(angle)}, 1);
    };
    const SpectralLoss::Terms distance = spectral_(with_mixture(out.y), with_mixture(x), levels.ge(static_cast<double>(recipe_.complex_from)).to(at::kFloat));
    const at::Tensor wave = (out.y - x).abs().mean();
    at::Tensor loss = recipe_.mel * distance.mel + recipe_.stft * distance.stft + recipe_.wave * wave + recipe_.quantizer * out.quantizer_loss;
    if (recipe_.multi > 0) loss = loss + recipe_.multi * distance.multi;
    if (recipe_.complex > 0) loss = loss + recipe_.complex * distance.complex;
    at::Tensor loud = at::zeros({}, x.options());
    if (recipe_.loudness > 0) {
      loud = loudness_(out.y, x);
      loss = loss + recipe_.loudness * loud;
    }
    if (phase.adversarial) {
      discriminator_.requires_grad(false);
      Discriminator::Output real;
      {
        const at::NoGradGuard no_grad;
        real = discriminator_(x);
      }
      const Discriminator::Output fake = discriminator_(out.y);
      fool = Discriminator::generator_loss(fake);
      match = Discriminator::feature_loss(real, fake);
      loss = loss + fade_ * (recipe_.adversarial * fool + recipe_.feature * match);
    }
    torch::autograd::backward({loss}, {});
    const at::NoGradGuard no_grad;
    optimizer_->step(flat_->gradient());
    for (auto [name, tensor] : network_.quantizer().buffers()) peers_->mean(tensor);  // codes that follow what chose them, everywhere
    sums_.add(at::stack({loss.detach(), distance.mel.detach(), distance.stft.detach(), distance.multi.detach(), distance.complex.detach(), loud.detach(),
                         out.quantizer_loss.detach(), judge_loss, fool.detach(), match.detach()}));
  }

  std::string statistics(size_t index, double steps_a_second, bool& usable) override {
    const AudioPhase& phase = recipe_.phases[index];
    int64_t steps = 0;
    const std::vector<double> v = sums_.take(&steps);
    usable = steps > 0;
    std::string text = text_of("loss %.4f mel %.4f stft %.4f multi %.4f complex %.4f loudness %.4f quantizer %.4f audio s/s %.0f", v[0], v[1], v[2], v[3], v[4], v[5], v[6],
                               steps_a_second * samples(phase) * phase.seconds);
    if (phase.adversarial) {
      text += text_of(" judge %.3f fool %.3f match %.4f judge_skipped %.0f", v[7], v[8], v[9], static_cast<double>(judge_optimizer_->skipped.cpu().item<float>()));
    }
    // Perplexity of each level, and the share of its codes that were used at all since the last line.
    const at::Tensor perplexity = network_.quantizer().perplexity().cpu(), usage = network_.quantizer().usage().cpu();
    text += " codes";
    for (int64_t l = 0; l < perplexity.numel(); ++l) {
      text += text_of(" %.0f/%.2f", static_cast<double>(perplexity.const_data_ptr<float>()[l]), static_cast<double>(usage.const_data_ptr<float>()[l]));
    }
    network_.quantizer().clear_counts();
    return text;
  }

  void set_rates(size_t index, double t) override {
    TrainingRun::set_rates(index, t);
    const AudioPhase& phase = recipe_.phases[index];
    judge_optimizer_->rate.fill_(phase.discriminator_rate * rate_now_ / phase.rate_begin);
    fade_.fill_(std::min(1.0, static_cast<double>(step_ - phase_step_ + 1) / recipe_.adversarial_warmup));
  }

  // Weights: the averaged parameters in float16 under their names, moving codes included; frozen codes are made from the
  // configuration. A checkpoint has everything in float32, the discriminators too.
  void export_weights(const std::string& path, const std::string& record) override {
    std::map<std::string, at::Tensor> weights;
    for (const models::Param& p : network_.params().list()) weights[p.name] = flat_->view(optimizer_->average, p.name).cpu().to(at::kHalf);
    for (const auto& [name, tensor] : network_.quantizer().buffers()) weights[name] = tensor.cpu().to(at::kHalf);
    models::save_weights(path, weights,
                         {{"model", options_.name}, {"revision", std::to_string(options_.revision)}, {"config", recipe_.config.to_json()}, {"training", record}});
  }

  void each_state(const Visit& visit) override {
    TrainingRun::each_state(visit);
    visit_optimizer("judge_", *judge_flat_, *judge_optimizer_, visit);
    for (auto [name, tensor] : network_.quantizer().buffers()) visit(name, tensor);
  }

  void load_weights(const std::string& path) {
    const at::NoGradGuard no_grad;
    const models::Weights w = models::load_weights(path);
    for (models::Param& p : network_.params().list()) p.tensor.copy_(w.real(p.name, p.tensor.sizes()));
    // Moving codes go on from where they are; a released file has no more than them.
    for (auto [name, tensor] : network_.quantizer().buffers()) {
      if (name == "quantizer.moving_count") {
        tensor.fill_(1.0);
      } else {
        tensor.copy_(w.real("quantizer.codes", tensor.sizes()));
      }
    }
    previous_ = w.metadata.contains("training") ? w.metadata.at("training") : "";
  }

  // Distances of the averaged weights on the first ten seconds of each clip, over the bit rates. What was decoded is left
  // beside the weights as raw samples, for measures that other programs make.
  bool evaluate() override {
    const at::NoGradGuard no_grad;
    flat_->bind_values(optimizer_->average);
    for (int64_t levels = 1; levels <= recipe_.config.quantizer.levels; levels *= 2) {
      double mel = 0, stft = 0, loud = 0, complex = 0, multi = 0;
      for (int64_t i = 0; i < eval_->clips(); ++i) {
        const at::Tensor original = eval_->clip(i, 10 * recipe_.config.sample_rate), x = models::audio::pad_to(original, recipe_.config.hop);
        const at::Tensor y = network_.forward(x, at::full({1}, static_cast<double>(levels), x.options()), false).y;
        const SpectralLoss::Terms t = spectral_(y, x);
        mel += t.mel.item<double>();
        stft += t.stft.item<double>();
        complex += t.complex.item<double>();
        multi += t.multi.item<double>();
        loud += loudness_(y, x).item<double>();
        const at::Tensor raw = (y[0].narrow(1, 0, original.size(2)).t() * 32768).round().clamp(-32768, 32767).to(at::kShort).cpu().contiguous();
        std::ofstream out(options_.out + "/clip" + std::to_string(i) + "_levels" + std::to_string(levels) + ".s16", std::ios::binary);
        out.write(static_cast<const char*>(raw.const_data_ptr()), static_cast<std::streamsize>(raw.nbytes()));
      }
      const double n = static_cast<double>(eval_->clips());
      say(text_of("eval levels %lld kbit/s %.2f mel %.4f stft %.4f multi %.4f complex %.4f loudness %.4f", static_cast<long long>(levels),
                    recipe_.config.bit_rate(levels) / 1000, mel / n, stft / n, multi / n, complex / n, loud / n));
    }
    return true;
  }

  const AudioRecipe recipe_;
  Speech network_;
  Discriminator discriminator_;
  SpectralLoss spectral_;
  std::unique_ptr<FlatParams> judge_flat_;
  std::unique_ptr<Optimizer> judge_optimizer_;
  std::unique_ptr<AudioBatches> batches_, eval_;
  const LoudnessLoss loudness_;
  Sums sums_;  // loss, its distances, then the discriminators' terms
  at::Tensor fade_;
  int64_t phase_step_ = 0;
};

}  // namespace

int train_audio(const AudioRecipe& recipe, const RunOptions& options) {
  at::manual_seed(recipe.optimizer.seed);
  prepare_device(options);
  return AudioRun(recipe, options).go();
}

}  // namespace tessera::train
