#include "models/still.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <stdexcept>

#include "models/config_json.h"
#include "models/ops.h"

namespace tessera::models {
namespace {

double fan(int64_t c) { return 1.0 / std::sqrt(static_cast<double>(c)); }
std::string indexed(const std::string& name, size_t i) { return name + "." + std::to_string(i); }

// Magnitudes of latents span three decades over the qualities; the hyper-analysis sees their logarithm.
at::Tensor squash(const at::Tensor& y) { return at::sign(y) * at::log1p(at::abs(y)); }

// Which step codes channel group g at position p of each 2x2 square: a Latin square, so that every step sees every group
// once a square, and step 1 continues diagonally from step 0.
constexpr int kOrder[4] = {0, 2, 3, 1};  // positions (0,0) (0,1) (1,0) (1,1)

}  // namespace

std::string StillConfig::to_json() const {
  const nlohmann::ordered_json j = {
      {"architecture", "still"},
      {"patch_channels", patch_channels},     {"trunk_channels", trunk_channels},     {"latents", latents},
      {"hyperlatents", hyperlatents},         {"hyper_channels", hyper_channels},     {"context_channels", context_channels},
      {"attention", attention},               {"enc_patch_blocks", enc_patch_blocks}, {"enc_trunk_blocks", enc_trunk_blocks},
      {"dec_trunk_blocks", dec_trunk_blocks}, {"dec_patch_blocks", dec_patch_blocks}, {"context_blocks", context_blocks},
      {"scale_rows", scale_rows},             {"scale_min", scale_min},               {"scale_step", scale_step},
      {"lambda_min", lambda_min},             {"lambda_max", lambda_max},
      {"densities", {"gaussian", "logistic", "laplace"}}};
  return j.dump();
}

StillConfig StillConfig::from_json(const std::string& text) {
  const ConfigJson j(text);
  if (!j.is_object()) throw std::runtime_error("the model's configuration is not a JSON object");
  if (j.contains("architecture") && j.text("architecture") != "still") throw std::runtime_error("configuration: the architecture is not still");
  StillConfig c;
  for (auto [key, field] : {std::pair<const char*, int64_t*>{"patch_channels", &c.patch_channels}, {"trunk_channels", &c.trunk_channels},
                            {"latents", &c.latents}, {"hyperlatents", &c.hyperlatents}, {"hyper_channels", &c.hyper_channels},
                            {"context_channels", &c.context_channels}, {"attention", &c.attention}}) {
    j.read(key, *field, 8, 4096);
    if (*field % 8 != 0) throw std::runtime_error(std::string("configuration: ") + key + " is not a multiple of 8");
  }
  for (auto [key, field] : {std::pair<const char*, int64_t*>{"enc_patch_blocks", &c.enc_patch_blocks}, {"enc_trunk_blocks", &c.enc_trunk_blocks},
                            {"dec_trunk_blocks", &c.dec_trunk_blocks}, {"dec_patch_blocks", &c.dec_patch_blocks},
                            {"context_blocks", &c.context_blocks}}) {
    j.read(key, *field, 1, 64);
  }
  j.read("scale_rows", c.scale_rows, 2, 250);
  if (c.hyperlatents > 256) throw std::runtime_error("configuration: hyperlatents is out of range");
  j.read("scale_min", c.scale_min, 0.01, 1.0);
  j.read("scale_step", c.scale_step, 0.001, 1.0);
  j.read("lambda_min", c.lambda_min, 1e-6, 10.0);
  j.read("lambda_max", c.lambda_max, 1e-6, 10.0);
  if (c.lambda_min > c.lambda_max) throw std::runtime_error("configuration: lambda_min is larger than lambda_max");
  return c;
}

at::Tensor residual_bits(const at::Tensor& v, const at::Tensor& index, const at::Tensor& mix, const StillConfig& config) {
  const at::Tensor inverse = at::exp(index * -config.scale_step) / config.scale_min;
  const at::Tensor a = v.abs();
  const at::Tensor upper = (0.5 - a) * inverse, lower = (-0.5 - a) * inverse;
  const at::Tensor gauss = 0.5 * (at::erf(upper * M_SQRT1_2) - at::erf(lower * M_SQRT1_2));
  const double k = M_PI / std::sqrt(3.0);  // a logistic density of unit variance
  const at::Tensor logistic = at::sigmoid(upper * k) - at::sigmoid(lower * k);
  // The Laplace density of unit variance falls by exp(-sqrt 2 |t|): in the middle of [-1/2, 1/2] its two halves are one-sided.
  const at::Tensor inner = at::exp(upper.abs() * -M_SQRT2) * 0.5, outer = at::exp(lower * M_SQRT2) * 0.5;
  const at::Tensor laplace = at::where(upper > 0, 1 - inner, inner) - outer;
  const at::Tensor weight = at::sigmoid(mix), w = weight.narrow(0, 0, 1), l = weight.narrow(0, 1, 1);
  const at::Tensor p = clamp_ste(w * gauss + (1 - w) * (l * laplace + (1 - l) * logistic), 1e-7, 1.0);
  return at::log2(p).neg();
}

double residual_cdf(double v, double sigma, const ResidualMix& mix) {
  const double t = v / sigma, tail = 0.5 * std::exp(-std::abs(t) * M_SQRT2);
  return mix.gaussian * 0.5 * std::erfc(-t * M_SQRT1_2) + mix.laplace * (t > 0 ? 1 - tail : tail) +
         (1 - mix.gaussian - mix.laplace) / (1 + std::exp(-t * M_PI / std::sqrt(3.0)));
}

Still::Still(const StillConfig& config) : Still(config, Uninitialised{}) {
  params_.initialise();
  block_dct_init();
}

Still::Still(const StillConfig& config, Uninitialised) : config_(config) {
  ParamSet& p = params_;
  const int64_t c8 = config.patch_channels, c16 = config.trunk_channels, m = config.latents, z = config.hyperlatents;
  const int64_t hc = config.hyper_channels, cc = config.context_channels;

  // The latents' step at each end of the quality range: the high-rate optimum for its lambda (docs/training.md).
  const auto step_for = [](double lambda) { return std::sqrt(6.0 / (std::log(2.0) * lambda * 65025.0)); };
  const double coarse = 1.0 / step_for(config.lambda_min), fine = 1.0 / step_for(config.lambda_max);

  embed_ = Linear(p, "analysis.embed", 192, c8, 0.02, ParamKind::edge);
  for (int64_t i = 0; i < config.enc_patch_blocks; ++i) enc_patch_.emplace_back(p, indexed("analysis.patch", static_cast<size_t>(i)), c8);
  gain_enc_ = LearnedScale(p, "analysis.gain", c8, 1.0, 1.0);
  enc_down_ = Linear(p, "analysis.down", 4 * c8, c16, 0.002);
  for (int64_t i = 0; i < config.enc_trunk_blocks; ++i) enc_trunk_.emplace_back(p, indexed("analysis.trunk", static_cast<size_t>(i)), c16);
  to_latent_ = Linear(p, "analysis.latent", c16, m, 0.002);
  gain_latent_ = LearnedScale(p, "analysis.latent_gain", m, coarse, fine);

  hyper_in_ = Linear(p, "hyper_analysis.in", m, hc, fan(m));
  hyper_block1_ = Block(p, "hyper_analysis.block1", hc);
  hyper_down1_ = Linear(p, "hyper_analysis.down1", 4 * hc, hc, fan(4 * hc));
  hyper_block2_ = Block(p, "hyper_analysis.block2", hc);
  hyper_down2_ = Linear(p, "hyper_analysis.down2", 4 * hc, z, fan(4 * hc));
  gain_hyper_ = LearnedScale(p, "hyper_analysis.gain", z, 2.0, 3.0);

  synth_up1_ = exact::ExactLinear(p, "hyper_synthesis.up1", z, 4 * z, 2.0 * fan(z));
  synth_bias_ = exact::QualityBias(p, "hyper_synthesis.quality", z, 0.0, 0.0);
  synth_block1_ = exact::ExactBlock(p, "hyper_synthesis.block1", z);
  synth_up2_ = exact::ExactLinear(p, "hyper_synthesis.up2", z, 4 * hc, fan(z));
  synth_block2_ = exact::ExactBlock(p, "hyper_synthesis.block2", hc);
  synth_block3_ = exact::ExactBlock(p, "hyper_synthesis.block3", hc);
  synth_head_ = exact::ExactLinear(p, "hyper_synthesis.index", hc, m, 0.3 * fan(hc));
  // The head is in 1/8 units of rows: one row is 8 activation units.
  const auto row_of = [&](double sigma) { return std::log(sigma / config.scale_min) / config.scale_step * 8.0 / exact::kUnit; };
  index_bias_ = exact::QualityBias(p, "hyper_synthesis.index_quality", m, row_of(0.4), row_of(2.0));
  hyper_index_ = exact::QualityBias(p, "hyper_prior.index", z, row_of(2.0), row_of(3.0));

  prior_in_ = Linear(p, "context.prior", hc, cc, fan(hc));
  prior_block_ = Block(p, "context.prior_block", cc);
  first_mean_ = Linear(p, "context.first", cc, m, 0.1 * fan(cc));
  for (size_t s = 0; s < step_in_.size(); ++s) {
    const std::string name = indexed("context.step", s + 1);
    step_in_[s] = Linear(p, name + ".in", cc + m, cc, fan(cc + m));
    step_out_[s] = Linear(p, name + ".out", cc, m, 0.1 * fan(cc));
  }
  for (int64_t i = 0; i < config.context_blocks; ++i) context_.emplace_back(p, indexed("context.block", static_cast<size_t>(i)), cc);
  global_ = GlobalContext(p, "context.global", cc, config.attention);

  gain_delatent_ = LearnedScale(p, "synthesis.latent_gain", m, 1.0 / coarse, 1.0 / fine);
  from_latent_ = Linear(p, "synthesis.latent", m, c16, 0.002);
  for (int64_t i = 0; i < config.dec_trunk_blocks; ++i) dec_trunk_.emplace_back(p, indexed("synthesis.trunk", static_cast<size_t>(i)), c16);
  dec_up_ = Linear(p, "synthesis.up", c16, 4 * c8, 0.002);
  gain_dec_ = LearnedScale(p, "synthesis.gain", c8, 1.0, 1.0);
  for (int64_t i = 0; i < config.dec_patch_blocks; ++i) dec_patch_.emplace_back(p, indexed("synthesis.patch", static_cast<size_t>(i)), c8);
  unembed_ = Linear(p, "synthesis.unembed", c8, 192, 0.0, ParamKind::edge);
  blend_ = p.add("entropy.blend", {1}, 0.0, 0.0, ParamKind::fine);
  laplace_ = p.add("entropy.laplace", {1}, 0.0, 0.0, ParamKind::fine);
  for (int step = 0; step < 4; ++step) {
    at::Tensor tile = at::empty({1, 2, 1, 2, m}, at::kFloat);
    float* t = tile.data_ptr<float>();
    for (int64_t k = 0; k < 4 * m; ++k) t[k] = (kOrder[k / m] ^ static_cast<int>(k % m % 4)) == step ? 1.f : 0.f;
    tiles_[static_cast<size_t>(step)] = tile;
  }
}

void Still::to(at::Device device) {
  for (Param& p : params_.list()) p.tensor.set_data(p.tensor.to(device));
  for (at::Tensor& tile : tiles_) tile = tile.to(device);
  for (exact::ExactLinear* layer : exact_linears()) layer->to(device);
  for (exact::ExactDepthwise* layer : exact_depthwises()) layer->to(device);
  for (exact::QualityBias* table : quality_tables()) table->to(device);
}

// The untrained network is a 16x16 transform codec: an 8x8 DCT of orthonormal luma and chroma in the patch embedding, a 2x2
// Haar transform of the lowest frequencies in the step to 1/16, and the transposes on the way back.
void Still::block_dct_init() {
  const at::NoGradGuard no_grad;
  if (config_.patch_channels < 192) return;  // reduced configurations of tests start at random
  const auto f32 = at::TensorOptions().dtype(at::kFloat);
  at::Tensor d = at::empty({8, 8}, f32);
  for (int u = 0; u < 8; ++u) {
    for (int x = 0; x < 8; ++x) d[u][x] = std::cos(M_PI * (2 * x + 1) * u / 16) * (u == 0 ? std::sqrt(0.125) : 0.5);
  }
  std::array<int, 64> zigzag;
  std::iota(zigzag.begin(), zigzag.end(), 0);
  std::stable_sort(zigzag.begin(), zigzag.end(), [](int a, int b) {
    const auto key = [](int i) { return std::pair(i / 8 + i % 8, std::abs(i / 8 - i % 8)); };
    return key(a) < key(b);
  });
  const at::Tensor basis = at::einsum("ui,vj->uvij", {d, d}).reshape({64, 64});  // frequency x pixel
  at::Tensor order = at::empty({64}, at::kLong);
  for (int i = 0; i < 64; ++i) order[i] = zigzag[static_cast<size_t>(i)];
  const float colour_values[9] = {1, 1, 1, 1, 0, -1, 1, -2, 1};
  at::Tensor colour = at::from_blob(const_cast<float*>(colour_values), {3, 3}, f32).clone();
  colour = colour / colour.norm(2, 1, true);
  // Feature = component * 64 + frequency, input = rgb * 64 + pixel.
  const at::Tensor t = at::einsum("ab,fp->afbp", {colour, basis.index_select(0, order)}).reshape({192, 192});
  embed_.weight.narrow(0, 0, 192).copy_(t);
  unembed_.weight.zero_();
  unembed_.weight.narrow(1, 0, 192).copy_(t.t());

  const float haar[4][4] = {{.5f, .5f, .5f, .5f}, {.5f, -.5f, .5f, -.5f}, {.5f, .5f, -.5f, -.5f}, {.5f, -.5f, -.5f, .5f}};
  std::vector<int64_t> kept;  // 64 features x 4 bands = 256 latents
  for (int64_t f = 0; f < 48; ++f) kept.push_back(f);
  for (int64_t f = 0; f < 8; ++f) kept.push_back(64 + f);
  for (int64_t f = 0; f < 8; ++f) kept.push_back(128 + f);
  auto down = enc_down_.weight.accessor<float, 2>();
  auto up = dec_up_.weight.accessor<float, 2>();
  const int64_t m = std::min<int64_t>(config_.latents, 256);
  for (int64_t k = 0; k < m; ++k) {
    const int64_t f = kept[static_cast<size_t>(k / 4)];
    for (int64_t s = 0; s < 4; ++s) {  // space_to_depth and depth_to_space order channels as c * 4 + sub-position
      down[k][4 * f + s] = haar[k % 4][s];
      up[4 * f + s][k] = haar[k % 4][s];
    }
  }
  auto into = to_latent_.weight.accessor<float, 2>();
  auto out = from_latent_.weight.accessor<float, 2>();
  for (int64_t k = 0; k < m; ++k) {
    into[k][k] += 1.0f;
    out[k][k] += 1.0f;
  }
}

Still::Analysis Still::analysis(const at::Tensor& x, const at::Tensor& q) const {
  const at::ScalarType type = embed_.weight.scalar_type();
  at::Tensor f = embed_(space_to_depth((x - 0.5).to(type), 8));
  for (size_t i = 0; i < enc_patch_.size(); ++i) {
    f = enc_patch_[i](f);
    if (i == enc_patch_.size() / 2) f = f * gain_enc_(q).to(type);
  }
  f = enc_down_(space_to_depth(f, 2));
  for (const Block& block : enc_trunk_) f = block(f);
  const at::Tensor y = to_latent_(f).to(at::kFloat) * gain_latent_(q);
  at::Tensor h = hyper_block1_(hyper_in_(squash(y).to(type)));
  h = hyper_block2_(hyper_down1_(space_to_depth(h, 2)));
  const at::Tensor z = hyper_down2_(space_to_depth(h, 2)).to(at::kFloat) * gain_hyper_(q);
  return {y, clamp_ste(z, -kHyperMax, kHyperMax)};
}

Still::Hyper Still::hyper_synthesis(const at::Tensor& z, const at::Tensor& q, exact::Mode mode) const {
  at::Tensor h = depth_to_space(synth_up1_.forward(z * 16, mode), 2);  // 127 * 16 fits the activation range
  h = exact::settle(h + synth_bias_.at_quality(q, mode), mode);
  h = synth_block1_.forward(h, mode);
  h = depth_to_space(synth_up2_.forward(h, mode), 2);
  h = synth_block3_.forward(synth_block2_.forward(h, mode), mode);
  const at::Tensor raw = (synth_head_.forward(h, mode) + index_bias_.at_quality(q, mode)) * 0.125;
  const double top = static_cast<double>(config_.scale_rows - 1);
  return {h, clamp_ste(mode == exact::Mode::quantised ? round_ste(raw) : raw, 0.0, top)};
}

Still::Hyper Still::hyper_synthesis(const at::Tensor& z, int quality) const {
  const exact::Mode mode = exact::Mode::quantised;
  at::Tensor h = depth_to_space(synth_up1_.forward(z * 16, mode), 2);
  h = exact::settle(h + synth_bias_.at_index(quality), mode);
  h = synth_block1_.forward(h, mode);
  h = depth_to_space(synth_up2_.forward(h, mode), 2);
  h = synth_block3_.forward(synth_block2_.forward(h, mode), mode);
  const at::Tensor raw = (synth_head_.forward(h, mode) + index_bias_.at_index(quality)) * 0.125;
  return {h, at::clamp(at::floor(raw + 0.5), 0, config_.scale_rows - 1)};
}

at::Tensor Still::hyper_index(const at::Tensor& q, exact::Mode mode) const {
  const at::Tensor raw = hyper_index_.at_quality(q, mode) * 0.125;
  return clamp_ste(mode == exact::Mode::quantised ? round_ste(raw) : raw, 0.0, static_cast<double>(config_.scale_rows - 1));
}

std::vector<uint8_t> Still::hyper_rows(int quality) const {
  const at::Tensor rows = at::clamp(at::floor(hyper_index_.at_index(quality).cpu() * 0.125 + 0.5), 0, config_.scale_rows - 1);
  std::vector<uint8_t> out(static_cast<size_t>(config_.hyperlatents));
  const at::Tensor c = rows.contiguous();
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(c.const_data_ptr<float>()[i]);
  return out;
}

at::Tensor Still::context_prior(const at::Tensor& feature) const {
  return prior_block_(prior_in_((feature * (1.0 / exact::kUnit)).to(prior_in_.weight.scalar_type())));
}

at::Tensor Still::context_mean(int step, const at::Tensor& prior, const at::Tensor& decoded, const at::Tensor& gain) const {
  // The context model works on latents in the analysis' own units, which do not change with the quality.
  if (step == 0) return first_mean_(prior).to(at::kFloat) * gain;
  const size_t s = static_cast<size_t>(step - 1);
  at::Tensor h = step_in_[s](at::cat({prior, (decoded / gain).to(prior.scalar_type())}, -1));
  for (size_t i = 0; i < context_.size(); ++i) {
    h = context_[i](h);
    if (i == 0) h = global_(h);
  }
  return step_out_[s](h).to(at::kFloat) * gain;
}

at::Tensor Still::masked(int step, const at::Tensor& x) const {
  const int64_t b = x.size(0), h = x.size(1), w = x.size(2), m = x.size(3);
  return (x.reshape({b, h / 2, 2, w / 2, 2, m}) * tiles_[static_cast<size_t>(step)]).reshape({b, h, w, m});
}

at::Tensor Still::synthesis(const at::Tensor& y, const at::Tensor& q) const {
  const at::ScalarType type = from_latent_.weight.scalar_type();
  at::Tensor g = from_latent_((y * gain_delatent_(q)).to(type));
  for (const Block& block : dec_trunk_) g = block(g);
  g = depth_to_space(dec_up_(g), 2);
  for (size_t i = 0; i < dec_patch_.size(); ++i) {
    if (i == dec_patch_.size() / 2) g = g * gain_dec_(q).to(type);
    g = dec_patch_[i](g);
  }
  return depth_to_space(unembed_(g), 8).to(at::kFloat) + 0.5;
}

ResidualMix Still::residual_mix() const {
  const at::Tensor w = at::sigmoid(mix().detach().cpu().to(at::kDouble));
  const double gaussian = w[0].item<double>();
  return {gaussian, (1 - gaussian) * w[1].item<double>()};
}

double Still::lambda(double q) const { return config_.lambda_min * std::pow(config_.lambda_max / config_.lambda_min, q); }

Still::Losses Still::forward(const at::Tensor& x, const at::Tensor& q, bool noise, exact::Mode mode) const {
  const auto [y, z] = analysis(x, q);
  const at::Tensor z_hat = round_ste(z);
  const Hyper hyper = hyper_synthesis(z_hat, q, mode);
  const at::Tensor z_rate = noise ? z + (at::rand_like(z) - 0.5) : z_hat;
  const at::Tensor bits_z = residual_bits(z_rate, hyper_index(q, mode), mix(), config_).sum({1, 2, 3});

  at::Tensor residual;  // of all steps
  const at::Tensor y_hat = run_context(hyper.feature, q, [&, y = y](int step, const at::Tensor& mean) {
    const at::Tensor r = y - mean;
    residual = step == 0 ? masked(step, r) : residual + masked(step, r);
    return round_ste(r) + mean;
  });
  const at::Tensor y_rate = noise ? residual + (at::rand_like(residual) - 0.5) : at::floor(residual + 0.5);
  const at::Tensor bits_y = residual_bits(y_rate, hyper.index, mix(), config_).sum({1, 2, 3});
  at::Tensor x_hat = synthesis(y_hat, q);
  if (!noise) x_hat = at::clamp(x_hat, 0, 1);
  const at::Tensor mse = (x_hat - x).square().mean({1, 2, 3});
  const double pixels = static_cast<double>(x.size(1) * x.size(2));
  const at::Tensor lambda = at::exp(q.reshape({-1}) * std::log(config_.lambda_max / config_.lambda_min)) * config_.lambda_min;
  const at::Tensor weight = (lambda * 100).pow(-0.35);  // keeps the fine qualities from dominating the gradient
  const at::Tensor loss = (((bits_y + bits_z) / pixels + lambda * 65025.0 * mse) * weight).mean();
  return {bits_y, bits_z, mse, loss};
}

std::vector<exact::ExactLinear*> Still::exact_linears() {
  std::vector<exact::ExactLinear*> out = {&synth_up1_, &synth_up2_, &synth_head_};
  for (exact::ExactBlock* b : {&synth_block1_, &synth_block2_, &synth_block3_}) {
    out.insert(out.end(), {&b->mix_in, &b->mix_out, &b->expand, &b->contract});
  }
  return out;
}

std::vector<exact::ExactDepthwise*> Still::exact_depthwises() {
  return {&synth_block1_.depthwise, &synth_block2_.depthwise, &synth_block3_.depthwise};
}

std::vector<exact::QualityBias*> Still::quality_tables() { return {&synth_bias_, &index_bias_, &hyper_index_}; }

double Still::hyper_macs() const {
  return synth_up1_.macs() / 4096 + (synth_block1_.macs() + synth_up2_.macs()) / 1024 +
         (synth_block2_.macs() + synth_block3_.macs() + synth_head_.macs()) / 256;
}

double Still::context_macs() const {
  double total = prior_in_.macs() + prior_block_.macs() + first_mean_.macs();
  double shared = global_.macs();
  for (const Block& block : context_) shared += block.macs();
  for (size_t s = 0; s < step_in_.size(); ++s) total += step_in_[s].macs() + shared + step_out_[s].macs();
  return total / 256;
}

double Still::decode_macs() const {
  double trunk = from_latent_.macs() + dec_up_.macs(), patch = unembed_.macs();
  for (const Block& b : dec_trunk_) trunk += b.macs();
  for (const Block& b : dec_patch_) patch += b.macs();
  return trunk / 256 + patch / 64 + context_macs() + hyper_macs();
}

double Still::encode_macs() const {
  double trunk = enc_down_.macs() + to_latent_.macs() + hyper_in_.macs() + hyper_block1_.macs(), patch = embed_.macs();
  for (const Block& b : enc_trunk_) trunk += b.macs();
  for (const Block& b : enc_patch_) patch += b.macs();
  const double hyper = (hyper_down1_.macs() + hyper_block2_.macs()) / 1024 + hyper_down2_.macs() / 4096;
  return trunk / 256 + patch / 64 + hyper + context_macs() + hyper_macs();
}

}  // namespace tessera::models
