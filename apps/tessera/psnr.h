// Small statistics of the bench.
#pragma once

#include <vector>

#include "data/picture.h"

namespace tessera::cli {

// Peak signal-to-noise ratio in dB over all samples but alpha; infinity for equal pictures, NaN when they
// differ in size or format.
double psnr(const media::Picture& a, const media::Picture& b);

// Of a list that is not empty; the mean of the two in the middle for an even count.
double median(std::vector<double> values);

}  // namespace tessera::cli
