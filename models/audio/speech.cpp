#include "models/audio/speech.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "models/config_json.h"
#include "models/ops.h"

namespace tessera::models::audio {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kLeakySlope = 0.01;
constexpr double kLappedLevel = 0.3;  // of a new lapped transform's latents: loud frames just reach the bound on their power
constexpr double kFloor = 1e-7;  // of bin powers: -70 dB under full-scale noise

double fan(int64_t c) { return 1.0 / std::sqrt(static_cast<double>(c)); }

// [B,1,n,C] -> an overlapping view [B,n,k,C] of the padded frames.
at::Tensor windows(const at::Tensor& x, int64_t left, int64_t k) {
  const int64_t n = x.size(2), c = x.size(3);
  const at::Tensor padded = at::constant_pad_nd(x, {0, 0, left, k - 1 - left}).contiguous();
  return padded.as_strided({x.size(0), n, k, c}, {(n + k - 1) * c, c, c, 1});
}

at::Tensor activation(const at::Tensor& x, double slope) { return slope == 1.0 ? x : at::leaky_relu(x, slope); }

// Plain loops that the compiler vectorises over the channels.
at::Tensor filter_cpu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, int64_t left) {
  const int64_t b = x.size(0), n = x.size(2), c = x.size(3), k = weight.size(0);
  at::Tensor out = at::empty_like(x);
  const float* in = x.const_data_ptr<float>();
  const float* w = weight.const_data_ptr<float>();
  const float* start = bias.const_data_ptr<float>();
  float* o = out.data_ptr<float>();
  for (int64_t row = 0; row < b * n; ++row, o += c) {
    const int64_t t = row % n;
    std::copy(start, start + c, o);
    for (int64_t tap = std::max<int64_t>(0, left - t); tap < std::min(k, n + left - t); ++tap) {
      const float* wr = w + tap * c;
      const float* xr = in + (row + tap - left) * c;
      for (int64_t i = 0; i < c; ++i) o[i] += wr[i] * xr[i];
    }
  }
  return out;
}

class Depthwise1d : public torch::autograd::Function<Depthwise1d> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, int64_t left,
                            double slope) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["left"] = left;
    ctx->saved_data["slope"] = slope;
    const at::Tensor a = activation(x, slope);
    if (x.is_cpu() && x.scalar_type() == at::kFloat) return filter_cpu(a.contiguous(), weight.contiguous(), bias.contiguous(), left);
    return ((windows(a, left, weight.size(0)) * weight).sum(2) + bias).unsqueeze(1);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const int64_t left = ctx->saved_data["left"].toInt(), k = weight.size(0);
    const double slope = ctx->saved_data["slope"].toDouble();
    const at::Tensor dy = grads[0].contiguous();
    at::Tensor dx = (windows(dy, k - 1 - left, k) * weight.flip(0)).sum(2).unsqueeze(1);
    if (slope != 1.0) dx = dx * at::where(x > 0, at::scalar_tensor(1.0, x.options()), at::scalar_tensor(slope, x.options()));
    const at::Tensor dw = (windows(activation(x, slope), left, k) * dy.squeeze(1).unsqueeze(2)).sum(at::IntArrayRef{0, 1});
    return {dx, dw, dy.sum(at::IntArrayRef{0, 1, 2}), at::Tensor(), at::Tensor()};
  }
};

// Left and right to mid and side, and back: orthonormal, its own inverse.
at::Tensor mid_side(const at::Tensor& x) {
  if (x.size(1) != 2) return x;
  const at::Tensor l = x.select(1, 0), r = x.select(1, 1);
  return at::stack({(l + r) * M_SQRT1_2, (l - r) * M_SQRT1_2}, 1);
}

}  // namespace

double SpeechConfig::bit_rate(int64_t levels) const {
  return frame_rate() * static_cast<double>(levels * quantizer.groups) * std::log2(static_cast<double>(quantizer.codes));
}

