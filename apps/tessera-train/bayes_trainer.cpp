#include "apps/tessera-train/bayes_trainer.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "apps/tessera-train/audio_pack.h"
#include "apps/tessera-train/batches.h"
#include "codec/rate_weight.h"
#include "models/inr/bayes/posterior.h"

namespace tessera::train {
namespace {

namespace bayes = models::inr::bayes;
using Clock = std::chrono::steady_clock;

constexpr double kPosteriorRate = 0.15, kLastShare = 0.05;   // Adam's, in guessed deviations; where rates end
constexpr double kLeastShare = 0.004;                        // bits a latent; below it a class is not coded
constexpr int64_t kSoundLength = 64;                         // samples of a snippet for each of --size

bayes::Geometry sound_geometry() {
  bayes::Geometry g;
  g.planes = 1;
  g.cell_h = 1;
  g.cell_w = 256;
  g.super_h = 1;
  g.super_w = 8;
  g.overlap_rows = false;
  g.whole_margin = true;
  g.picture_scales = 6;
  g.super_scales = 6;
  g.cell_scales = 6;
  g.weights = 8;
  g.hidden = 8;
  g.octaves = 1;
  g.weight = 30;
  return g;
}

struct Adam {
  at::Tensor m, v;
  int64_t steps = 0;
  void update(at::Tensor& x, const at::Tensor& g, double rate) {
    if (!m.defined()) m = at::zeros_like(x), v = at::zeros_like(x);
    ++steps;
    m.mul_(0.9).add_(g, 0.1);
    v.mul_(0.99).addcmul_(g, g, 0.01);
    const double c1 = 1 - std::pow(0.9, steps), c2 = 1 - std::pow(0.99, steps);
    x.sub_(m / ((v / c2).sqrt() + 1e-12) * (rate / c1));
  }
};

// The posteriors of all training pictures, on the CPU, row by row.
struct Posteriors {
  at::Tensor centre, scale, shift, log_factor, moments;  // [n, total], the last [n, 4, total]
  std::vector<int> quality;
  std::vector<int64_t> steps;
};

class Trainer {
 public:
  explicit Trainer(const BayesOptions& o)
      : o_(o),
        network_(bayes::Network::initial(o.sound ? sound_geometry() : bayes::Geometry{}, o.seed)),
        layout_(network_.geometry, o.sound ? 1 : o.size, o.sound ? o.size * kSoundLength : o.size),
        random_(o.seed) {}

  int run() {
    collect();
    measure_scales();
    guess();
    for (at::Tensor* p : network_.parameters()) p->set_requires_grad(true);
    adams_.resize(network_.parameters().size());
    const auto start = Clock::now();
    std::vector<int64_t> order(static_cast<size_t>(o_.crops));
    std::iota(order.begin(), order.end(), int64_t{0});
    int64_t step = 0;
    double seconds = 0, loss = 0, bits = 0, error = 0;
    for (size_t at = order.size();; ++step) {
      seconds = std::chrono::duration<double>(Clock::now() - start).count();
      const double done = o_.max_steps > 0 ? static_cast<double>(step) / static_cast<double>(o_.max_steps) : seconds / (60 * o_.minutes);
      if (done >= 1) break;
      if (at + static_cast<size_t>(o_.batch) > order.size()) {
        std::shuffle(order.begin(), order.end(), random_);
        at = 0;
      }
      const std::array<double, 3> n = train_step(std::span(order).subspan(at, static_cast<size_t>(o_.batch)), kLastShare + (1 - kLastShare) * 0.5 * (1 + std::cos(M_PI * done)));
      at += static_cast<size_t>(o_.batch);
      loss += n[0], bits += n[1], error += n[2];
      if ((step + 1) % 100 == 0) {
        std::printf("step %lld  %.0f s  log loss %.4f  %.3f bits a position  %.2f dB\n", static_cast<long long>(step + 1), seconds, loss / 100, bits / 100, error / 100);
        std::fflush(stdout);
        loss = bits = error = 0;
      }
    }
    nlohmann::json training;
    training["data"] = o_.data_name;
    training["steps"] = step;
    training["device"] = "cpu";
    training["device_minutes"] = 0;
    training["cpu_minutes"] = seconds / 60;
    network_.save(o_.out, o_.name, o_.revision, shares(), training.dump());
    return 0;
  }

