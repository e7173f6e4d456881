// The grids on which the parameters of exact layers are trained (models/exact/exact.h).
#pragma once

#include <ATen/ATen.h>

#include "apps/tessera-train/flat_params.h"
#include "models/exact/exact.h"

namespace tessera::train {

// Sets flat.scale from the size of the layers' master weights. Lists of pointers to ExactLinear and ExactDepthwise.
template <class Linears, class Depthwises>
void set_grids(FlatParams& flat, const Linears& linears, const Depthwises& depthwises) {
  const at::NoGradGuard no_grad;
  at::Tensor whole = at::zeros_like(flat.master);
  const auto put = [&](const auto& layers) {
    for (const auto* layer : layers) {
      const auto of = [&](const char* part) { return flat.view(flat.master, layer->name() + part); };
      const models::exact::Scales s = layer->scales(of(".weight"), of(".bias"));
      flat.view(whole, s.weight_name).copy_(s.weight);
      flat.view(whole, s.bias_name).copy_(s.bias);
    }
  };
  put(linears);
  put(depthwises);
  flat.scale.copy_(whole.narrow(0, flat.bulk(), flat.size() - flat.bulk()));
}

}  // namespace tessera::train