SpeechConfig SpeechConfig::sound() {
  SpeechConfig c;
  c.sample_rate = 48000;
  c.channels = 2;
  c.hop = 640;
  c.window = 1920;
  c.width = 288;
  c.encoder_blocks = 3;
  c.decoder_blocks = 4;
  c.quantizer.dim = 128;
  c.quantizer.groups = 2;
  return c;
}

std::string SpeechConfig::to_json() const {
  const nlohmann::ordered_json j = {
      {"architecture", "speech"},
      {"sample_rate", sample_rate},
      {"channels", channels},
      {"hop", hop},
      {"window", window},
      {"width", width},
      {"encoder_blocks", encoder_blocks},
      {"decoder_blocks", decoder_blocks},
      {"kernel", kernel},
      {"causal", causal},
      {"cartesian", cartesian},
      {"latents", quantizer.dim},
      {"groups", quantizer.groups},
      {"levels", quantizer.levels},
      {"codes", quantizer.codes},
      {"linear_codes", quantizer.linear},
      {"commitment", quantizer.commitment}};
  return j.dump();
}

SpeechConfig SpeechConfig::from_json(const std::string& text) {
  const ConfigJson j(text);
  if (!j.is_object()) throw std::runtime_error("the model's configuration is not a JSON object");
  SpeechConfig c;
  j.read("sample_rate", c.sample_rate, 4000, 192000);
  j.read("channels", c.channels, 1, 2);
  j.read("hop", c.hop, 8, 4096);
  j.read("window", c.window, 16, 16384);
  j.read("width", c.width, 8, 4096);
  j.read("encoder_blocks", c.encoder_blocks, 1, 64);
  j.read("decoder_blocks", c.decoder_blocks, 1, 64);
  j.read("kernel", c.kernel, 1, 63);
  j.read("latents", c.quantizer.dim, 1, 4096);
  j.read("groups", c.quantizer.groups, 1, 16);
  j.read("levels", c.quantizer.levels, 1, 64);
  j.read("codes", c.quantizer.codes, 2, 65536);
  j.read("causal", c.causal);
  j.read("cartesian", c.cartesian);
  j.read("linear_codes", c.quantizer.linear);
  j.read("commitment", c.quantizer.commitment, 0.0, 100.0);
  if (c.width % 8 != 0) throw std::runtime_error("configuration: width is not a multiple of 8");
  if (c.window % c.hop != 0 || c.window < 2 * c.hop || c.window % 2 != 0 || (c.window - c.hop) % 2 != 0) {
    throw std::runtime_error("configuration: the window must be even and a multiple of the hop, at least twice it");
  }
  c.quantizer.check();
  return c;
}

at::Tensor depthwise1d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, int64_t left, double slope) {
  return Depthwise1d::apply(x, weight, bias, left, slope);
}

FrameBlock::FrameBlock(ParamSet& params, const std::string& name, int64_t c, int64_t kernel, bool causal)
    : left(causal ? kernel - 1 : kernel / 2) {
  mix_in = Linear(params, name + ".mix_in", c, c, fan(c));
  dw_weight = params.add(name + ".dw.weight", {kernel, c}, 0.0, fan(kernel), ParamKind::edge);
  dw_bias = params.add(name + ".dw.bias", {c}, 0.0, 0.0, ParamKind::edge);
  mix_out = Linear(params, name + ".mix_out", c, c, 0.0);
  expand = Linear(params, name + ".expand", c, 4 * c, fan(c));
  contract = Linear(params, name + ".contract", 2 * c, c, 0.0);
}

at::Tensor FrameBlock::operator()(const at::Tensor& input) const {
  const at::Tensor x = input + mix_out(depthwise1d(mix_in(input), dw_weight, dw_bias, left, kLeakySlope));
  return x + contract(gated_silu(expand(x)));
}

double FrameBlock::macs() const {
  return mix_in.macs() + mix_out.macs() + expand.macs() + contract.macs() + static_cast<double>(dw_weight.numel());
}

at::Tensor frame_features(const SpeechConfig& config, const at::Tensor& re, const at::Tensor& im) {
  const at::Tensor power = re.square() + im.square() + kFloor;
  const at::Tensor shrink = (config.cartesian ? power.mean(-1, true) : power).pow(-0.35);
  return at::cat({(at::log(power) + 9.0) * (1.0 / 6), re * shrink, im * shrink}, -1);
}