 private:
  void collect() {
    if (o_.sound) {
      const AudioBatches batches(o_.data, 24000, 1, at::kCPU);
      AudioVariation vary;
      target_ = batches.sample(o_.crops, layout_.width, vary).unsqueeze(2);
    } else {
      // As they are, and reduced: small pictures hold more than small pieces of large ones.
      const Batches batches(o_.data, at::kCPU);
      std::vector<at::Tensor> parts;
      for (int64_t i = 0; i < o_.crops; ++i) {
        const int64_t factor = int64_t{1} << i % 3;
        parts.push_back(at::avg_pool2d(batches.sample(1, o_.size * factor).permute({0, 3, 1, 2}), factor));
      }
      target_ = at::cat(parts);
    }
    std::uniform_int_distribution<int> any(0, 63);
    for (int64_t i = 0; i < o_.crops; ++i) q_.quality.push_back(any(random_));
    q_.steps.assign(static_cast<size_t>(o_.crops), 0);
  }

  // What coefficients of the untrained transform are like.
  void measure_scales() {
    const at::NoGradGuard no_grad;
    const auto [all, own] = network_.coefficients(target_, layout_);
    constexpr double kQuantisation = 1.0 / (255.0 * 255 * 12);
    const double floor = o_.sound ? 1e-9 : kQuantisation;
    network_.base = ((all.narrow(4, 1, all.size(4) - 1).square() + floor).log() * 0.5 + 0.635).mean({0, 1, 2}).contiguous();
    network_.super_base = ((own.square().mean({0, 1, 2}) + floor).log() * 0.5).contiguous();
  }

  at::Tensor weights_of(std::span<const int64_t> rows) const {
    at::Tensor w = at::empty({static_cast<int64_t>(rows.size())});
    for (size_t i = 0; i < rows.size(); ++i) w.data_ptr<float>()[i] = static_cast<float>(network_.geometry.weight * rate_weight(q_.quality[static_cast<size_t>(rows[i])]));
    return w;
  }
  at::Tensor noise_of(const at::Tensor& weights) const { return weights.reciprocal() * bayes::noise_of(network_.geometry, 1); }

  void guess() {
    const at::NoGradGuard no_grad;
    q_.centre = at::empty({o_.crops, layout_.total()});
    q_.scale = at::empty_like(q_.centre);
    for (int64_t i = 0; i < o_.crops; ++i) {
      const at::Tensor g = network_.guess(target_.narrow(0, i, 1), layout_, noise_of(weights_of({&i, 1})));
      q_.centre[i].copy_(g[0][0].clamp(-bayes::kFarthest, bayes::kFarthest));
      q_.scale[i].copy_(g[1][0].exp());
    }
    q_.shift = at::zeros_like(q_.centre);
    q_.log_factor = at::zeros_like(q_.centre);
    q_.moments = at::zeros({o_.crops, 4, layout_.total()});
  }

  // Mean log of the loss, bits a position, dB.
  std::array<double, 3> train_step(std::span<const int64_t> rows, double rate) {
    const at::Tensor index = at::tensor(std::vector<int64_t>(rows.begin(), rows.end()));
    const auto take = [&](const at::Tensor& t) { return t.index_select(0, index); };
    const at::Tensor w = weights_of(rows);
    at::Tensor shift = take(q_.shift).set_requires_grad(true), log_factor = take(q_.log_factor).set_requires_grad(true);
    const at::Tensor centre = take(q_.centre), scale = take(q_.scale), target = take(target_);
    const at::Tensor sample = centre + scale * (shift + log_factor.exp() * at::randn_like(centre));
    const at::Tensor mse = (network_.forward(sample, layout_, noise_of(w)) - target).square().mean({1, 2, 3});
    const at::Tensor bits = bayes::kl_bits(centre + scale * shift, scale.log() + log_factor).sum(1) / static_cast<double>(layout_.height * layout_.width);
    // Each picture's loss counts relative to itself: all qualities matter alike.
    const at::Tensor each = bits + mse * w;
    for (at::Tensor* p : network_.parameters()) p->mutable_grad() = at::Tensor();
    torch::autograd::backward({each.log().sum()}, {});

    const at::NoGradGuard no_grad;
    const std::vector<at::Tensor*> parameters = network_.parameters();
    bool good = std::isfinite(each.sum().item<float>());
    for (const at::Tensor* p : parameters) good = good && std::isfinite(p->grad().sum().item<float>());
    if (!good) return {};
    // base, super_base, by_picture, by_super, by_cell, lift, kernel, network, basis
    constexpr double kRates[] = {4e-3, 4e-3, 3e-3, 3e-3, 3e-3, 4e-4, 4e-4, 1e-3, 1e-3};
    for (size_t i = 0; i < parameters.size(); ++i) adams_[i].update(*parameters[i], parameters[i]->grad(), kRates[i] * rate);
    at::Tensor moments = take(q_.moments);
    at::Tensor steps = at::empty({static_cast<int64_t>(rows.size()), 1});
    for (size_t i = 0; i < rows.size(); ++i) steps.data_ptr<float>()[i] = static_cast<float>(++q_.steps[static_cast<size_t>(rows[i])]);
    const at::Tensor c1 = 1 - at::pow(0.9, steps), c2 = 1 - at::pow(0.99, steps);
    const double own = kPosteriorRate * std::max(0.15, rate);
    for (const int64_t which : {0, 1}) {
      const at::Tensor g = which == 0 ? shift.grad() : log_factor.grad();
      at::Tensor m = moments.select(1, 2 * which), v = moments.select(1, 2 * which + 1);
      m.mul_(0.9).add_(g, 0.1);
      v.mul_(0.99).addcmul_(g, g, 0.01);
      at::Tensor& x = which == 0 ? shift : log_factor;
      x.sub_(m / c1 / ((v / c2).sqrt() + 1e-12) * (which == 0 ? own : 0.5 * own));
    }
    shift.copy_(((centre + scale * shift).clamp(-bayes::kFarthest, bayes::kFarthest) - centre) / scale);
    q_.shift.index_copy_(0, index, shift);
    q_.log_factor.index_copy_(0, index, log_factor);
    q_.moments.index_copy_(0, index, moments);
    return {each.log().mean().item<double>(), bits.mean().item<double>(), (mse.log10() * -10).mean().item<double>()};
  }

