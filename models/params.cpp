#include "models/params.h"

#include <cmath>
#include <random>
#include <stdexcept>

namespace tessera::models {
namespace {

void fill_normal(Param& p) {
  uint64_t seed = 0xcbf29ce484222325ull;  // FNV-1a: std::hash is not the same everywhere
  for (const char ch : p.name) seed = (seed ^ static_cast<uint8_t>(ch)) * 0x100000001b3ull;
  std::mt19937_64 generator(seed);
  float* data = p.tensor.data_ptr<float>();
  // Box-Muller by hand: std::normal_distribution differs between standard libraries.
  for (int64_t i = 0; i < p.tensor.numel(); i += 2) {
    const double u = (static_cast<double>(generator() >> 11) + 0.5) * 0x1p-53;
    const double v = static_cast<double>(generator() >> 11) * 0x1p-53;
    const double r = p.stddev * std::sqrt(-2.0 * std::log(u));
    data[i] = static_cast<float>(p.mean + r * std::cos(2 * M_PI * v));
    if (i + 1 < p.tensor.numel()) data[i + 1] = static_cast<float>(p.mean + r * std::sin(2 * M_PI * v));
  }
}

}  // namespace

at::Tensor ParamSet::add(const std::string& name, at::IntArrayRef shape, double mean, double stddev, ParamKind kind) {
  if (find(name) != nullptr) throw std::logic_error("parameter registered twice: " + name);
  at::Tensor tensor = at::empty(shape, at::kFloat);
  params_.push_back({name, tensor, kind, mean, stddev});
  return tensor;
}

void ParamSet::initialise() {
  for (Param& p : params_) {
    if (p.stddev == 0.0) {
      p.tensor.fill_(p.mean);
    } else {
      fill_normal(p);
    }
  }
}

int64_t ParamSet::count() const {
  int64_t total = 0;
  for (const Param& p : params_) total += p.tensor.numel();
  return total;
}

const Param* ParamSet::find(const std::string& name) const {
  for (const Param& p : params_) {
    if (p.name == name) return &p;
  }
  return nullptr;
}

}  // namespace tessera::models
