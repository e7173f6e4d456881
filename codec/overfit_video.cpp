#include "codec/overfit_video.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "codec/guard.h"
#include "codec/last_good.h"
#include "codec/overfit_steps.h"
#include "codec/overfit_video_payload.h"
#include "codec/still_tile.h"
#include "codec/stopwatch.h"
#include "models/inr/video/video_forward.h"
#include "models/parallel.h"
#include "models/step_graph.h"
#include "models/still.h"

namespace tessera {
namespace {

namespace inr = models::inr;
using Clock = std::chrono::steady_clock;

constexpr double kHardShare = 0.3;                           // of the steps
constexpr double kWeightShare = 2, kEmbeddingShare = 20, kStepShare = 2;  // of first_rate()
constexpr double kWarmShare = 0.5;                           // of the steps, in groups that start from the one before
constexpr int64_t kRefresh = 10;                             // steps from one turn of the weights' bases to the next (models/inr/soap.h)
constexpr double kExplosion = 4;                             // of the best loss
constexpr double kMostMacs = 5000;                           // a luma sample, of what the encoder chooses
constexpr double kMostFrameMacs = 3e9, kLeastMacs = 1000;    // a frame, so that two cores show 15 of them a second; a luma sample, where frames are large
constexpr double kBitsAParameter = 4, kShareOfParameters = 0.6;
constexpr int kEmbeddingChannels = 8, kWidestStage = 120;

double first_rate(int64_t steps) { return std::clamp(0.01 * std::pow(1500.0 / static_cast<double>(steps), 0.35), 0.003, 0.02); }

// The weight of the distortion, bits a sample: that of the still model at the same quality.
double weight_of(int quality) {
  const models::StillConfig still;
  return 65025 * still.lambda_min * std::pow(still.lambda_max / still.lambda_min, static_cast<double>(quality) / (models::kQualities - 1));
}

// About the rate that a quality comes to, bits a luma sample.
double expected_rate(int quality) { return 0.02 * std::exp2(quality / 10.0); }

class Training {
 public:
  Training(inr::VideoFit& fit, const VideoEncoderOptions& options, double samples, double weight, bool rounding)
      : fit_(fit), options_(options), samples_(samples), weight_(weight), rounding_(rounding) {}

  void run(int64_t steps) {
    const int64_t hard = rounding_ ? std::max<int64_t>(5, std::llround(static_cast<double>(steps) * kHardShare)) : 0;
    double rate = options_.fit_rate * first_rate(steps);
    const bool whole = phase(false, std::max<int64_t>(1, steps - hard), 0, steps, rate);
    fit_.freeze();
    if (whole && hard > 0) phase(true, hard, steps - hard, steps, rate);
  }

 private:
  // False when the watch ended the training.
  bool phase(bool hard, int64_t count, int64_t before, int64_t all, double& rate) {
    models::StepGraph graph([&] { hard ? fit_.hard_step() : fit_.soft_step(); }, options_.device == Device::cuda);
    const double start = loss_of(fit_.evaluate());
    LastGood<std::vector<at::Tensor>> states([&] { return fit_.snapshot(); }, [&](const auto& state) { fit_.restore(state); }, std::isfinite(start));
    double best = start;
    int64_t looked = 0;
    auto last_look = Clock::now();
    for (int64_t i = 0; i < count; ++i) {
      // The graph has a stream of its own: it waits for what was queued elsewhere, and the host does not run far ahead of it.
      if (looked == i || i % 16 == 0) graph.synchronise();
      const double t = static_cast<double>(before + i) / static_cast<double>(all);
      const double now = rate * std::min(1.0, static_cast<double>(i + 1) / 20) * (0.02 + 0.98 * 0.5 * (1 + std::cos(M_PI * t)));
      graph.run([&] {
        if (i % kRefresh == kRefresh - 1) fit_.refresh();
        fit_.set({now * kWeightShare, now * kEmbeddingShare, now * kStepShare});
      });
      const bool last = i + 1 == count;
      if (!last && Clock::now() - last_look < std::chrono::milliseconds(400)) continue;
      last_look = Clock::now();
      looked = i + 1;
      graph.synchronise();
      const inr::VideoFit::Numbers n = fit_.read();
      const double loss = loss_of(n);
      // Numbers that are no numbers, or a loss far above what was reached: from the last good state at a smaller rate. No step measures the last state.
      if (n.bad > n.steps / 4 || exploded(loss, best) || (last && exploded(loss_of(fit_.evaluate()), best))) {
        if (!states.go_back(rate)) break;  // the next phase goes on from what was good
        i = states.step() - 1;
        looked = states.step();
        continue;
      }
      if (!last) states.look(i + 1, !(loss > start));
      best = std::isfinite(best) ? std::min(best, loss) : loss;
      if (!options_.fit_watch) continue;
      const double bits = n.bits / samples_, psnr = -10 * std::log10(std::max(n.distortion, 1e-12));
      if (!options_.fit_watch({static_cast<double>(before + i + 1) / static_cast<double>(all), bits, psnr})) {
        if (!last && exploded(loss_of(fit_.evaluate()), best)) states.restore_confirmed();
        return false;
      }
    }
    return true;
  }

