#include "codec/overfit_encode.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "codec/guard.h"
#include "codec/last_good.h"
#include "codec/rate_weight.h"
#include "codec/stopwatch.h"
#include "models/inr/fit.h"
#include "models/inr/synthesis.h"
#include "models/parallel.h"
#include "models/step_graph.h"

namespace tessera {
namespace {

namespace inr = models::inr;
using Clock = std::chrono::steady_clock;

// Rates of learning: the first phase's falls to 0.02 of its start, the second's to 0.1 (overfit_schedule.h). A larger
// rate of the second phase lets latents wander over the edges of rounding and back.
// Few steps have to be long ones; C3 takes 0.01 for 100 000. Half of this cost 2 % of the bits at 16 000 steps (docs/results/overfit.md).
double soft_rate(int64_t steps) { return std::clamp(0.1 * std::pow(1500.0 / static_cast<double>(steps), 0.35), 0.01, 0.05); }
// Of the weights.
double soft_weight_rate(int64_t steps) { return 0.025 * std::min(1.0, std::pow(1500.0 / static_cast<double>(steps), 0.2)); }
// Steps from one turn of the weights' bases to the next (soap.h): the longer the training, the slower they change, and a GPU has to wait for each.
int64_t refresh_interval(int64_t steps) { return std::clamp<int64_t>(steps / 600, 10, 50); }
constexpr int64_t kFewSteps = 300;                     // with fewer they do not turn: that is Adam
constexpr double kFramingBits = 8 * 50;                // header, packet, sections' heads, checksum

class Training {
 public:
  Training(const at::Tensor& picture, int outputs, const OverfitRequest& request)
      : request_(request),
        schedule_(request.schedule),
        steps_(request.steps > 0 ? request.steps : overfit_steps(request.effort)),
        pixels_(static_cast<double>(picture.size(1) * picture.size(2))),
        weight_(request.bpp ? std::clamp(1000 * std::pow(*request.bpp / 0.55, 2), rate_weight(0), rate_weight(63)) : rate_weight(request.quality)),
        fit_(inr::with_front(outputs == 3 ? inr::colour_pyramid(picture.size(1), picture.size(2)) : inr::pyramid(picture.size(1), picture.size(2), 1), request.front, picture.size(1),
                             picture.size(2)),
             picture, {.weight = weight_}),
        other_bits_(5.0 * static_cast<double>(inr::parameter_count(fit_.config())) + kFramingBits) {}  // a guess until shifts are chosen

  OverfitTile run() {
    // Small pictures take more steps; each costs little.
    const int64_t all = std::llround(static_cast<double>(steps_) * std::clamp(256 / std::sqrt(pixels_), 1.0, 4.0)), hard = std::max<int64_t>(10, std::llround(static_cast<double>(all) * schedule_.hard_share));
    const bool whole = soft_phase(all - hard);
    fit_.choose_shifts(whole);
    if (whole) hard_phase(hard);
    OverfitTile tile{fit_.network(), fit_.planes(), 0};
    tile.checksum = checksum_of(tile);
    return tile;
  }

  double weight() const { return weight_; }

 private:
  // False when it was told to end.
  bool soft_phase(int64_t steps) {
    models::StepGraph graph([&] { fit_.soft_step(); }, request_.device == Device::cuda);
    const int64_t refresh = refresh_interval(steps_);
    const double weight_share = schedule_.weights * soft_weight_rate(steps) / (schedule_.latents * soft_rate(steps));
    double rate = request_.rate > 0 ? request_.rate : schedule_.latents * soft_rate(steps);
    const inr::Fit::Numbers start = fit_.evaluate();
    LastGood<std::vector<at::Tensor>> states([&] { return fit_.snapshot(); }, [&](const auto& state) { fit_.restore(state); }, std::isfinite(loss_of(start)));
    inr::Fit::Numbers best = start;
    const double explosion = request_.bpp ? 50 : 4;  // while the weight is steered, states of other weights are compared
    const auto exploded = [&](const inr::Fit::Numbers& n) { return !std::isfinite(loss_of(n)) || loss_of(n) > explosion * loss_of(best); };
    int64_t looked = 0;
    last_look_ = Clock::now();
    for (int64_t i = 0; i < steps; ++i) {
      // The graph has a stream of its own: it waits for what was queued elsewhere, and the host does not run far ahead of it.
      if (looked == i || i % 16 == 0) graph.synchronise();
      const double t = static_cast<double>(i) / static_cast<double>(steps);
      const double now = rate * std::min(1.0, static_cast<double>(i + 1) / 20) * (0.02 + 0.98 * 0.5 * (1 + std::cos(M_PI * t)));
      graph.run([&] {
        if (steps_ >= kFewSteps && i % refresh == refresh - 1) fit_.refresh();
        fit_.set({now, now * weight_share, schedule_.warm + (schedule_.cold - schedule_.warm) * t, schedule_.wide + (1 - schedule_.wide) * t, weight_});
      });
      const bool last = i + 1 == steps;
      if (!time_to_look(i + 1 - looked, last)) continue;
      looked = i + 1;
      graph.synchronise();
      const inr::Fit::Numbers n = fit_.read();
      const double loss = loss_of(n);
      // Numbers that are no numbers, or a loss far above what was reached: from the last good state at a smaller rate. No step measures the last state.
      if (n.bad > n.steps / 4 || exploded(n) || (last && exploded(fit_.evaluate()))) {
        if (!states.go_back(rate)) break;  // the next phase goes on from what was good
        i = states.step() - 1;
        looked = states.step();
        continue;
      }
      if (!last) states.look(i + 1, !(loss > loss_of(start)));
      if (!std::isfinite(loss_of(best)) || loss < loss_of(best)) best = n;
      if (request_.bpp && t > next_estimate_) {
        fit_.choose_shifts(true);
        count_parameters();
        next_estimate_ += 0.3;
      }
      steer(n, t < 0.1 ? 0 : 0.4);
      if (!report(n, static_cast<double>(i + 1) / static_cast<double>(steps) * (1 - schedule_.hard_share))) {
        if (!last && exploded(fit_.evaluate())) states.restore_confirmed();
        return false;
      }
    }
    return true;
  }

