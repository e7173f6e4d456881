// The schedule by which an overfitted network of a picture is trained, where trials may differ from what is shipped.
#pragma once

#include <string>

#include "codec/tessera.h"

namespace tessera {

struct OverfitSchedule {
  double latents = 1;      // times the rate that belongs to the number of steps, first phase
  double weights = 1;      // the same, of the networks' weights
  double hard_share = 0.15;  // of the steps: rounded latents
  double hard_rate = 2e-4;   // of the latents there, falls to a tenth
  double hard_weights = 2.5; // times hard_rate
  double warm = 0.3, cold = 0.06;  // temperature of the soft rounding, first and last
  double wide = 2;           // shape of the Kumaraswamy noise at first; 1 at the end: uniform
};

// "latents=0.5,hard_share=0.3"; an empty text is the shipped schedule. Values: above 0, at most 100; hard_share at most 0.9.
Result<OverfitSchedule> overfit_schedule(const std::string& text);

}  // namespace tessera
