#include "apps/tessera-train/video_trainer.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>

#include "apps/tessera-train/clips.h"
#include "apps/tessera-train/grids.h"
#include "apps/tessera-train/rescale.h"
#include "apps/tessera-train/roughen.h"
#include "apps/tessera-train/video_evaluate.h"
#include "models/video/motion_model.h"
#include "models/video/motion_search.h"
#include "models/video/widen.h"

namespace tessera::train {
namespace {

using models::Motion;
using models::Planes;
using models::VectorField;
using models::exact::Mode;

// Where the evaluation samples the range of qualities.
constexpr int kQualities5[] = {6, 18, 30, 42, 54};

// Of a sample's gradient, in those of the batch's median sample: natural pictures differ by so much, one on which the network fails by a thousandfold.
constexpr double kGradientLimit = 4;

// Prints one line a clip and quality and one for the mean of all clips. Returns the bits of everything.
double evaluate_pack(const Motion& network, const VideoClips& clips, at::Device device, const EvaluateOptions& base, const std::vector<int>& qualities,
                     const char* label, const std::function<void(const std::string&)>& say) {
  const TableCosts costs(network, device);
  double all = 0;
  for (const int quality : qualities) {
    EvaluateOptions options = base;
    options.quality = quality;
    double bpp = 0, psnr = 0;
    for (int64_t i = 0; i < clips.clips(); ++i) {
      const ClipResult r = evaluate_clip(network, clips, i, costs, options);
      say(text_of("eval %s quality %d clip %lld bpp %.5f psnr %.3f (y %.3f u %.3f v %.3f, last y %.3f) key %.1f%% vectors %.1f%% hyper %.1f%%", label, quality,
                  static_cast<long long>(i), r.bpp, r.psnr(), r.psnr_y, r.psnr_u, r.psnr_v, r.last_y, 100 * r.key_bits / r.bits,
                  100 * r.vector_bits / r.bits, 100 * r.hyper_bits / r.bits));
      bpp += r.bpp;
      psnr += r.psnr();
      all += r.bits;
    }
    const double n = static_cast<double>(clips.clips());
    say(text_of("eval %s quality %d mean bpp %.5f psnr %.3f", label, quality, bpp / n, psnr / n));
  }
  return all;
}

Planes joined(const std::vector<Planes>& parts) {
  if (parts.size() == 1) return parts[0];
  std::vector<at::Tensor> y, uv;
  for (const Planes& p : parts) {
    y.push_back(p.y);
    uv.push_back(p.uv);
  }
  return {at::cat(y), at::cat(uv)};
}

class VideoRun : public TrainingRun {
 public:
  VideoRun(const VideoRecipe& recipe, const VideoRunOptions& options)
      : TrainingRun(recipe.optimizer, options.run), recipe_(recipe), eval_frames_(options.eval_frames), network_(recipe.config) {
    const RunOptions& run = options.run;
    if (!run.init.empty()) {
      const models::Weights w = models::load_weights(run.init);
      models::start_from(network_, w);
      previous_ = w.metadata.contains("training") ? w.metadata.at("training") : "";
    }
    network_.set_gradient_limit(kGradientLimit);
    network_.set_relative_loss(recipe.relative);
    network_.to(device_);
    attach(network_.params());
    clips_ = std::make_unique<VideoClips>(run.data, device_);
    if (!options.pictures.empty()) pictures_ = std::make_unique<MovingPictures>(options.pictures, device_, recipe.patterns);
    if (!run.eval.empty()) eval_ = std::make_unique<VideoClips>(run.eval, device_);
    resume();
    say(text_of("parameters %lld, encode %.4g decode %.4g kMAC/pixel, clips %lld frames %lld pictures %lld", static_cast<long long>(flat_->size()),
                network_.encode_macs() / 1000, network_.decode_macs() / 1000, static_cast<long long>(clips_->clips()),
                static_cast<long long>(clips_->frames()), static_cast<long long>(pictures_ ? pictures_->pictures() : 0)));
  }

 private:
  size_t phases() const override { return recipe_.phases.size(); }
  const PhaseTimes& times(size_t phase) const override { return recipe_.phases[phase]; }
  std::string describe(size_t phase) const override {
    const VideoPhase& p = recipe_.phases[phase];
    return "frames " + std::to_string(p.frames) + " crop " + std::to_string(p.crop);
  }
  std::string recipe_json() const override { return recipe_.to_json(); }
  int64_t steps_ahead() const override { return 4; }  // they are long
  void refresh_grids() override { set_grids(*flat_, network_.prior().linears(), network_.prior().depthwises()); }