  static bool exploded(double loss, double best) { return !std::isfinite(loss) || loss > kExplosion * best; }

  double loss_of(const inr::VideoFit::Numbers& n) const { return n.bits / samples_ + weight_ * n.distortion; }

  inr::VideoFit& fit_;
  const VideoEncoderOptions& options_;
  double samples_, weight_;
  bool rounding_;
};

}  // namespace

Status check_overfit_video(const bitstream::FileHeader& header) {
  if (header.model_revision == kOverfitVideoRevision && header.model_hash == 0) return {};
  return {ErrorCode::unsupported, "the stream needs revision " + std::to_string(header.model_revision) + " of the overfitted networks for video"};
}

uint64_t overfit_video_memory(const bitstream::PictureInfo& picture) {
  constexpr uint64_t base = 240ull << 20, each = 300;
  return base + uint64_t{picture.width + 1} * (picture.height + 1) * each;
}

models::Planes paint_overfit_frame(const OverfitVideoFrame& frame, Device device, VideoReport& report) {
  const Stopwatch watch(report.seconds_network);
  const inr::VideoConfig& config = frame.network->config;
  if (device == Device::cpu) {
    const auto planes = std::make_shared<inr::VideoPlanes>(frame.synthesis->frame(frame.values, frame.index));
    const int64_t h = planes->shape.height, w = planes->shape.width;
    // The tensors keep the planes alive. By a context: from_blob()'s deleter ends the program where there is no memory for it.
    using Kept = std::shared_ptr<inr::VideoPlanes>;
    const auto wrapped = [&](std::vector<float>& from, at::IntArrayRef sizes) {
      at::TensorMaker maker = at::for_blob(from.data(), sizes);
      maker.context(new Kept(planes), [](void* kept) { delete static_cast<Kept*>(kept); });
      maker.options(at::TensorOptions().dtype(at::kFloat));
      return maker.make_tensor();
    };
    return {wrapped(planes->y, {1, 1, 2 * h, 2 * w}), wrapped(planes->uv, {1, 2, h, w})};
  }
  const c10::InferenceMode inference;
  const at::Device on = torch_device(device);
  const std::vector<float> floats = frame.network->floats();
  const std::vector<inr::GridShape>& shapes = frame.synthesis->shapes();
  const at::Tensor weights = at::from_blob(const_cast<float*>(floats.data()), {static_cast<int64_t>(floats.size())}, at::TensorOptions().dtype(at::kFloat)).to(on);
  const at::Tensor values = at::from_blob(const_cast<int16_t*>(frame.values.data()), {1, config.embedding, shapes[0].height, shapes[0].width}, at::TensorOptions().dtype(at::kShort));
  const at::Tensor codes = config.affine ? inr::time_codes(config).narrow(0, frame.index, 1).to(on) : at::Tensor();
  const at::Tensor made = inr::video_forward(config, shapes, weights, values.to(on).to(at::kFloat) * inr::kEmbeddingUnit, codes);
  return {at::pixel_shuffle(made.narrow(1, 0, 4), 2), made.narrow(1, 4, 2)};
}

Result<OverfitVideoIdeas> OverfitVideoIdeas::changed(const std::string& list) {
  OverfitVideoIdeas out;
  const std::pair<const char*, bool*> names[] = {{"sine", &out.sine},   {"affine", &out.affine}, {"separable", &out.separable}, {"skip", &out.skip},
                                                 {"warm", &out.warm},   {"even", &out.even},     {"entropy", &out.entropy},     {"rounding", &out.rounding}};
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    const bool in = list[at] == '+';
    const std::string name = list.substr(at + (in ? 1 : 0), end - at - (in ? 1 : 0));
    at = end + 1;
    bool known = false;
    for (size_t i = 0; i < std::size(names); ++i) {
      if (name != names[i].first && !(name == "plain" && i < 5)) continue;
      *names[i].second = in;
      known = true;
    }
    if (!known) return {ErrorCode::invalid_argument, "\"" + name + "\" is no idea that can be left out or taken in: sine, affine, separable, skip, even, warm, entropy, rounding, or plain"};
  }
  return out;
}

