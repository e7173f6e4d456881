// One tile of a picture through the training of an overfitted network.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <string>

#include "codec/overfit_payload.h"
#include "codec/overfit_schedule.h"
#include "codec/overfit_steps.h"
#include "codec/tessera.h"

namespace tessera {

// By name: plain, rbf, metric.
std::optional<models::inr::Front> overfit_front(const std::string& name);

struct OverfitRequest {
  int quality = 32;                 // sets the weight of the distortion, as for `still`
  std::optional<double> bpp = {};   // bits a pixel to aim at instead
  int effort = 5;
  int64_t steps = 0;                // of training, instead of the effort's; 0: overfit_steps(effort)
  Device device = Device::cpu;
  FitWatch watch = {};              // false: end the training and give what there is
  models::inr::Front front = models::inr::Front::plain;
  double rate = 0;                  // Adam's first rate; 0: by the number of steps
  OverfitSchedule schedule = {};
};

// x [1, H, W, 3] in 0..1 on the device; grey: three equal channels. quality_used: the quality whose weight was used in the end.
OverfitTile encode_overfit(const at::Tensor& x, int outputs, const OverfitRequest& request, Report& report, int* quality_used);

// -> [1, H, W, 3] float32 on the CPU, not clamped.
at::Tensor synthesise_overfit(const OverfitTile& tile, int64_t height, int64_t width, Report& report);

}  // namespace tessera