  void hard_phase(int64_t steps) {
    models::StepGraph graph([&] { fit_.hard_step(); }, request_.device == Device::cuda);
    fit_.forget_moments();
    fit_.start_best();
    count_parameters();
    const int64_t refresh = refresh_interval(steps_);
    int64_t looked = 0;
    for (int64_t i = 0; i < steps; ++i) {
      if (looked == i || i % 16 == 0) graph.synchronise();
      const double t = static_cast<double>(i) / static_cast<double>(steps), rate = schedule_.hard_rate * (1 - 0.9 * t);
      graph.run([&] {
        if (steps_ >= kFewSteps && i % refresh == refresh - 1) fit_.refresh();
        fit_.set({rate, rate * schedule_.hard_weights, schedule_.cold, 1, weight_});
      });
      if (!time_to_look(i + 1 - looked, i + 1 == steps)) continue;
      looked = i + 1;
      graph.synchronise();
      const inr::Fit::Numbers n = fit_.read();
      if (n.bad == n.steps) break;  // the best state is as it was
      // What is best depends on the weight: once it changes, the search begins anew.
      if (request_.bpp && t < 0.5 && steer(n, 0.4)) fit_.start_best();
      if (!report(n, 1 - schedule_.hard_share + schedule_.hard_share * static_cast<double>(i + 1) / static_cast<double>(steps))) break;
    }
    fit_.restore_best();
  }

  double loss_of(const inr::Fit::Numbers& n) const { return n.bits / pixels_ + weight_ * n.mse; }

  void count_parameters() {
    other_bits_ = kFramingBits;
    const inr::Network network = fit_.network();
    for (const inr::Part& p : network.parts) other_bits_ += inr::part_cost(p.values).bits + 16;
  }

  // The host looks at the device a few times a second, and at the end. Steering needs more regular looks.
  bool time_to_look(int64_t steps, bool last) {
    if (request_.bpp) return last || steps >= std::clamp<int64_t>(steps_ / 50, 5, 200);
    const bool often = steps >= 10 && Clock::now() - last_look_ > std::chrono::milliseconds(400);
    const bool yes = last || often || (request_.device == Device::cpu && Clock::now() - last_look_ > std::chrono::milliseconds(1500));
    if (yes) last_look_ = Clock::now();
    return yes;
  }

  // Moves the weight towards the wanted rate, which goes about with its square root. True when it changed by more than a little.
  bool steer(const inr::Fit::Numbers& n, double strength) {
    if (!request_.bpp) return false;
    const double bpp = (n.bits + other_bits_) / pixels_;
    const double change = std::clamp(strength * 2 * std::log(*request_.bpp / bpp), -0.3, 0.3);
    weight_ = std::clamp(weight_ * std::exp(change), rate_weight(0) / 4, rate_weight(63) * 4);
    return std::abs(change) > 0.01;
  }

  bool report(const inr::Fit::Numbers& n, double fraction) const {
    if (!request_.watch) return true;
    return request_.watch({fraction, (n.bits + other_bits_) / pixels_, -10 * std::log10(std::max(n.mse, 1e-12))});
  }

  const OverfitRequest& request_;
  const OverfitSchedule schedule_;
  int64_t steps_;
  double pixels_, weight_;
  inr::Fit fit_;
  double other_bits_, next_estimate_ = 0.25;
  Clock::time_point last_look_ = Clock::now();
};

}  // namespace

std::optional<inr::Front> overfit_front(const std::string& name) {
  for (size_t i = 0; i < std::size(inr::kFrontNames); ++i) {
    if (name == inr::kFrontNames[i]) return static_cast<inr::Front>(i);
  }
  return std::nullopt;
}

OverfitTile encode_overfit(const at::Tensor& x, int outputs, const OverfitRequest& request, Report& report, int* quality_used) {
  const Stopwatch watch(report.seconds_network);
  const c10::InferenceMode training(false);
  const at::AutoGradMode gradients(true);
  at::set_num_threads(1);  // the loops have the project's own threads (models/parallel.h)
  const at::Tensor picture = x[0].permute({2, 0, 1}).narrow(0, 0, outputs).contiguous();
  Training run(picture, outputs, request);
  OverfitTile tile = run.run();
  if (quality_used != nullptr) *quality_used = quality_of_weight(run.weight());
  for (const inr::Plane& p : tile.planes) report.symbols_coded += p.values.size();
  return tile;
}

at::Tensor synthesise_overfit(const OverfitTile& tile, int64_t height, int64_t width, Report& report) {
  const Stopwatch watch(report.seconds_network);
  const int64_t outputs = tile.network.config.outputs;
  std::vector<float> pixels = inr::synthesise(tile.network, tile.planes, height, width);
  const at::Tensor planar = at::from_blob(pixels.data(), {1, outputs, height, width}, at::TensorOptions().dtype(at::kFloat));
  return planar.permute({0, 2, 3, 1}).expand({1, height, width, 3}).clone(at::MemoryFormat::Contiguous);  // never a view of what is freed here
}

}  // namespace tessera