  std::array<std::vector<uint16_t>, bayes::kAnchors> shares() const {
    const at::NoGradGuard no_grad;
    const int classes = network_.geometry.classes();
    std::array<std::vector<uint16_t>, bayes::kAnchors> out;
    std::vector<double> count(static_cast<size_t>(classes));
    for (int64_t i = 0; i < layout_.total(); ++i) ++count[static_cast<size_t>(layout_.class_of(i))];
    for (int a = 0; a < bayes::kAnchors; ++a) {
      std::vector<double> sum(static_cast<size_t>(classes));
      double pictures = 0;
      for (int64_t n = 0; n < o_.crops; ++n) {
        if (bayes::anchor_of(q_.quality[static_cast<size_t>(n)]) != a) continue;
        ++pictures;
        const at::Tensor kl = bayes::kl_bits(q_.centre[n] + q_.scale[n] * q_.shift[n], q_.scale[n].log() + q_.log_factor[n]).contiguous();
        for (int64_t i = 0; i < layout_.total(); ++i) sum[static_cast<size_t>(layout_.class_of(i))] += kl.const_data_ptr<float>()[i];
      }
      for (int c = 0; c < classes; ++c) {
        const double bits = sum[static_cast<size_t>(c)] / std::max(1.0, pictures * count[static_cast<size_t>(c)]);
        const bool coded = bits >= kLeastShare || c == 0;
        out[static_cast<size_t>(a)].push_back(coded ? static_cast<uint16_t>(std::clamp(std::lround(bits * 1024), 1L, 32767L)) : uint16_t{0});
      }
    }
    return out;
  }

  const BayesOptions& o_;
  bayes::Network network_;
  bayes::Layout layout_;
  std::mt19937_64 random_;
  at::Tensor target_;  // [crops, planes, H, W]
  Posteriors q_;
  std::vector<Adam> adams_;
};

}  // namespace

CLI::App* add_bayes_command(CLI::App& app, BayesOptions& o) {
  CLI::App* c = app.add_subcommand("bayes", "Trains the prior of the Bayesian codec (docs/bayes.md)");
  c->add_option("--data", o.data, "picture pack; with --sound an audio pack of 24 kHz, mono")->required();
  c->add_option("--out", o.out, "weights file to write")->required();
  c->add_option("--data-name", o.data_name, "what the training record says of the data");
  c->add_flag("--sound", o.sound, "a prior of sound");
  c->add_option("--revision", o.revision, "model revision in the weights file");
  c->add_option("--minutes", o.minutes, "minutes of training")->check(CLI::PositiveNumber);
  c->add_option("--max-steps", o.max_steps, "stop after this many steps instead of by the clock");
  c->add_option("--crops", o.crops, "pictures with a posterior")->check(CLI::Range(1, 100000));
  c->add_option("--batch", o.batch, "pictures of a step")->check(CLI::Range(1, 1024));
  c->add_option("--size", o.size, "side of a picture; snippets of sound have 64 times as many samples")->check(CLI::Range(16, 1024));
  c->add_option("--seed", o.seed, "of the random numbers");
  return c;
}

int train_bayes(const BayesOptions& options) {
  if (options.batch > options.crops) throw std::runtime_error("--batch is larger than --crops");
  BayesOptions o = options;
  if (o.sound && o.name == "bayes") o.name = "bayes-sound";
  at::manual_seed(o.seed);
  return Trainer(o).run();
}

}  // namespace tessera::train
