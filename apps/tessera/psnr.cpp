#include "apps/tessera/psnr.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::cli {

double psnr(const media::Picture& a, const media::Picture& b) {
  if (a.width != b.width || a.height != b.height || a.channels != b.channels || a.bit_depth != b.bit_depth) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const size_t count = size_t{a.width} * a.height * a.channels;
  double sum = 0;
  size_t used = 0;
  for (size_t i = 0; i < count; ++i) {
    if (a.has_alpha() && i % a.channels == a.channels - 1) continue;
    const double difference = static_cast<double>(a.get(i)) - static_cast<double>(b.get(i));
    sum += difference * difference;
    ++used;
  }
  if (sum == 0) return std::numeric_limits<double>::infinity();
  const double peak = a.max_value();
  return 10 * std::log10(peak * peak * static_cast<double>(used) / sum);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace tessera::cli
