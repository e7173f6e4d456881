#include "tests/models/inr/random_network.h"

#include <algorithm>
#include <cmath>

namespace tessera::test {

using namespace models::inr;

Network random_network(const Config& config, uint32_t seed, double spread) {
  std::mt19937 random(seed);
  Network n;
  n.config = config;
  for (size_t p = 0; p < kParts; ++p) {
    n.parts[p].shift = static_cast<int>(4 + random() % 5);
    std::normal_distribution<double> normal(0, spread * 0.2 * (1 << n.parts[p].shift));
    for (int64_t i = 0; i < part_size(config, static_cast<PartName>(p)); ++i) {
      n.parts[p].values.push_back(static_cast<int32_t>(std::clamp(std::round(normal(random)), -32767.0, 32767.0)));
    }
  }
  return n;
}

std::vector<Plane> random_planes(const Config& config, int64_t height, int64_t width, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Plane> planes = make_planes(config, height, width);
  for (size_t g = 0; g < planes.size(); ++g) {
    std::exponential_distribution<double> size(1 / (0.3 + 1.5 * config.grids[g].level));
    for (int16_t& v : planes[g].values) {
      v = static_cast<int16_t>(std::min(size(random), 3000.0) * (random() % 2 ? 1 : -1));
      if (random() % 500 == 0) v = static_cast<int16_t>(random() % 2 ? 32767 : -32767);
    }
  }
  return planes;
}

}  // namespace tessera::test