std::pair<at::Tensor, at::Tensor> head_spectrum(const SpeechConfig& config, const at::Tensor& out, int64_t dim) {
  const at::Tensor magnitude = at::exp(out.select(dim, 0).clamp_max(4.6)), second = out.select(dim, 1);
  if (config.cartesian) return {magnitude * second, magnitude * out.select(dim, 2)};
  return {magnitude * at::cos(second), magnitude * at::sin(second)};
}

Speech::Speech(const SpeechConfig& config) : config_(config), frontend_(config.hop, config.window, config.causal) {
  ParamSet& p = params_;
  const int64_t width = config.width, bins = frontend_.bins(), d = config.quantizer.dim;
  embed_ = Linear(p, "encoder.embed", 3 * config.channels * bins, width, 2 * fan(3 * config.channels * bins), ParamKind::edge);
  for (int64_t i = 0; i < config.encoder_blocks; ++i) encoder_.emplace_back(p, "encoder.block." + std::to_string(i), width, config.kernel, config.causal);
  // The latents and the spectrum's logarithm and phase are computed in float32: what follows magnifies their rounding.
  to_latent_ = Linear(p, "encoder.latent", width, d, fan(width), ParamKind::fine);
  quantizer_ = Quantizer(p, "quantizer", config.quantizer);
  from_latent_ = Linear(p, "decoder.latent", d, width, fan(d), ParamKind::edge);
  for (int64_t i = 0; i < config.decoder_blocks; ++i) decoder_.emplace_back(p, "decoder.block." + std::to_string(i), width, config.kernel, config.causal);
  head_ = Linear(p, "decoder.head", width, config.head_parts() * config.channels * bins, 0.5 * fan(width), ParamKind::fine);
  p.initialise();
  quantizer_.initialise();
  head_.bias.narrow(0, 0, config.channels * bins).fill_(-4.0);  // magnitudes of quiet speech
}

void Speech::lapped_init(int64_t kept) {
  const at::NoGradGuard no_grad;
  const int64_t n = config_.window, m = config_.hop, bins = frontend_.bins(), d = config_.quantizer.dim;
  if (!config_.cartesian || n != 2 * m) throw std::invalid_argument("lapped_init: not a cartesian network with a window of two hops");
  if (kept < 1 || kept > d || kept > m || d > config_.width) throw std::invalid_argument("lapped_init: so many latents cannot be kept");
  const auto wide = at::TensorOptions().dtype(at::kDouble);
  const at::Tensor time = at::arange(n, wide), k = at::arange(kept, wide).unsqueeze(1), f = at::arange(bins, wide).unsqueeze(1);
  // The window is symmetric about its middle sample, and so is the basis: no half sample in its phase.
  const at::Tensor basis = at::cos((time + static_cast<double>(m) / 2) * (k + 0.5) * (M_PI / static_cast<double>(m))) * std::sqrt(2.0 / static_cast<double>(m));
  const at::Tensor angle = time * f * (2 * M_PI / static_cast<double>(n));
  const at::Tensor re = at::matmul(basis, at::cos(angle).t()), im = at::matmul(basis, at::sin(angle).t()).neg();  // spectra of the basis [kept,F]
  // Bins between the first and the last stand for two.
  at::Tensor twice = at::full({bins}, 2.0 / static_cast<double>(n), wide);
  twice[0] = twice[bins - 1] = 1.0 / static_cast<double>(n);
  // Speech falls by about 6 dB an octave: levelled, its latents share the bits.
  const at::Tensor level = (k / 8 + 1).sqrt();
  const double scale = frontend_.scale();
  const int64_t inputs = 3 * config_.channels * bins;
  at::Tensor in = at::zeros({kept, inputs}, wide);
  in.narrow(1, bins, bins).copy_(re * twice * level);
  in.narrow(1, 2 * bins, bins).copy_(im * twice * level);
  in.div_(scale);
  embed_.weight.narrow(0, 0, kept).copy_(in);
  embed_.bias.narrow(0, 0, kept).zero_();
  to_latent_.weight.narrow(0, 0, kept).zero_();
  from_latent_.weight.narrow(0, 0, kept).zero_();
  for (int64_t i = 0; i < kept; ++i) {
    to_latent_.weight[i][i] = kLappedLevel;
    from_latent_.weight[i][i] = 1 / kLappedLevel;
  }
  // Parts of the head: scale, real, imaginary; each channels x bins.
  const int64_t part = config_.channels * bins;
  at::Tensor head = head_.weight;
  head.narrow(1, 0, kept).zero_();
  head.narrow(0, part, bins).narrow(1, 0, kept).copy_((re / level).t() * scale);
  head.narrow(0, 2 * part, bins).narrow(1, 0, kept).copy_((im / level).t() * scale);
}