models::inr::VideoConfig overfit_video_config(uint32_t height, uint32_t width, int frames, int quality, const OverfitVideoIdeas& ideas) {
  inr::VideoConfig c;
  c.embedding = kEmbeddingChannels;
  c.frames = frames;
  c.sine = ideas.sine;
  c.affine = ideas.affine;
  c.separable = ideas.separable;
  c.skip = ideas.skip;
  const double samples = static_cast<double>(height) * width * frames;
  const double wanted = kShareOfParameters * expected_rate(quality) * samples / kBitsAParameter;
  const double most = std::clamp(kMostFrameMacs / (static_cast<double>(height) * width), kLeastMacs, kMostMacs);
  // Embeddings of some ten positions a side.
  const int stages = std::clamp(static_cast<int>(std::lround(std::log2(std::min(height, width) / 2.0 / 9))), 1, inr::kMaxStages);
  // Evenly: a kernel of one sample where channels are many, and channels that fall slowly (HNeRV). Otherwise they are halved from stage to stage.
  const auto with = [&](double first) {
    inr::VideoConfig out = c;
    for (int i = 0; i < stages; ++i) {
      const double channels = first * std::pow(ideas.even ? 1 / 1.2 : 0.5, i);
      out.stages.push_back({std::max(4, static_cast<int>(std::lround(channels / 4)) * 4), ideas.even && i == 0 && stages > 1 ? 1 : 3});
    }
    return out;
  };
  inr::VideoConfig best = with(4);
  for (int first = 8; first <= kWidestStage; first += 4) {
    inr::VideoConfig next = with(first);
    if (static_cast<double>(inr::parameter_count(next)) > wanted || next.macs() > most || inr::problem(next)) break;
    best = std::move(next);
  }
  return best;
}

int64_t overfit_video_steps(int effort) {
  constexpr int64_t kSteps[10] = {30, 100, 300, 600, 1200, 2500, 5000, 10000, 20000, 50000};
  return kSteps[std::clamp(effort, 0, 9)];
}

std::vector<OverfitVideoPacket> OverfitVideoGroups::code(const std::vector<models::Planes>& frames, VideoReport& report) {
  const Stopwatch watch(report.seconds_network);
  const c10::InferenceMode training(false);
  const at::AutoGradMode gradients(true);
  const VideoFormat& format = options_.format;
  const int64_t height = format.height, width = format.width, rows = (height + 1) / 2, columns = (width + 1) / 2;
  std::vector<at::Tensor> all;
  for (const models::Planes& p : frames) {
    all.push_back(inr::squares(p.y.narrow(2, 0, 2 * rows).narrow(3, 0, 2 * columns), p.uv.narrow(2, 0, rows).narrow(3, 0, columns)));
  }
  const auto count = static_cast<int>(frames.size());
  inr::VideoConfig config = overfit_video_config(format.height, format.width, count, options_.quality, ideas_);
  if (stages_.empty()) stages_ = config.stages;
  config.stages = stages_;
  const double weight = weight_of(options_.quality), samples = static_cast<double>(height) * static_cast<double>(width) * count;
  inr::VideoFitOptions options{.weight = weight, .entropy = ideas_.entropy};
  auto fit = std::make_unique<inr::VideoFit>(config, at::cat(all), height, width, options, ideas_.warm ? last_.get() : nullptr);
  const bool warm = ideas_.warm && last_;
  const int64_t steps = options_.fit_steps > 0 ? options_.fit_steps : overfit_video_steps(options_.effort);
  Training run(*fit, options_, samples, weight, ideas_.rounding);
  run.run(warm ? std::max<int64_t>(1, std::llround(static_cast<double>(steps) * kWarmShare)) : steps);
  inr::VideoNetwork network = fit->network();
  const std::vector<inr::Embedding> embeddings = fit->embeddings();
  inr::choose_scales(network, embeddings);
  report.symbols_coded += static_cast<uint64_t>(inr::parameter_count(config)) + embeddings.size() * embeddings.front().size();
  last_ = std::move(fit);
  return write_overfit_group(network, embeddings, options_.quality, options_.checksum);
}

}  // namespace tessera
