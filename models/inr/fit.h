// Training of an overfitted network for one picture (libtorch, CPU or CUDA).
//
// The loss is bits / pixels + weight * MSE, samples in 0..1. First phase: latents pass through soft rounding whose temperature falls, with
// Kumaraswamy noise that widens to uniform (C3, arXiv 2312.02753, section 3.2; soft rounding: Agustsson and Theis, arXiv 2006.09952). Second
// phase: latents are rounded and the weights are on their parts' grids, gradients pass straight through; the best state is kept.
//
// A step reads nothing back to the host and has fixed shapes, so that it can be captured as a CUDA graph: everything that changes from step to
// step is a tensor (set()). Numbers for the host gather in a tensor, see read().
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/inr/front_layers.h"
#include "models/inr/fused_layers.h"
#include "models/inr/grids.h"
#include "models/inr/network.h"
#include "models/inr/soap.h"

namespace tessera::models::inr {

struct FitOptions {
  double weight = 100;  // of the MSE, bits a pixel
  uint64_t seed = 1;
  bool stock = false;  // by libtorch's operators instead of cpu_layers.h or fused_layers.h: for tests
};

class Fit {
 public:
  // picture: [outputs, H, W] float32 in 0..1 on the device that is to be used. Gains of the configuration are set here.
  Fit(const Config& config, const at::Tensor& picture, const FitOptions& options);

  // Before a step: learning rates, temperature of the soft rounding, shape of the noise (1: uniform), weight of the MSE.
  struct Controls {
    double latent_rate = 0.01, weight_rate = 0.01, temperature = 0.3, noise = 2, weight = 100;
  };
  void set(const Controls& controls);

  void soft_step();
  void hard_step();  // after choose_shifts()

  // What gathered since the last call; waits for the device.
  struct Numbers {
    double bits = 0, mse = 0;  // averages over the steps; bits of the latents alone
    int64_t steps = 0, bad = 0;  // bad: steps whose loss or gradient was not finite; they changed nothing
  };
  Numbers read();

  // The parts' shifts: the coarsest that are worth their bits, one part after the other (`thorough`), or by rule.
  void choose_shifts(bool thorough);
  // Adam begins anew: gradients of hard rounding are of another size.
  void forget_moments();
  // The optimiser's bases follow the gradients (soap.h): between steps, now and then.
  void refresh() { soap_.refresh(weight_moments_); }
  // Begins the second phase's search for the best state.
  void start_best();
  // Takes the best state of the second phase back as the present one.
  void restore_best();

  // Gradients of bits / pixels + weight * MSE with rounded latents: of latents and weights. For tests.
  std::array<at::Tensor, 2> gradients();

  // The state of the first phase, to come back to after a breakdown.
  std::vector<at::Tensor> snapshot() const;
  void restore(const std::vector<at::Tensor>& state);

  // Bits of the latents and MSE of the present state with everything on its grid, as the float network sees them.
  Numbers evaluate() const;
  // The picture of the same state, [outputs, H, W].
  at::Tensor picture() const;

  // The present state in integers: parameters on their grids, latents rounded.
  Network network() const;
  std::vector<Plane> planes() const;

  const Config& config() const { return config_; }

 private:
  enum class Rounding { soft, hard };

  at::Tensor quantised_weights(Rounding rounding) const;
  at::Tensor rounded_latents(Rounding rounding) const;
  at::Tensor part(const at::Tensor& flat, PartName name) const;
  at::Tensor context_bits(const at::Tensor& latents, const at::Tensor& weights) const;  // [] sum
  at::Tensor picture_of(const at::Tensor& latents, const at::Tensor& weights) const;    // [outputs, H, W]
  at::Tensor upsampled(const at::Tensor& x, const at::Tensor& taps, int64_t height, int64_t width) const;
  at::Tensor weight_bits(const at::Tensor& weights) const;  // []
  void step(Rounding rounding);
  void initialise_weights(uint64_t seed);
  void initialise_latents();
  void update_units();
  int colour_of(size_t grid) const;  // 0 for a level's first grid, then 1, 2
  int largest_shift(PartName name) const;
  std::vector<int32_t> integers(PartName name, int shift) const;  // a part on a grid
  std::vector<at::Tensor> state() const;

  Config config_;
  at::Tensor picture_;
  int64_t height_, width_, pixels_;
  std::vector<GridShape> shapes_;
  std::vector<int64_t> counts_, part_sizes_;
  std::array<int, kParts> shifts_{};
  double weight_;
  bool own_loops_;
  std::optional<FusedPlan> fused_;  // where there are kernels for the network
  std::optional<at::Generator> generator_;  // CPU only

  at::Tensor latents_, weights_;              // leaves [N], [M]
  at::Tensor latent_moments_, weight_moments_;  // [2, N], [2, M]: of Adam
  at::Tensor steps_;                          // [] Adam's
  at::Tensor controls_;                       // [5]: the Controls
  at::Tensor sums_;                           // [4]: bits, mse, steps, bad
  at::Tensor units_;                          // [M]: 2^-shift of each weight
  at::Tensor spatial_places_, coarse_places_; // one-hot matrices that put weights into kernels
  at::Tensor cubic_;                          // [4]
  FrontLayers front_;
  Soap soap_;  // of the weights
  at::Tensor part_means_, part_counts_;       // [kParts, M] that averages each part, [kParts]
  at::Tensor best_latents_, best_weights_, best_cost_;
};

}  // namespace tessera::models::inr
