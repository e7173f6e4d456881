#include "models/video/motion.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <stdexcept>

#include "models/ops.h"
#include "models/video/gradient_limit.h"

namespace tessera::models {
namespace {

double fan(int64_t c) { return 1.0 / std::sqrt(static_cast<double>(c)); }

std::vector<Block> make_blocks(ParamSet& params, const std::string& name, int64_t count, int64_t channels) {
  std::vector<Block> blocks;
  for (int64_t i = 0; i < count; ++i) blocks.emplace_back(params, name + "." + std::to_string(i), channels);
  return blocks;
}

double macs_of(const std::vector<Block>& blocks) {
  double sum = 0;
  for (const Block& block : blocks) sum += block.macs();
  return sum;
}

// Magnitudes of latents span three decades over the qualities; the hyper-analysis sees their logarithm.
at::Tensor squash(const at::Tensor& y) { return at::sign(y) * at::log1p(at::abs(y)); }

// Zeros below and to the right until both sides are multiples of 4.
at::Tensor pad4(const at::Tensor& x) {
  const int64_t h = (4 - x.size(1) % 4) % 4, w = (4 - x.size(2) % 4) % 4;
  return h + w == 0 ? x : at::constant_pad_nd(x, {0, 0, 0, w, 0, h});
}

// The codec's own bounds: nothing of a picture on which the network fails becomes infinite.
constexpr double kLatentBound = 32767, kFeatureBound = 1e4;

Planes plus(const Planes& a, const Planes& b) { return {a.y + b.y, a.uv + b.uv}; }
// Errors beyond the whole range of samples grow as their magnitude: a picture on which the network fails must not outweigh all others.
at::Tensor squared(const at::Tensor& error) {
  const at::Tensor size = error.abs(), within = size.clamp_max(1.0);
  return within * (2.0 * size - within);
}

Planes minus(const Planes& a, const Planes& b) { return {a.y - b.y, a.uv - b.uv}; }

at::Tensor sum_of(const at::Tensor& bits) { return bits.sum({1, 2, 3}); }

// (6 Y + Cb + Cr) / 8 of [B,3].
at::Tensor six_to_one(const at::Tensor& planes) { return planes.select(1, 0) * 0.75 + (planes.select(1, 1) + planes.select(1, 2)) * 0.125; }

}  // namespace

Motion::Motion(const MotionConfig& config) : Motion(config, Uninitialised{}) {
  params_.initialise();
  block_dct_init();
}

Motion::Motion(const MotionConfig& config, Uninitialised) : config_(config) {
  ParamSet& p = params_;
  const int64_t c8 = config.patch_channels, c16 = config.trunk_channels, m = config.latents, z = config.hyperlatents;
  const int64_t hc = config.hyper_channels, mc = config.mean_channels;
  // The latents' step at each end of the quality range: the high-rate optimum for its lambda (docs/training.md).
  const auto gain_for = [](double lambda) { return std::sqrt(std::log(2.0) * lambda * 65025.0 / 6.0); };
  const double coarse = gain_for(config.lambda_min), fine = gain_for(config.lambda_max);

  if (config.conditioning) {
    start_ = p.add("context.start", {c8}, 0.0, 0.0, ParamKind::edge);
    empty_ = p.add("context.empty", {c8}, 0.0, 0.0, ParamKind::edge);
    reference_embed_ = Linear(p, "context.embed", kPatchSamples, c8, 0.005, ParamKind::edge);
    memory_ = Linear(p, "context.memory", c8, c8, 0.1 * fan(c8));
    reference_ = make_blocks(p, "context.block", config.reference_blocks, c8);
    gain_context_ = LearnedScale(p, "context.gain", c8, 1.0, 1.0);
    temporal_ = Linear(p, "mean.temporal", 4 * c8, mc, 0.1 * fan(4 * c8));
    enc_join_ = Linear(p, "analysis.join", c8, c8, 0.0);
    dec_join_ = Linear(p, "synthesis.join", c8, c8, 0.0);
  } else {
    temporal_ = Linear(p, "mean.temporal", m, mc, 0.1 * fan(m));
  }

  embed_ = Linear(p, "analysis.embed", 2 * kPatchSamples, c8, 0.005, ParamKind::edge);
  enc_patch_ = make_blocks(p, "analysis.patch", config.enc_patch_blocks, c8);
  gain_enc_ = LearnedScale(p, "analysis.gain", c8, 1.0, 1.0);
  enc_down_ = Linear(p, "analysis.down", 4 * c8, c16, 0.0005);
  enc_trunk_ = make_blocks(p, "analysis.trunk", config.enc_trunk_blocks, c16);
  to_latent_ = Linear(p, "analysis.latent", c16, config.coarse_latents(), 0.0005);
  if (config.fine_latents > 0) {
    fine_patch_ = Linear(p, "analysis.fine_patch", 8 * kPatchSamples, config.fine_latents, 0.005, ParamKind::edge);
    fine_feature_ = Linear(p, "analysis.fine_feature", 4 * c8, config.fine_latents, 0.0);
    fine_out_ = Linear(p, "synthesis.fine", config.fine_latents, 4 * kPatchSamples, 0.005, ParamKind::edge);
  }
  gain_latent_ = LearnedScale(p, "analysis.latent_gain", m, coarse, fine);

  hyper_in_ = Linear(p, "hyper_analysis.in", m, hc, fan(m));
  hyper_block1_ = Block(p, "hyper_analysis.block1", hc);
  hyper_down1_ = Linear(p, "hyper_analysis.down1", 4 * hc, hc, fan(4 * hc));
  hyper_block2_ = Block(p, "hyper_analysis.block2", hc);
  hyper_down2_ = Linear(p, "hyper_analysis.down2", 4 * hc, z, fan(4 * hc));
  gain_hyper_ = LearnedScale(p, "hyper_analysis.gain", z, 2.0, 3.0);

  prior_ = TemporalPrior(p, config);

  // Means start at zero: random ones of a context with a large mean would drown the latents.
  mean_in_ = Linear(p, "mean.in", hc, mc, fan(hc));
  mean_block_ = Block(p, "mean.first_block", mc);
  first_mean_ = Linear(p, "mean.first", mc, m, 0.0);
  second_in_ = Linear(p, "mean.second_in", mc + m, mc, fan(mc + m));
  means_ = make_blocks(p, "mean.block", config.mean_blocks, mc);
  second_mean_ = Linear(p, "mean.second", mc, m, 0.0);

  gain_delatent_ = LearnedScale(p, "synthesis.latent_gain", m, 1.0 / coarse, 1.0 / fine);
  from_latent_ = Linear(p, "synthesis.latent", m, c16, 0.0005);
  dec_trunk_ = make_blocks(p, "synthesis.trunk", config.dec_trunk_blocks, c16);
  dec_up_ = Linear(p, "synthesis.up", c16, 4 * c8, 0.0005);
  gain_dec_ = LearnedScale(p, "synthesis.gain", c8, 1.0, 1.0);
  dec_patch_ = make_blocks(p, "synthesis.patch", config.dec_patch_blocks, c8);
  head_ = make_blocks(p, "synthesis.head", config.head_blocks, c8);
  unembed_ = Linear(p, "synthesis.unembed", c8, kPatchSamples, 0.0, ParamKind::edge);
  blend_ = p.add("entropy.blend", {1}, 0.0, 0.0, ParamKind::fine);

  for (Block* block : {&hyper_block1_, &hyper_block2_, &mean_block_}) block->gate_limit = config.gate_limit;
  for (std::vector<Block>* blocks : {&reference_, &enc_patch_, &enc_trunk_, &means_, &dec_trunk_, &dec_patch_, &head_}) {
    for (Block& block : *blocks) block.gate_limit = config.gate_limit;
  }
}

void Motion::to(at::Device device) {
  for (Param& p : params_.list()) p.tensor.set_data(p.tensor.to(device));
  for (auto* layer : prior_.linears()) layer->to(device);
  for (auto* layer : prior_.depthwises()) layer->to(device);
  for (auto* table : prior_.tables()) table->to(device);
}

void Motion::use_half() {
  for (Param& p : params_.list()) {
    if (p.kind != ParamKind::fine) p.tensor.set_data(p.tensor.to(at::kHalf));
  }
}

at::Tensor Motion::limited(const at::Tensor& x) const { return limit_gradient(x, gradient_limit_); }

at::Tensor Motion::apply(const std::vector<Block>& blocks, at::Tensor x) const {
  for (const Block& block : blocks) x = limited(block(x));
  return x;
}

Motion::Context Motion::key_context(int64_t batch, int64_t height, int64_t width, const Level&) const {
  const at::TensorOptions real = blend_.options();
  const int64_t h = height / 16, w = width / 16;
  Context c;
  c.moved = {at::full({batch, 1, height, width}, 0.5, real), at::full({batch, 2, height / 2, width / 2}, 0.5, real)};
  if (config_.conditioning) {
    c.feature = start_.reshape({1, 1, 1, -1}).expand({batch, 2 * h, 2 * w, config_.patch_channels});
    c.temporal = temporal_(start_.reshape({1, 1, 1, -1, 1}).expand({1, 1, 1, config_.patch_channels, 4}).reshape({1, 1, 1, -1}));
  } else {
    c.temporal = temporal_(at::zeros({1, 1, 1, config_.latents}, temporal_.weight.options()));
  }
  c.state = c.input_state = prior_.initial_state(batch, h, w, real);
  return c;
}

Motion::Context Motion::context(const Reference& reference, const VectorField& vectors, const Level& level, const at::Tensor& keep) const {
  const at::ScalarType type = embed_.weight.scalar_type();
  Context c;
  c.input_state = reference.state;
  if (!config_.conditioning) {
    const int64_t b = reference.latents.size(0), h = reference.latents.size(1), w = reference.latents.size(2);
    c = key_context(b, 16 * h, 16 * w, level);
    c.temporal = temporal_((reference.latents / reference.gain).to(type));
    c.state = c.input_state = reference.state;
    return c;
  }
  const at::Tensor dense = dense_vectors(vectors);
  c.moved = warp(reference.picture, dense, config_.interpolation, type != at::kFloat);
  at::Tensor feature = empty_.reshape({1, 1, 1, -1});
  if (reference.feature.defined()) {
    const at::Tensor last = gather_blocks(reference.feature, whole_shift(dense, 8 * kVectorUnit));
    feature = keep.defined() ? at::where(keep, last, feature) : last;
  }
  const at::Tensor x = reference_embed_(centred_patches(c.moved).to(type)) + memory_(feature);
  c.feature = limited(apply(reference_, x) * gain_context_(level.q).to(type));
  c.temporal = temporal_(space_to_depth(c.feature, 2));
  if (reference.state.defined()) c.state = moved_state(reference.state, vectors);
  return c;
}

at::Tensor Motion::moved_state(const at::Tensor& state, const VectorField& vectors) const {
  return config_.conditioning ? gather_blocks(state, whole_shift(vectors.coarse, 16 * kVectorUnit)) : state;
}

Motion::Analysis Motion::analysis(const Planes& x, const Context& context, const Level& level) const {
  const at::ScalarType type = embed_.weight.scalar_type();
  const at::Tensor patches = paired_patches(x, context.moved).to(type);
  at::Tensor f = embed_(patches);
  if (config_.conditioning) f = f + enc_join_(context.feature);
  for (size_t i = 0; i < enc_patch_.size(); ++i) {
    f = limited(enc_patch_[i](f));
    if (i == enc_patch_.size() / 2) f = f * gain_enc_(level.q).to(type);
  }
  f = space_to_depth(f, 2);
  at::Tensor latents = to_latent_(apply(enc_trunk_, enc_down_(f)));
  if (config_.fine_latents > 0) latents = join_latents(latents, fine_patch_(space_to_depth(patches, 2)) + fine_feature_(f));
  const at::Tensor y = limited(latents.to(at::kFloat) * gain_latent_(level.q));
  at::Tensor h = limited(hyper_block1_(hyper_in_(pad4(squash(y)).to(type))));
  h = limited(hyper_block2_(hyper_down1_(space_to_depth(h, 2))));
  const at::Tensor z = hyper_down2_(space_to_depth(h, 2)).to(at::kFloat) * gain_hyper_(level.q);
  return {y, clamp_ste(z, -TemporalPrior::kHyperMax, TemporalPrior::kHyperMax)};
}

at::Tensor Motion::join_latents(const at::Tensor& coarse, const at::Tensor& fine) const {
  const int64_t c = config_.coarse_latents() / 2, f = config_.fine_latents / 2;
  return at::cat({coarse.narrow(-1, 0, c), fine.narrow(-1, 0, f), coarse.narrow(-1, c, c), fine.narrow(-1, f, f)}, -1);
}

at::Tensor Motion::fine_of(const at::Tensor& latents) const {
  const int64_t c = config_.coarse_latents() / 2, f = config_.fine_latents / 2;
  return at::cat({latents.narrow(-1, c, f), latents.narrow(-1, 2 * c + f, f)}, -1);
}

at::Tensor Motion::mean_base(const at::Tensor& feature, const Context& context) const {
  const at::ScalarType type = mean_in_.weight.scalar_type();
  return limited(mean_block_(mean_in_((feature * (1.0 / exact::kUnit)).to(type)) + context.temporal));
}

at::Tensor Motion::second_mean(const at::Tensor& base, const at::Tensor& half, const at::Tensor& gain) const {
  // The context model works on latents in the analysis' own units, which do not change with the quality.
  const at::Tensor h = second_in_(at::cat({base, (half / gain).to(base.scalar_type())}, -1));
  return second_mean_(apply(means_, h)).to(at::kFloat) * gain;
}

at::Tensor Motion::masked(int step, const at::Tensor& x) const {
  const int64_t b = x.size(0), h = x.size(1), w = x.size(2), m = x.size(3);
  const at::TensorOptions options = x.options();
  const at::Tensor sum = at::arange(h, options).reshape({h, 1, 1, 1}) + at::arange(w, options).reshape({w, 1, 1}) +
                         at::arange(2, options).reshape({2, 1}) + static_cast<double>(step);
  const at::Tensor mask = 1 - at::remainder(sum, 2);  // [h,w,2,1]
  return (x.reshape({b, h, w, 2, m / 2}) * mask).reshape({b, h, w, m});
}

Motion::Decoded Motion::synthesis(const at::Tensor& y, const Context& context, const Level& level) const {
  const at::ScalarType type = from_latent_.weight.scalar_type();
  const at::Tensor latents = (y * gain_delatent_(level.q)).to(type);
  at::Tensor g = apply(dec_trunk_, from_latent_(latents));
  g = depth_to_space(dec_up_(g), 2);
  if (config_.conditioning) g = g + dec_join_(context.feature);
  for (size_t i = 0; i < dec_patch_.size(); ++i) {
    if (i == dec_patch_.size() / 2) g = g * gain_dec_(level.q).to(type);
    g = limited(dec_patch_[i](g));
  }
  at::Tensor patches = unembed_(apply(head_, g));
  if (config_.fine_latents > 0) patches = patches + depth_to_space(fine_out_(fine_of(latents)), 2);
  return {plus(context.moved, from_patches(limited(patches).to(at::kFloat))), g};
}

Motion::Frame Motion::code(const Planes& x, const Reference& reference, const VectorField& vectors, const Level& level, const Options& options,
                           const at::Tensor& keep, const at::Tensor& fresh) const {
  const bool key = !reference.defined();
  Context context = key ? key_context(x.batch(), x.height(), x.width(), level) : this->context(reference, vectors, level, keep);
  if (!key && fresh.defined()) {
    const Context other = key_context(x.batch(), x.height(), x.width(), level);
    const auto choose = [&](const at::Tensor& a, const at::Tensor& b) { return b.defined() ? at::where(fresh, a, b) : b; };
    context = {{choose(other.moved.y, context.moved.y), choose(other.moved.uv, context.moved.uv)}, choose(other.feature, context.feature),
               choose(other.temporal, context.temporal), choose(other.state, context.state), choose(other.input_state, context.input_state)};
  }
  const auto rate_of = [&](const at::Tensor& v, const at::Tensor& rounded) { return options.noise ? v + (at::rand_like(v) - 0.5) : rounded; };
  Frame f;

  // First pass: vectors and hyperlatents.
  if (!key && config_.conditioning) {
    f.vector_symbols = at::cat({vectors.coarse - predict_vectors(vectors.coarse), vectors.delta}, -1);
    const at::Tensor rows = prior_.vector_rows(context.input_state, level, options.mode);
    f.vector_rows = at::cat({rows.narrow(-1, 0, 2), rows.narrow(-1, 2, 2).repeat({1, 1, 1, 4})}, -1);
    if (fresh.defined()) f.vector_symbols = f.vector_symbols.masked_fill(fresh, 0);
    at::Tensor bits = vector_bits(f.vector_symbols, f.vector_rows);
    if (fresh.defined()) bits = bits.masked_fill(fresh, 0);
    f.bits_v = sum_of(bits);
  }
  auto [y, z] = analysis(x, context, level);
  y = clamp_ste(y, -kLatentBound, kLatentBound);
  const at::Tensor z_hat = round_ste(z);
  f.hyper_rows = prior_.hyper_rows(context.input_state, level, options.mode);
  f.hyper_symbols = rate_of(z, z_hat);
  f.bits_z = sum_of(symbol_bits(f.hyper_symbols, f.hyper_rows, blend_, config_.scales));

  // Second pass: latents.
  TemporalPrior::Rows rows = prior_.latent_rows(z_hat, context.state, level, options.mode);
  rows = {limited(rows.feature), limited(rows.index)};
  f.rows = rows.index;
  const at::Tensor gain = latent_gain(level);
  at::Tensor residual, symbols;
  const at::Tensor y_hat = run_means(rows.feature, context, gain, [&, y = y](int step, const at::Tensor& mean) {
    const at::Tensor r = y - mean;
    at::Tensor s = round_ste(r);
    if (options.skip_below > 0) s = s * (rows.index >= options.skip_below);
    const at::Tensor part = masked(step, r), rounded = masked(step, s);
    residual = step == 0 ? part : residual + part;
    symbols = step == 0 ? rounded : symbols + rounded;
    return s + mean;
  });
  f.symbols = rate_of(residual, symbols);
  f.bits_y = sum_of(symbol_bits(f.symbols, f.rows, blend_, config_.scales));

  const Decoded decoded = synthesis(limited(y_hat), context, level);
  const Planes clamped = {clamp_ste(decoded.picture.y, 0.0, 1.0), clamp_ste(decoded.picture.uv, 0.0, 1.0)};
  // In training the error of samples outside of the range counts as it is, so that the gradient sees it.
  const Planes error = minus(options.noise ? decoded.picture : clamped, x);
  f.mse = at::cat({squared(error.y).mean({2, 3}), squared(error.uv).mean({2, 3})}, 1);
  const at::Tensor news = f.vector_symbols.defined() ? f.vector_symbols : at::zeros({y.size(0), y.size(1), y.size(2), 10}, y.options());
  f.next = {clamped, clamp_ste(decoded.feature, -kFeatureBound, kFeatureBound), y_hat, gain, prior_.next_state(rows.feature, context.state, symbols, news, options.mode)};
  return f;
}

at::Tensor Motion::lambda(const at::Tensor& q) const {
  return at::exp(q * std::log(config_.lambda_max / config_.lambda_min)) * config_.lambda_min;
}

Motion::Losses Motion::forward(const std::vector<Planes>& frames, const std::vector<VectorField>& vectors, const at::Tensor& q, const Chains& chains,
                               const Options& options) const {
  if (chains.lead < 0 || chains.lead >= static_cast<int64_t>(frames.size())) throw std::invalid_argument("the lead must be shorter than the clip");
  Reference reference;
  at::Tensor total;
  std::vector<at::Tensor> stats;
  const int64_t b = frames[0].batch();
  const double pixels = static_cast<double>(frames[0].height() * frames[0].width());
  for (size_t t = 0; t < frames.size(); ++t) {
    const at::Tensor qt = q.select(1, static_cast<int64_t>(t));
    const Level level{qt.reshape({b, 1, 1, 1})};
    at::Tensor keep;
    if (t > 0 && chains.drop > 0) keep = at::rand({b, 1, 1, 1}, qt.options()) >= chains.drop;
    at::Tensor fresh;
    if (t > 0 && chains.key_time.defined()) fresh = (chains.key_time == static_cast<int64_t>(t)).reshape({b, 1, 1, 1});
    const bool teaches = static_cast<int64_t>(t) >= chains.lead;
    const at::AutoGradMode gradient(teaches && at::GradMode::is_enabled());
    const Frame f = code(frames[t], reference, t > 0 ? vectors[t - 1] : VectorField{}, level, options, keep, fresh);
    // PSNR is quoted as (6 Y + Cb + Cr) / 8 of the planes' decibels, i.e. a geometric mean of errors; the floor (63 dB) keeps flat
    // chroma from ruling the gradient, the arithmetic share keeps every plane in sight.
    const at::Tensor safe = f.mse + 5e-7;
    const at::Tensor log_mse = six_to_one(safe.log()), plain = six_to_one(f.mse);
    const at::Tensor distortion = 0.8 * log_mse.exp() + 0.2 * plain;
    const at::Tensor bits = (f.bits_y + f.bits_z) / pixels;
    const at::Tensor side = f.bits_v.defined() ? f.bits_v / pixels : at::zeros_like(bits);
    const at::Tensor lambda_t = lambda(qt);
    const at::Tensor weight = (lambda_t * 100).pow(-0.35);  // keeps the fine qualities from dominating the gradient
    const at::Tensor each = (bits + side + lambda_t * 65025.0 * distortion) * weight;
    const at::Tensor loss = redescend(each, kLossKnee);
    // Where the network fails it also magnifies: through several such frames the gradient grows until it drowns that of all other samples. A failed
    // frame gives none to the frames before it.
    const at::Tensor sound = (each < kLossKnee).reshape({b, 1, 1, 1});
    const auto cut = [&](const at::Tensor& x) { return x.defined() ? at::where(sound, x, x.detach()) : x; };
    reference = {{cut(f.next.picture.y), cut(f.next.picture.uv)}, cut(f.next.feature), cut(f.next.latents), f.next.gain, limited(cut(f.next.state))};
    if (teaches) total = total.defined() ? total + loss : loss;
    const at::Tensor row = at::stack({bits.mean(), side.mean(), log_mse.mean() * (1 / std::log(10.0)), at::ones({}, bits.options())});
    stats.push_back(row.detach());
  }
  total = total * (1.0 / static_cast<double>(static_cast<int64_t>(frames.size()) - chains.lead));
  if (relative_loss_ > 0) total = total * relative_weights(total, relative_loss_);
  return {total.mean(), at::stack(stats)};
}

double Motion::shared_macs() const {
  double at8 = 0, at16 = temporal_.macs() + mean_in_.macs() + mean_block_.macs() + first_mean_.macs() + second_in_.macs() + macs_of(means_) +
                         second_mean_.macs();
  if (config_.conditioning) at8 = reference_embed_.macs() + memory_.macs() + macs_of(reference_);
  // Synthesis: an encoder needs the decoded picture as well. Interpolation, along rows and then columns: for Lagrange's 8 taps 23 products a sample of luma and 30
  // of chroma, whose blocks are smaller; bicubic at 16 for 1.5 samples.
  at8 += (config_.conditioning ? dec_join_.macs() : 0.0) + macs_of(dec_patch_) + macs_of(head_) + unembed_.macs();
  at16 += from_latent_.macs() + macs_of(dec_trunk_) + dec_up_.macs() + (config_.fine_latents > 0 ? fine_out_.macs() : 0.0);
  const double interpolation = config_.interpolation == Interpolation::bicubic ? 24.0 : 38.0;
  return at8 / 64 + at16 / 256 + prior_.macs() + (config_.conditioning ? interpolation : 0.0);
}

double Motion::decode_macs() const { return shared_macs(); }

double Motion::encode_macs() const {
  const double at8 = embed_.macs() + (config_.conditioning ? enc_join_.macs() : 0.0) + macs_of(enc_patch_);
  const double fine = config_.fine_latents > 0 ? fine_patch_.macs() + fine_feature_.macs() : 0.0;
  const double at16 = enc_down_.macs() + macs_of(enc_trunk_) + to_latent_.macs() + fine + hyper_in_.macs() + hyper_block1_.macs();
  return at8 / 64 + at16 / 256 + (hyper_down1_.macs() + hyper_block2_.macs()) / 1024 + hyper_down2_.macs() / 4096 + shared_macs();
}

}  // namespace tessera::models
