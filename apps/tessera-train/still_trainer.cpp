#include "apps/tessera-train/still_trainer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <memory>

#include "apps/tessera-train/batches.h"
#include "apps/tessera-train/grids.h"
#include "models/still_model.h"

namespace tessera::train {
namespace {

using models::Still;
using models::exact::Mode;

class StillRun : public TrainingRun {
 public:
  StillRun(const StillRecipe& recipe, const RunOptions& options) : TrainingRun(recipe.optimizer, options), recipe_(recipe), network_(recipe.config) {
    if (!options.init.empty()) {
      const models::Weights w = models::load_weights(options.init);
      models::resume_from_export(network_, w);
      previous_ = w.metadata.contains("training") ? w.metadata.at("training") : "";
    }
    network_.to(device_);
    attach(network_.params());
    batches_ = std::make_unique<Batches>(options.data, device_);
    if (!options.eval.empty()) eval_ = std::make_unique<Batches>(options.eval, device_);
    resume();
    say(text_of("parameters %lld, encode %.4g decode %.4g kMAC/pixel, pictures %lld", static_cast<long long>(flat_->size()), network_.encode_macs() / 1000,
                network_.decode_macs() / 1000, static_cast<long long>(batches_->pictures())));
  }

 private:
  size_t phases() const override { return recipe_.phases.size(); }
  const PhaseTimes& times(size_t phase) const override { return recipe_.phases[phase]; }
  std::string describe(size_t phase) const override { return "crop " + std::to_string(recipe_.phases[phase].crop); }
  std::string recipe_json() const override { return recipe_.to_json(); }
  void begin(size_t) override { sums_.start(4, flat_->master.options(), peers_); }
  void refresh_grids() override { set_grids(*flat_, network_.exact_linears(), network_.exact_depthwises()); }

  void step(size_t index) override {
    const StillPhase& phase = recipe_.phases[index];
    flat_->zero_gradient();
    const at::Tensor x = batches_->sample(phase.batch, phase.crop);
    const at::Tensor q = at::rand({phase.batch, 1, 1, 1}, x.options());
    const Still::Losses l = network_.forward(x, q, true, Mode::quantised);
    torch::autograd::backward({l.loss}, {});
    const at::NoGradGuard no_grad;
    optimizer_->step(flat_->gradient());
    const double pixels = static_cast<double>(phase.crop * phase.crop);
    sums_.add(at::stack({l.loss.detach(), l.bits_y.detach().mean() / pixels, l.bits_z.detach().mean() / pixels, (l.mse.detach() + 1e-10).log10().mean() * -10}));
  }

  std::string statistics(size_t index, double steps_a_second, bool& usable) override {
    const StillPhase& phase = recipe_.phases[index];
    int64_t steps = 0;
    const std::vector<double> v = sums_.take(&steps);
    usable = steps > 0;
    return text_of("loss %.4f bpp %.4f (z %.4f) psnr %.3f Mpx/s %.1f", v[0], v[1] + v[2], v[2], v[3],
                   steps_a_second * samples(phase) * static_cast<double>(phase.crop * phase.crop) / 1e6);
  }

  void export_weights(const std::string& path, const std::string& record) override {
    const at::Tensor average = optimizer_->average.cpu();
    Still copy(recipe_.config, Still::Uninitialised{});
    for (models::Param& p : copy.params().list()) p.tensor.copy_(flat_->view(average, p.name));
    models::export_still(copy, path, options_.name, options_.revision, record);
  }

  // Estimated rate and PSNR of the averaged weights on the evaluation pack: rounded latents, exact layers on and off.
  bool evaluate() override {
    const at::NoGradGuard no_grad;
    for (const Mode mode : {Mode::quantised, Mode::real}) {
      flat_->bind_values(mode == Mode::quantised ? flat_->on_grid(optimizer_->average) : optimizer_->average);
      for (const int quality : {2, 10, 18, 26, 34, 42, 50, 58, 63}) {
        double bpp = 0, psnr = 0;
        for (int64_t i = 0; i < eval_->pictures(); ++i) {
          const at::Tensor x = eval_->picture(i, models::kAlign);
          const at::Tensor q = at::full({1, 1, 1, 1}, quality / 63.0, x.options());
          const Still::Losses l = network_.forward(x, q, false, mode);
          bpp += (l.bits_y + l.bits_z).sum().item<double>() / static_cast<double>(x.size(1) * x.size(2));
          psnr += -10 * std::log10(l.mse.mean().item<double>());
        }
        const double n = static_cast<double>(eval_->pictures());
        say(text_of("eval %s quality %d bpp %.4f psnr %.3f", mode == Mode::quantised ? "exact" : "float", quality, bpp / n, psnr / n));
      }
    }
    return true;
  }

  const StillRecipe recipe_;
  Still network_;
  std::unique_ptr<Batches> batches_, eval_;
  Sums sums_;  // loss, bits a pixel of latents and hyperlatents, dB
};

}  // namespace

int train_still(const StillRecipe& recipe, const RunOptions& options) {
  at::manual_seed(recipe.optimizer.seed);
  prepare_device(options);
  return StillRun(recipe, options).go();
}

}  // namespace tessera::train
