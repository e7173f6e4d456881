#include "models/video/widen.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/video/motion_init.h"
#include "models/video/motion_model.h"

namespace tessera::models {
namespace {

// Of each fine latent, the coarse one whose rows it begins with: of the same Haar band.
at::Tensor neighbours(const MotionConfig& config) {
  std::vector<int64_t> out;
  for (const LatentFeatures::Fine& f : latent_features(config).fine) {
    for (int64_t band = 0; band < 4; ++band) out.push_back(4 * f.neighbour + band);
  }
  out.resize(static_cast<size_t>(config.fine_latents), 0);
  return at::tensor(out, at::kLong);
}

std::vector<int64_t> block_counts(const MotionConfig& c) {
  return {c.enc_patch_blocks, c.enc_trunk_blocks, c.reference_blocks, c.dec_trunk_blocks, c.dec_patch_blocks, c.head_blocks, c.mean_blocks};
}

enum class Begin { silent, like_neighbours, untrained };

// Lines over the qualities are stored by their ends: from those of the old range's to those of the new.
void change_range(ParamSet& params, const MotionConfig& was, const MotionConfig& is) {
  if (was.lambda_min == is.lambda_min && was.lambda_max == is.lambda_max) return;
  const double length = std::log(was.lambda_max / was.lambda_min);
  const double begin = std::log(is.lambda_min / was.lambda_min) / length, end = std::log(is.lambda_max / was.lambda_min) / length;
  for (Param& p : params.list()) {
    if (!p.name.ends_with(".lo")) continue;
    const auto hi = std::find_if(params.list().begin(), params.list().end(), [&](const Param& q) { return q.name == p.name.substr(0, p.name.size() - 2) + "hi"; });
    if (hi == params.list().end()) throw std::logic_error(p.name + " has no other end");
    // Into memory of their own: what was loaded belongs to the file's tensors.
    const at::Tensor from = p.tensor.clone(), slope = hi->tensor - from;
    p.tensor.set_data(from + slope * begin);
    hi->tensor.set_data(from + slope * end);
  }
}

// A tensor with one axis of latents, widened. `axis`, `first`: where they are.
struct Widening {
  const char* name;
  int64_t axis, first;
  Begin fine;
};

}  // namespace

void start_from(Motion& network, const Weights& weights) {
  const auto it = weights.metadata.find("config");
  if (!is_motion(weights.metadata)) throw std::runtime_error("the weights file holds no video model");
  const MotionConfig was = MotionConfig::from_json(it->second), &is = network.config();
  const bool same_latents = was.latents == is.latents && was.fine_latents == is.fine_latents;
  const std::vector<int64_t> fewer = block_counts(was), more = block_counts(is);
  const at::NoGradGuard no_grad;
  if (same_latents && fewer == more) {
    resume_from_export(network, weights);
    change_range(network.params(), was, is);
    return;
  }
  if (!same_latents && (was.fine_latents != 0 || was.latents != is.coarse_latents())) throw std::runtime_error("the weights file's latents cannot become the recipe's");
  for (size_t i = 0; i < fewer.size(); ++i) {
    if (fewer[i] > more[i]) throw std::runtime_error("the weights file has more blocks than the recipe");
  }
  Motion old(was, Motion::Uninitialised{});
  resume_from_export(old, weights);
  change_range(old.params(), was, is);

  const int64_t c = is.hyper_channels, mc = is.mean_channels;
  // A trained latent's gain says nothing alone: what it multiplies has been scaled as well.
  const Widening changes[] = {{"analysis.latent_gain.lo", 0, 0, Begin::untrained},
                              {"analysis.latent_gain.hi", 0, 0, Begin::untrained},
                              {"synthesis.latent_gain.lo", 0, 0, Begin::untrained},
                              {"synthesis.latent_gain.hi", 0, 0, Begin::untrained},
                              {"hyper_analysis.in.weight", 1, 0, Begin::silent},
                              {"mean.first.weight", 0, 0, Begin::silent},
                              {"mean.first.bias", 0, 0, Begin::silent},
                              {"mean.second_in.weight", 1, mc, Begin::silent},
                              {"mean.second.weight", 0, 0, Begin::silent},
                              {"mean.second.bias", 0, 0, Begin::silent},
                              {"synthesis.latent.weight", 1, 0, Begin::silent},
                              {"temporal.rows.weight", 0, 0, Begin::like_neighbours},
                              {"temporal.rows.bias", 0, 0, Begin::like_neighbours},
                              {"temporal.row_quality.lo", 0, 0, Begin::like_neighbours},
                              {"temporal.row_quality.hi", 0, 0, Begin::like_neighbours},
                              {"temporal.update.weight", 1, c, Begin::silent}};
  const at::Tensor like = neighbours(is);
  for (Param& p : network.params().list()) {
    const Param* from = old.params().find(p.name);
    if (from == nullptr) continue;  // of fine latents or blocks that are new: the untrained network's
    if (from->tensor.sizes() == p.tensor.sizes()) {
      p.tensor.copy_(from->tensor);
      continue;
    }
    const auto change = std::find_if(std::begin(changes), std::end(changes), [&](const Widening& w) { return p.name == w.name; });
    if (change == std::end(changes)) throw std::runtime_error("the weights file's tensor " + p.name + " has another shape than the recipe's");
    const at::Tensor latents = from->tensor.narrow(change->axis, change->first, was.latents).movedim(change->axis, -1);
    const auto fine_from = [&] {
      if (change->fine == Begin::like_neighbours) return latents.index_select(-1, like);
      const at::Tensor own = network.fine_of(p.tensor.narrow(change->axis, change->first, is.latents).movedim(change->axis, -1));
      return change->fine == Begin::untrained ? own : at::zeros_like(own);
    };
    const at::Tensor fine = fine_from();
    const int64_t before = change->first, behind = from->tensor.size(change->axis) - before - was.latents;
    p.tensor.copy_(at::cat({from->tensor.narrow(change->axis, 0, before), network.join_latents(latents, fine).movedim(-1, change->axis),
                            from->tensor.narrow(change->axis, before + was.latents, behind)},
                           change->axis));
  }
}

}  // namespace tessera::models
