// Exact integer layers: the entropy path (docs/exactness.md). Activations are integers in [-2047, 2047], held in float32
// tensors [B,H,W,C]; one unit is 1/64. Weights are integers of 8 bits times a power of two per output channel. Every
// product and partial sum is a multiple of 2^-shift below 2^(24 - shift), so float32 holds it exactly, and the
// sum is the same integer in any order, on any device, by any matrix library that multiplies and adds in float32.
//
// One implementation serves training and inference. In training the parameters that the layers hold are already rounded
// copies of the trainer's float32 masters (quantisation-aware training: the gradient passes straight through), see
// Layer::scales(). freeze() makes the integers of the present parameters; load() proves the bound and fixes them.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "models/params.h"

namespace tessera::models::exact {

inline constexpr int kActivationMax = 2047;     // 11 bits and sign
inline constexpr int kUnit = 64;                // activations are in units of 1/64
inline constexpr int kWeightMax = 127;
inline constexpr int64_t kSumLimit = 1 << 24;   // float32 holds every integer below

// Rounding and clamping on or off: off measures what exactness costs against the same model in float.
enum class Mode { quantised, real };

// The frozen integers of one layer, as stored: weight int8 [out, in] (depthwise: [9, C]), shift uint8 [out], bias int32 [out]
// in units of 2^-shift / 64.
struct Frozen {
  at::Tensor weight, shift, bias;
};

// What a trainer must know of a layer: elementwise scales s such that floor(p s + 1/2) / s is the quantised parameter.
struct Scales {
  std::string weight_name, bias_name;
  at::Tensor weight, bias;  // of the parameters' shapes
};

// y = clamp(floor((W x + b) / 2^shift + 1/2)).
class ExactLinear {
 public:
  ExactLinear() = default;
  ExactLinear(ParamSet& params, const std::string& name, int64_t in, int64_t out, double stddev);
  at::Tensor forward(const at::Tensor& x, Mode mode) const;  // x, result: integer-valued float32

  Scales scales(const at::Tensor& weight, const at::Tensor& bias) const;  // from the masters
  Frozen freeze() const;             // the integers of the present parameters
  void load(const Frozen& frozen);   // throws std::runtime_error when the bound cannot be proved
  void to(at::Device device);        // the frozen part
  double macs() const { return static_cast<double>(in_ * out_); }
  const std::string& name() const { return name_; }
  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  // Plain int64 arithmetic, for tests: x int64 [N, in] -> [N, out].
  static std::vector<int64_t> reference(const Frozen& layer, const std::vector<int64_t>& x, int64_t in, int64_t out);

 private:
  std::string name_;
  int64_t in_ = 0, out_ = 0;
  at::Tensor weight_, bias_;            // parameters
  at::Tensor fixed_weight_, fixed_bias_;  // after load(): integers times 2^-shift
};

// The depthwise 3x3 twin, zero padding.
class ExactDepthwise {
 public:
  ExactDepthwise() = default;
  ExactDepthwise(ParamSet& params, const std::string& name, int64_t channels);
  at::Tensor forward(const at::Tensor& x, Mode mode) const;
  Scales scales(const at::Tensor& weight, const at::Tensor& bias) const;
  Frozen freeze() const;
  void load(const Frozen& frozen);
  void to(at::Device device);
  double macs() const { return static_cast<double>(9 * channels_); }
  const std::string& name() const { return name_; }
  int64_t channels() const { return channels_; }

 private:
  std::string name_;
  int64_t channels_ = 0;
  at::Tensor weight_, bias_;
  at::Tensor fixed_weight_, fixed_bias_;
};

// max(a, round(a / 8)).
at::Tensor leaky(const at::Tensor& a, Mode mode);

// floor(a + 1/2) and clamp to the activation range.
at::Tensor settle(const at::Tensor& a, Mode mode);

// A bias that moves with the quality: round(64 (lo + (hi - lo) q)), frozen as an int16 table [64, C].
class QualityBias {
 public:
  QualityBias() = default;
  QualityBias(ParamSet& params, const std::string& name, int64_t channels, double lo, double hi);
  at::Tensor at_quality(const at::Tensor& q, Mode mode) const;  // training: q [B,1,1,1] -> [B,1,1,C]
  at::Tensor at_index(int quality) const;                       // after load(): [C]
  at::Tensor freeze() const;
  void load(const at::Tensor& table);
  void to(at::Device device);
  const std::string& name() const { return name_; }
  int64_t channels() const { return channels_; }

 private:
  std::string name_;
  int64_t channels_ = 0;
  at::Tensor lo_, hi_, table_;
};

// Residual block: x += L2(dw(leaky(L1 x))); x += L4(leaky(L3 x)), with 2C channels inside the second branch.
class ExactBlock {
 public:
  ExactBlock() = default;
  ExactBlock(ParamSet& params, const std::string& name, int64_t c);
  at::Tensor forward(const at::Tensor& x, Mode mode) const;
  double macs() const;
  ExactLinear mix_in, mix_out, expand, contract;
  ExactDepthwise depthwise;
};

}  // namespace tessera::models::exact