at::Tensor Speech::analysis(const at::Tensor& x) const {
  const auto [re, im] = frontend_.forward(mid_side(x));
  const at::Tensor features = frame_features(config_, re, im);  // [B,C,n,3F]
  const int64_t b = x.size(0), n = features.size(2);
  at::Tensor h = embed_(features.transpose(1, 2).reshape({b, 1, n, -1}).to(embed_.weight.scalar_type()));
  for (const FrameBlock& block : encoder_) h = block(h);
  // Bounded power: otherwise the latents grow away from the codes, since large latents suffer less from quantisation.
  const at::Tensor z = to_latent_(h.to(at::kFloat)).squeeze(1);
  return z * at::rsqrt(z.square().mean(-1, true) + config_.latent_floor());
}

at::Tensor Speech::synthesis(const at::Tensor& latents) const {
  at::Tensor h = from_latent_(latents.unsqueeze(1).to(from_latent_.weight.scalar_type()));
  for (const FrameBlock& block : decoder_) h = block(h);
  const int64_t b = latents.size(0), n = latents.size(1), bins = frontend_.bins();
  const at::Tensor out = head_(h.to(at::kFloat)).view({b, n, config_.head_parts(), config_.channels, bins}).transpose(1, 3);  // [B,C,parts,n,F]
  const auto [re, im] = head_spectrum(config_, out, 2);
  return mid_side(frontend_.inverse(re, im));
}

at::Tensor Speech::encode(const at::Tensor& x, int64_t levels) const {
  const at::NoGradGuard no_grad;
  return quantizer_.encode(analysis(pad_to(x, config_.hop).unsqueeze(0)).squeeze(0), levels);
}

at::Tensor Speech::decode(const at::Tensor& indices) const {
  const at::NoGradGuard no_grad;
  return synthesis(quantizer_.decode(indices).unsqueeze(0)).squeeze(0);
}

Speech::Output Speech::forward(const at::Tensor& x, const at::Tensor& levels, bool training) {
  const at::Tensor z = analysis(x);
  const int64_t b = z.size(0), n = z.size(1), d = z.size(2);
  const at::Tensor active = levels.defined() ? levels.unsqueeze(1).expand({b, n}).reshape({b * n}) : at::Tensor();
  const Quantizer::Output q = quantizer_.forward(z.reshape({b * n, d}), active, training);
  return {synthesis(q.value.view({b, n, d})), q.loss};
}

void Speech::to(at::Device device) {
  for (Param& p : params_.list()) p.tensor.set_data(p.tensor.to(device));
  frontend_.to(device);
  quantizer_.to(device);
}

double Speech::encode_macs() const {
  double macs = embed_.macs() + to_latent_.macs() + static_cast<double>(config_.quantizer.levels * config_.quantizer.codes * config_.quantizer.dim);
  for (const FrameBlock& block : encoder_) macs += block.macs();
  return macs * config_.frame_rate();
}

double Speech::decode_macs() const {
  double macs = from_latent_.macs() + head_.macs();
  for (const FrameBlock& block : decoder_) macs += block.macs();
  return macs * config_.frame_rate();
}

}  // namespace tessera::models::audio
