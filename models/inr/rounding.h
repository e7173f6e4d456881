// What training of overfitted networks has in common: rounding with a gradient, and what a rounded number costs. libtorch operators only.
#pragma once

#include <ATen/ATen.h>

namespace tessera::models::inr {

inline constexpr double kLog2 = 0.6931471805599453;

// Rounding that sharpens as the temperature falls.
inline at::Tensor soft_round(const at::Tensor& x, const at::Tensor& temperature) {
  const at::Tensor middle = at::floor(x) + 0.5;
  return middle + at::tanh((x - middle) / temperature) / (at::tanh(0.5 / temperature) * 2);
}

// Noise in -1/2..1/2 with its mode at 0, uniform for shape 1 (Kumaraswamy). v: uniform in 0..1.
inline at::Tensor shaped_noise(const at::Tensor& uniform, const at::Tensor& shape) {
  const at::Tensor other = (at::pow(2.0, shape) * (shape - 1) + 1) / shape;
  const at::Tensor v = uniform.clamp(1e-6, 1 - 1e-6);
  return at::pow(1 - at::pow(1 - v, 1 / other), 1 / shape) - 0.5;
}

// Keeps the value and gives the gradient to x.
inline at::Tensor straight_through(const at::Tensor& x, const at::Tensor& value) { return x + (value - x).detach(); }

// -log2 of the probability of a whole number at the distance d from the mean of a Laplace distribution of scale 1 / inverse, integrated over d +- 1/2.
inline at::Tensor laplace_bits_of(const at::Tensor& d, const at::Tensor& inverse) {
  const at::Tensor near = d.clamp_max(0.5);
  const at::Tensor p = 1 - (at::exp((near - 0.5) * inverse) + at::exp((near + 0.5) * -inverse)) * 0.5;
  const at::Tensor far = (0.5 - d) * inverse + at::log(at::expm1(-inverse) * -0.5);
  return at::where(d < 0.5, at::log(p.clamp_min(1e-9)), far) * (-1 / kLog2);
}

}  // namespace tessera::models::inr