  void begin(size_t phase) override {
    std::vector<float> bonus;
    for (const int steps : kQualityPattern) bonus.push_back(static_cast<float>(steps) / 63.0f);
    pattern_ = at::tensor(bonus).to(device_);
    times_ = at::arange(recipe_.phases[phase].frames, at::kLong).unsqueeze(0).to(device_);
    sums_.start(9, flat_->master.options(), peers_);
  }

  // Shares are rounded to whole samples, so that the step of a phase can be captured.
  Planes clips_of(const VideoPhase& phase) const {
    const at::NoGradGuard no_grad;
    const auto count_of = [&](double share) { return static_cast<int64_t>(std::lround(share * static_cast<double>(phase.batch))); };
    const int64_t synthetic = pictures_ ? count_of(phase.synthetic) : 0;
    const int64_t large = std::min(count_of(phase.enlarged), phase.batch - synthetic), small = std::min(count_of(phase.reduced), phase.batch - synthetic - large);
    const int64_t plain = phase.batch - synthetic - large - small;
    std::vector<Planes> parts;
    if (plain > 0) parts.push_back(clips_->sample(plain, phase.frames, phase.crop, phase.skip));
    if (large > 0) parts.push_back(enlarged(*clips_, large, phase.frames, phase.crop, phase.skip));
    if (small > 0) parts.push_back(reduced(*clips_, small, phase.frames, phase.crop, phase.skip));
    if (recipe_.rough > 0 && !parts.empty()) parts = {roughened(joined(parts), recipe_.rough)};
    if (synthetic > 0) parts.push_back(pictures_->sample(synthetic, phase.frames, phase.crop));
    return joined(parts);
  }

  void step(size_t index) override {
    const VideoPhase& phase = recipe_.phases[index];
    flat_->zero_gradient();
    const int64_t b = phase.batch, t = phase.frames;
    const Planes clips = clips_of(phase);
    const at::TensorOptions real = clips.y.options();
    const at::Tensor patterned = (at::rand({b, 1}, real) < recipe_.patterned).to(at::kFloat);
    Motion::Chains chains = {phase.drop, phase.lead, {}};
    at::Tensor since_key = times_;  // [1 or b,t]
    if (phase.keys > 0 && t > 1) {
      // One time for the whole batch: with a few key frames among predicted ones networks unlearnt them, held down, it seems, to what those weigh (kGradientLimit).
      const at::Tensor has = at::rand({1}, real) < phase.keys;
      chains.key_time = ((at::floor(at::rand({1}, real) * (static_cast<double>(t - 1) * 0.999999)).to(at::kLong) + 1) * has.to(at::kLong)).expand({b});
      const at::Tensor key = chains.key_time.unsqueeze(1);
      since_key = times_ - key * (times_ >= key).to(at::kLong);
    }
    at::Tensor bonus = pattern_.index_select(0, at::remainder(since_key, 8).reshape({-1})).reshape(since_key.sizes());
    // Only where a recipe asks for it, so that the others draw the same numbers as ever.
    if (recipe_.key_bonus_most > recipe_.key_bonus_least || recipe_.key_bonus_least != kQualityPattern[0]) {
      const double least = static_cast<double>(recipe_.key_bonus_least) / 63, most = static_cast<double>(recipe_.key_bonus_most) / 63;
      bonus = at::where(since_key == 0, least + (most - least) * at::rand({b, 1}, real), bonus);
    }
    const at::Tensor q = (at::rand({b, 1}, real) + patterned * bonus).clamp_max(1);  // [b,t]
    std::vector<Planes> frames;
    for (int64_t i = 0; i < t; ++i) frames.push_back(models::frame_of(clips, i));
    std::vector<VectorField> vectors;
    if (t > 1) {
      const auto flatten = [&](const at::Tensor& y) { return y.reshape({b * (t - 1), 1, phase.crop, phase.crop}); };
      const at::Tensor penalty = network_.lambda(q.narrow(1, 1, t - 1)).rsqrt().reshape({b * (t - 1), 1, 1}) * recipe_.config.vector_weight();
      const VectorField all = recipe_.config.conditioning
                                  ? models::search_vectors(flatten(clips.y.narrow(1, 1, t - 1)), flatten(clips.y.narrow(1, 0, t - 1)), penalty,
                                                           {.reach = phase.reach, .quarters = phase.quarters, .interpolation = recipe_.config.interpolation})
                                  : models::zero_vectors(b * (t - 1), phase.crop / 16, phase.crop / 16, real);
      const auto at_time = [&](const at::Tensor& v, int64_t i) { return v.reshape({b, t - 1, v.size(1), v.size(2), v.size(3)}).select(1, i); };
      for (int64_t i = 0; i + 1 < t; ++i) vectors.push_back({at_time(all.coarse, i), at_time(all.delta, i)});
    }
    const Motion::Losses l = network_.forward(frames, vectors, q, chains, {.noise = true});
    torch::autograd::backward({l.loss}, {});
    const at::NoGradGuard no_grad;
    optimizer_->step(flat_->gradient());
    const at::Tensor predicted = t > 1 ? l.stats.narrow(0, 1, t - 1).mean(0) : at::zeros_like(l.stats.select(0, 0));
    sums_.add(at::cat({l.stats.select(0, 0), predicted, l.loss.detach().reshape({1})}));
  }

