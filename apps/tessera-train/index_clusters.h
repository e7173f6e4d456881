// Balanced clusters of a codebook, by halving along the direction of largest variance until there are enough: neighbours share a
// cluster, and every cluster has the same size to within one. Deterministic.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace tessera::train {

// vectors float32 [K,d]. Returns int64 [classes, members]: the numbers of the vectors, -1 where a class has one less than `members` =
// ceil(K / classes). classes in 1..K.
at::Tensor balanced_clusters(const at::Tensor& vectors, int64_t classes);

}  // namespace tessera::train
