#include "models/inr/context_network.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>

#include "entropy/rans.h"

namespace tessera::models::inr {
namespace {

int padded(int n) { return (n + 15) / 16 * 16; }

// b 2^-bias_shift in units of a sum, 2^-(shift + kActivationBits), and half of a unit of the result.
Result<int32_t> bias_of(int32_t b, int bias_shift, int shift) {
  const int places = shift + kActivationBits - bias_shift;
  const int64_t half = shift > 0 ? int64_t{1} << (shift - 1) : 0;
  const int64_t value = (places >= 0 ? int64_t{b} * (int64_t{1} << places) : int64_t{b} >> -places) + half;
  if (std::abs(value) > std::numeric_limits<int32_t>::max()) return {ErrorCode::corrupt, "a bias of the context network is too large"};
  return static_cast<int32_t>(value);
}

// inputs x outputs, [in][out], to pairs of inputs.
std::vector<int16_t> pairs(const std::vector<int32_t>& w, int inputs, int outputs) {
  std::vector<int16_t> out(w.size());
  for (int i = 0; i < inputs; ++i) {
    for (int o = 0; o < outputs; ++o) {
      out[static_cast<size_t>((i / 2 * outputs + o) * 2 + i % 2)] = static_cast<int16_t>(w[static_cast<size_t>(i * outputs + o)]);
    }
  }
  return out;
}

// The sum's magnitude can nowhere pass `limit`.
Status prove(const std::vector<int32_t>& w, int inputs, int outputs, int output, int64_t bias) {
  int64_t sum = std::abs(bias);
  for (int i = 0; i < inputs; ++i) sum += std::abs(int64_t{w[static_cast<size_t>(i * outputs + output)]}) * kActivationMax;
  if (sum > std::numeric_limits<int32_t>::max()) return {ErrorCode::corrupt, "the context network's sums could overflow"};
  return {};
}

}  // namespace

Result<ContextNetwork> ContextNetwork::create(const Network& network, [[maybe_unused]] Kernel kernel) {
  const Config& c = network.config;
  ContextNetwork out;
  ContextTables& t = out.tables_;
  t.inputs = c.context();
  t.width = c.width;
  t.padded = padded(t.inputs);
  const PartName names[3] = {kContextFirst, kContextSecond, kContextLast};
  for (int l = 0; l < 3; ++l) t.shift[l] = network.parts[names[l]].shift;
  t.first = pairs(network.parts[kContextFirst].values, t.inputs, t.width);
  t.second = pairs(network.parts[kContextSecond].values, t.width, t.width);

  const Part& biases = network.parts[kContextBias];
  for (int i = 0; i < 2 * t.width; ++i) {
    const int layer = i / t.width;
    const auto b = bias_of(biases.values[static_cast<size_t>(i)], biases.shift, t.shift[layer]);
    if (!b) return b.status();
    TESSERA_RETURN_IF_ERROR(prove(network.parts[names[layer]].values, layer == 0 ? t.inputs : t.width, t.width, i % t.width, *b));
    t.bias.push_back(*b);
  }
  const std::vector<int32_t>& last = network.parts[kContextLast].values;
  const int room = t.padded + padded(t.width);
  t.last.assign(static_cast<size_t>(2 * room), 0);
  int64_t largest = 0;
  for (int o = 0; o < 2; ++o) {
    for (int i = 0; i < t.width; ++i) t.last[static_cast<size_t>(o * room + t.padded + i)] = static_cast<int16_t>(last[static_cast<size_t>(2 * i + o)]);
    for (int i = 0; i < t.inputs; ++i) t.last[static_cast<size_t>(o * room + i)] = static_cast<int16_t>(last[static_cast<size_t>(2 * (t.width + i) + o)]);
    const auto b = bias_of(biases.values[static_cast<size_t>(2 * t.width + o)], biases.shift, t.shift[2]);
    if (!b) return b.status();
    t.last_bias[static_cast<size_t>(o)] = *b;
  }
  const int64_t half = t.shift[2] > 0 ? int64_t{1} << (t.shift[2] - 1) : 0;
  for (size_t g = 0; g < c.grids.size(); ++g) {
    const auto b = bias_of(biases.values[static_cast<size_t>(2 * t.width + 2) + g], biases.shift, t.shift[2]);
    if (!b) return b.status();
    out.grid_bias_.push_back(static_cast<int32_t>(*b - half));
    largest = std::max<int64_t>(largest, std::abs(int64_t{out.grid_bias_.back()}));
  }
  for (int o = 0; o < 2; ++o) {
    const int64_t bias = std::abs(int64_t{t.last_bias[static_cast<size_t>(o)]}) + largest;
    TESSERA_RETURN_IF_ERROR(prove(last, t.width + t.inputs, 2, o, bias));
  }
  out.kernel_ = predict_scalar;
#if defined(__x86_64__)
  if (kernel == Kernel::best && entropy::simd_level() >= entropy::Simd::avx2) out.kernel_ = predict_avx2;
#endif
  return out;
}

namespace {

void hidden_layer(const int16_t* weight, const int32_t* bias, int shift, int inputs, int width, const int16_t* x, int16_t* y) {
  int32_t sum[kMaxWidth];
  std::copy_n(bias, width, sum);
  for (int i = 0; i < inputs; i += 2, weight += 2 * width) {
    for (int o = 0; o < width; ++o) sum[o] += weight[2 * o] * x[i] + weight[2 * o + 1] * x[i + 1];
  }
  for (int o = 0; o < width; ++o) y[o] = static_cast<int16_t>(std::clamp(sum[o] >> shift, 0, kActivationMax));
}

}  // namespace

void predict_scalar(const ContextTables& t, int16_t* x, int32_t scale_bias, int32_t out[2]) {
  int16_t hidden[kMaxWidth];
  hidden_layer(t.first.data(), t.bias.data(), t.shift[0], t.inputs, t.width, x, hidden);
  hidden_layer(t.second.data(), t.bias.data() + t.width, t.shift[1], t.width, t.width, hidden, x + t.padded);
  const size_t room = t.last.size() / 2;
  for (size_t o = 0; o < 2; ++o) {
    int32_t sum = t.last_bias[o] + (o == 1 ? scale_bias : 0);
    for (size_t i = 0; i < room; ++i) sum += t.last[o * room + i] * x[i];
    out[o] = sum >> t.shift[2];
  }
}

}  // namespace tessera::models::inr