  std::string statistics(size_t index, double steps_a_second, bool& usable) override {
    const VideoPhase& phase = recipe_.phases[index];
    int64_t steps = 0;
    const std::vector<double> v = sums_.take(&steps);
    usable = steps > 0;
    std::string line = text_of("loss %.4f key bpp %.4f psnr %.3f", v[8], v[0], -10 * v[2]);
    if (phase.frames > 1) line += text_of(" next bpp %.4f vectors %.4f psnr %.3f", v[4], v[5], -10 * v[6]);
    const double pixels = samples(phase) * static_cast<double>(phase.frames * phase.crop * phase.crop) / 1e6;
    return line + text_of(" steps/s %.2f Mpx/s %.1f", steps_a_second, pixels * steps_a_second);
  }

  void export_weights(const std::string& path, const std::string& record) override {
    const at::Tensor average = optimizer_->average.cpu();
    Motion copy(recipe_.config, Motion::Uninitialised{});
    for (models::Param& p : copy.params().list()) p.tensor.copy_(flat_->view(average, p.name));
    models::export_motion(copy, path, options_.name, options_.revision, record);
  }

  // The averaged weights: exact layers as they are trained, without their rounding, and frozen in the file just written.
  bool evaluate() override {
    const at::NoGradGuard no_grad;
    const auto tell = [&](const std::string& line) { say(line); };
    EvaluateOptions options;
    options.frames = eval_frames_;
    const std::vector<int> all(std::begin(kQualities5), std::end(kQualities5)), middle = {kQualities5[2]};
    flat_->bind_values(flat_->on_grid(optimizer_->average));
    const double trained = evaluate_pack(network_, *eval_, device_, options, middle, "trained", tell);
    flat_->bind_values(optimizer_->average);
    options.mode = Mode::real;
    evaluate_pack(network_, *eval_, device_, options, middle, "float", tell);
    options.mode = Mode::quantised;
    options.frozen = true;
    const auto model = models::load_motion(weights_path());
    model->network.to(device_);
    const double frozen = evaluate_pack(model->network, *eval_, device_, options, middle, "exact", tell);
    const bool agree = std::abs(frozen / trained - 1) < 0.01;
    say(text_of("frozen against trained: %+.3f %% bits%s", 100 * (frozen / trained - 1), agree ? "" : ": more than 1 %, they disagree"));
    std::vector<int> others;
    for (const int quality : all) {
      if (quality != middle[0]) others.push_back(quality);
    }
    evaluate_pack(model->network, *eval_, device_, options, others, "exact", tell);
    return agree;
  }

  const VideoRecipe recipe_;
  const int64_t eval_frames_;
  Motion network_;
  std::unique_ptr<VideoClips> clips_, eval_;
  std::unique_ptr<MovingPictures> pictures_;
  at::Tensor pattern_;  // [8]: what is added to the quality of each frame
  at::Tensor times_;    // int64 [1, frames]
  Sums sums_;           // statistics of key frames, of the others (Motion::Losses), loss
};

}  // namespace

int train_video(const VideoRecipe& recipe, const VideoRunOptions& options) {
  at::manual_seed(recipe.optimizer.seed);
  prepare_device(options.run);
  return VideoRun(recipe, options).go();
}

int evaluate_video(const VideoRunOptions& options) {
  prepare_device(options.run);
  const at::Device device = options.run.cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  const auto model = models::load_motion(options.run.init);
  model->network.to(device);
  const VideoClips clips(options.run.eval, device);
  EvaluateOptions evaluate;
  evaluate.frames = options.eval_frames;
  evaluate.frozen = true;
  evaluate_pack(model->network, clips, device, evaluate, {std::begin(kQualities5), std::end(kQualities5)}, "exact", [](const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  });
  return 0;
}

}  // namespace tessera::train
