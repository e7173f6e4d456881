#include "codec/bayes_encode.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "codec/guard.h"
#include "codec/rate_weight.h"
#include "codec/stopwatch.h"
#include "models/inr/bayes/posterior.h"
#include "models/inr/bayes/synthesis.h"

namespace tessera {
namespace {

namespace bayes = models::inr::bayes;
using Clock = std::chrono::steady_clock;

// Adam's rates, in the guess's deviations: of the fit, falling, and while blocks are coded.
constexpr double kFirstRate = 0.15, kLastRate = 0.02, kCodingRate = 0.05;
constexpr double kFramingBits = 8 * 34;    // header, packet, section's head, checksum
constexpr int64_t kTrialSteps = 20;        // of a fit that only tells the rate at a quality
constexpr int64_t kMostSteps = 20;         // after a block, on average

class Fit {
 public:
  Fit(std::shared_ptr<const bayes::Prior> prior, const at::Tensor& samples, const BayesRequest& request)
      : prior_(std::move(prior)), samples_(samples), request_(request), steps_(request.steps > 0 ? request.steps : bayes_steps(request.effort)) {}

  BayesCoded run() {
    BayesCoded out;
    out.quality = request_.bits ? search() : request_.quality;
    bayes::Posterior posterior = make(out.quality);
    const bool whole = fit(posterior, steps_, 0, 0.4);
    out.kl = posterior.kl();
    const size_t wanted = request_.bits ? static_cast<size_t>(std::max(1.0, std::floor((*request_.bits - kFramingBits) / bayes::kIndexBits))) : 0;
    const size_t blocks = posterior.begin_blocks(wanted);
    const bool steered = whole && fit(posterior, steps_ / 2, 0.4, 0.6);
    const int64_t after = steered ? std::min(2 * steps_, kMostSteps * static_cast<int64_t>(blocks)) : 0;
    out.blocks = posterior.code(after, kCodingRate, [&](double done) { return tell(0.6 + 0.4 * done); });
    for (const double kl : posterior.coded_kl()) out.block_kl += kl;
    out.latents = latents_of(*prior_, posterior.layout(), out.quality, grey(), out.blocks);
    return out;
  }

 private:
  bool grey() const { return samples_.size(0) < prior_->geometry.planes; }

  bayes::Posterior make(int quality) const {
    return {prior_, samples_, {.weight = bayes_weight(*prior_, quality), .quality = quality, .grey = grey()}};
  }

  // False when it was told to end.
  bool fit(bayes::Posterior& posterior, int64_t steps, double from, double to) {
    int64_t bad = 0;
    for (int64_t i = 0; i < steps; ++i) {
      const double t = static_cast<double>(i) / static_cast<double>(steps);
      last_ = posterior.step(kLastRate + (kFirstRate - kLastRate) * 0.5 * (1 + std::cos(M_PI * t)));
      if (!last_.good && ++bad > 20) throw Failure{{ErrorCode::device, "the fit does not converge"}};
      if (!tell(from + (to - from) * static_cast<double>(i + 1) / static_cast<double>(steps))) return false;
    }
    return true;
  }

  // The quality whose KL comes closest to the wanted bits.
  int search() {
    int low = 0, high = 63;
    while (low < high) {
      const int middle = (low + high) / 2;
      bayes::Posterior trial = make(middle);
      for (int64_t i = 0; i < kTrialSteps; ++i) trial.step(kFirstRate);
      if (trial.kl() + kFramingBits < *request_.bits) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  bool tell(double fraction) {
    if (!request_.watch || (Clock::now() - told_ < std::chrono::milliseconds(300) && fraction < 1)) return true;
    told_ = Clock::now();
    const double pixels = static_cast<double>(samples_.size(1) * samples_.size(2));
    return request_.watch({fraction, (last_.bits + kFramingBits) / pixels, -10 * std::log10(std::max(last_.mse, 1e-12))});
  }

  std::shared_ptr<const bayes::Prior> prior_;
  at::Tensor samples_;
  const BayesRequest& request_;
  int64_t steps_;
  bayes::Posterior::Numbers last_;
  Clock::time_point told_{};
};

}  // namespace

int64_t bayes_steps(int effort) {
  constexpr int64_t kSteps[10] = {30, 60, 100, 160, 250, 400, 700, 1200, 2000, 4000};
  return kSteps[std::clamp(effort, 0, 9)];
}

double bayes_weight(const bayes::Prior& prior, int quality) { return prior.geometry.weight * rate_weight(quality); }

BayesCoded encode_bayes(std::shared_ptr<const bayes::Prior> prior, const at::Tensor& samples, const BayesRequest& request, Report& report) {
  const Stopwatch watch(report.seconds_network);
  const c10::InferenceMode training(false);
  const at::AutoGradMode gradients(true);
  at::set_num_threads(1);
  BayesCoded coded = Fit(std::move(prior), samples.clone(), request).run();
  report.symbols_coded += coded.blocks.indices.size();
  report.kl_fitted += coded.kl;
  report.kl_coded += coded.block_kl;
  return coded;
}

at::Tensor synthesise_bayes(const bayes::Prior& prior, const bayes::Layout& layout, const BayesLatents& latents, int quality, Report& report) {
  const Stopwatch watch(report.seconds_network);
  std::vector<float> samples = bayes::synthesise(prior, layout, latents.values, bayes_weight(prior, quality));
  const at::Tensor planar = at::from_blob(samples.data(), {1, prior.geometry.planes, layout.height, layout.width}, at::TensorOptions().dtype(at::kFloat));
  return planar.permute({0, 2, 3, 1}).expand({1, layout.height, layout.width, 3}).clone(at::MemoryFormat::Contiguous);  // never a view of what is freed here
}

}  // namespace tessera
