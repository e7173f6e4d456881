#include "apps/tessera-train/index_network.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>

#include "apps/tessera-train/index_clusters.h"

namespace tessera::train {
namespace {

constexpr double kOctaves = 1.4426950408889634;  // per neper
constexpr double kAbsent = -100;                 // octaves: no probability beyond the smallest
constexpr int kPlaces = 8;                       // binary places of the coder's activations and logits

// The first h principal directions of rows [n,d], or the identity widened by zeros: [d,h].
at::Tensor projection(const at::Tensor& rows, int64_t h) {
  const int64_t d = rows.size(1);
  if (d <= h) return at::eye(d, h);
  const at::Tensor m = rows.to(at::kDouble);
  return std::get<1>(at::linalg_eigh(at::matmul(m.t(), m))).flip(1).narrow(1, 0, h).to(at::kFloat).contiguous();
}

// Weights of the packet's frames in the average that frame t sees: [T,T] (frames before t), and of the first average [T,1].
std::pair<at::Tensor, at::Tensor> decay_weights(int64_t frames, int64_t shift) {
  const double keep = 1 - std::ldexp(1.0, -static_cast<int>(shift));
  const at::Tensor t = at::arange(frames, at::kFloat);
  const at::Tensor age = t.unsqueeze(1) - t.unsqueeze(0) - 1;
  const at::Tensor w = at::where(age >= 0, at::exp(age.clamp_min(0) * std::log(keep)) * (1 - keep), at::zeros({}));
  return {w, at::exp(t * std::log(keep)).unsqueeze(1)};
}

// Bits of each target: logits [N,k] in octaves, target [N].
at::Tensor octaves(const at::Tensor& logits, const at::Tensor& target) {
  return at::log_softmax(logits / kOctaves, 1).gather(1, target.unsqueeze(1)) * -kOctaves;
}

// Factors of logits that are tried, 0 first.
constexpr int64_t kFactors = 12;
double factor(int64_t i) { return 0.1 * static_cast<double>(i); }

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) { return at::matmul(x, weight.t()) + bias; }

}  // namespace

IndexNetwork::IndexNetwork(const at::Tensor& codebooks, const at::Tensor& counts, int64_t embedding, int64_t context) {
  const at::NoGradGuard no_grad;
  IndexShape& s = shape_;
  s.levels = codebooks.size(0);
  s.groups = codebooks.size(1);
  s.codes = codebooks.size(2);
  s.embedding = embedding;
  s.context = context;
  // About as many classes as members; multiples of 8, as the coder's vectors want them, the last ones empty where there are too few codes.
  s.classes = std::max<int64_t>(8, int64_t{1} << (std::bit_width(static_cast<uint64_t>(s.codes - 1)) / 2));
  const int64_t used = std::min(s.classes, s.codes), fullest = (s.codes + used - 1) / used;
  s.members = (fullest + 7) / 8 * 8;
  const int64_t p = s.classes * s.members, l = s.levels, g = s.groups, h = s.embedding, n = s.context, gh = g * h;

  order_ = at::empty({l, g, p}, at::kLong);
  position_ = at::empty({l, g, s.codes}, at::kLong);
  at::Tensor value = at::zeros({l, g, p, h}), class_weight = at::zeros({l, g, s.classes, h}), share = at::zeros({l, g, p});
  at::Tensor hidden = at::randn({l, g, h, gh + n}) * 0.01;
  for (int64_t j = 0; j < g; ++j) {
    const at::Tensor map = projection(codebooks.select(1, j).reshape({l * s.codes, -1}), h);
    for (int64_t i = 0; i < l; ++i) {
      const at::Tensor codes = at::matmul(codebooks[i][j].to(at::kFloat), map);
      at::Tensor places = at::full({s.classes, s.members}, -1, at::kLong);
      places.narrow(0, 0, used).narrow(1, 0, fullest).copy_(balanced_clusters(codes, used));
      const at::Tensor order = places.reshape({p});
      const at::Tensor present = order.ge(0), safe = order.clamp_min(0);
      order_[i][j].copy_(order);
      position_[i][j].index_copy_(0, order.masked_select(present), at::arange(p).masked_select(present));
      const at::Tensor mask = present.to(at::kFloat);
      value[i][j].copy_(codes.index_select(0, safe) * mask.unsqueeze(1));
      share[i][j].copy_((counts[i][j].to(at::kFloat) + 0.5).index_select(0, safe) * mask);
      const at::Tensor members = mask.view({s.classes, s.members});
      class_weight[i][j].copy_(value[i][j].view({s.classes, s.members, h}).sum(1) / members.sum(1, true).clamp_min(1));
      // A Gaussian around the prediction: the log-likelihood of a code is its product with what is left, over the variance.
      const double variance = codes.square().mean().item<double>() * 4 + 1e-6;
      for (int64_t c = 0; c < h; ++c) hidden[i][j][c][j * h + c] += 0.15 * kOctaves / variance;
    }
  }
  absent_ = at::where(order_ < 0, at::full({}, kAbsent), at::zeros({})).to(at::kFloat);
  const at::Tensor by_class = share.view({l, g, s.classes, s.members});
  const at::Tensor class_share = by_class.sum(-1, true);
  const at::Tensor member_bias = at::log2((by_class / class_share.clamp_min(0.5)).clamp_min(1e-6)).view({l, g, p});

  add("embedding", value, 0.1);
  add("member_bias", member_bias, 0.5);
  add("class.weight", class_weight, 0.5);
  add("class.bias", at::log2((class_share.squeeze(-1) / class_share.sum(2)).clamp_min(1e-6)), 0.5);
  add("hidden.weight", hidden, 1);
  add("hidden.bias", at::zeros({l, g, h}), 1);
  add("start", at::zeros({2 * gh + n}), 1);
  add("observe.weight", at::randn({n, gh}) * (0.7 / std::sqrt(static_cast<double>(gh))), 1);
  add("observe.bias", at::zeros({n}), 1);
  add("context.weight", at::randn({n, 2 * gh + n}) * (0.7 / std::sqrt(static_cast<double>(2 * gh + n))), 1);
  add("context.bias", at::zeros({l, n}), 1);
  at::Tensor predict = at::zeros({gh, n + 2 * gh});
  for (int64_t c = 0; c < gh; ++c) predict[c][n + c] = 0.4;
  add("predict.weight", predict, 1);
  add("predict.bias", at::zeros({gh}), 1);
}

at::Tensor& IndexNetwork::add(const std::string& name, at::Tensor value, double rate) {
  value = value.contiguous();
  value.set_requires_grad(true);
  parameters_.push_back({name, value, rate});
  return parameters_.back().value;
}

const at::Tensor& IndexNetwork::get(const std::string& name) const {
  for (const Parameter& p : parameters_) {
    if (p.name == name) return p.value;
  }
  throw std::logic_error("index network: no parameter " + name);
}

void IndexNetwork::fit(const at::Tensor& positions) {
  const at::NoGradGuard no_grad;
  const int64_t frames = positions.size(0), levels = shape_.levels, g = shape_.groups, h = shape_.embedding, gh = g * h;
  // Stretches of 200 frames with all levels or a random number of them, as in training.
  const int64_t stretch = 200, stretches = (frames + stretch - 1) / stretch;
  const at::Tensor some = at::randint(1, levels + 1, {stretches, 1}), all = at::rand({stretches, 1}) < 0.4;
  const at::Tensor used = at::where(all, at::full({}, levels, at::kLong), some).expand({stretches, stretch}).reshape({-1}).narrow(0, 0, frames);
  const auto embedded = [&](int64_t l, int64_t j) {
    const at::Tensor e = get("embedding")[l][j].index_select(0, positions.select(2, j).select(1, l));
    return e * used.gt(l).to(at::kFloat).unsqueeze(1);
  };
  at::Tensor frame = at::zeros({frames, gh});
  for (int64_t l = 0; l < levels; ++l) {
    for (int64_t j = 0; j < g; ++j) frame.narrow(1, j * h, h).add_(embedded(l, j));
  }
  const at::Tensor none = at::zeros({2, gh});
  const at::Tensor past = at::cat({at::cat({none.narrow(0, 0, 1), frame}).narrow(0, 0, frames), at::cat({none, frame}).narrow(0, 0, frames), at::ones({frames, 1})}, 1);
  const at::Tensor square = at::matmul(past.t(), past).to(at::kDouble);
  const at::Tensor map = at::linalg_solve(square + at::eye(square.size(0), at::kDouble) * (1e-3 * square.diagonal().mean() + 1e-3),
                                          at::matmul(past.t(), frame).to(at::kDouble)).to(at::kFloat);
  get("predict.weight").zero_();
  get("predict.weight").narrow(1, shape_.context, 2 * gh).copy_(map.narrow(0, 0, 2 * gh).t());
  get("predict.bias").copy_(map[2 * gh]);
  const at::Tensor left = at::matmul(past, map);
  for (int64_t l = 0; l < levels; ++l) {
    const at::Tensor rows = used.gt(l).nonzero().squeeze(1);
    for (int64_t j = 0; j < g; ++j) {
      const at::Tensor e = embedded(l, j);
      if (rows.numel() > 1) fit_level(left.index_select(0, rows).to(at::kDouble), e.index_select(0, rows).to(at::kDouble), l, j);
      left.narrow(1, j * h, h).sub_(e);
    }
  }
}

void IndexNetwork::fit_level(const at::Tensor& left, const at::Tensor& embedded, int64_t level, int64_t group) {
  const int64_t gh = left.size(1);
  const double n = static_cast<double>(left.size(0));
  const at::Tensor middle = left.mean(0), centre = embedded.mean(0), d = left - middle, e = embedded - centre;
  const auto ridge = [](const at::Tensor& m) { return m + at::eye(m.size(0), at::kDouble) * (1e-2 * m.diagonal().mean() + 1e-6); };
  const at::Tensor between = at::matmul(d.t(), e) / n;                                           // [GH,H]
  const at::Tensor map = at::linalg_solve(ridge(at::matmul(e.t(), e) / n), between.t()).t();     // left = map e + noise
  const at::Tensor noise = ridge(at::matmul(d.t(), d) / n - at::matmul(map, between.t()));
  const at::Tensor score = at::linalg_solve(noise, map).t() * kOctaves;                          // [H,GH]
  get("hidden.weight")[level][group].narrow(1, 0, gh).copy_(score);
  get("hidden.bias")[level][group].copy_(at::matmul(score, middle).neg());
  // Half of the squared distance that a code has from the centre, in units of the noise.
  const at::Tensor form = at::matmul(score, map) * 0.5;
  const auto energy = [&](const at::Tensor& rows) {
    const at::Tensor r = rows.to(at::kDouble) - centre;
    return (at::matmul(r, form) * r).sum(1).clamp_max(30.0);
  };
  get("member_bias")[level][group].sub_(energy(get("embedding")[level][group]));
  get("class.bias")[level][group].sub_(energy(get("class.weight")[level][group]));
}

at::Tensor IndexNetwork::positions(const at::Tensor& indices) const {
  at::Tensor out = at::empty_like(indices);
  for (int64_t l = 0; l < indices.size(2); ++l) {
    for (int64_t g = 0; g < shape_.groups; ++g) {
      const at::Tensor index = indices.select(3, g).select(2, l);
      out.select(3, g).select(2, l).copy_(position_[l][g].index_select(0, index.reshape({-1})).view_as(index));
    }
  }
  return out;
}

void IndexNetwork::each(const at::Tensor& positions, double keep, const std::function<void(int64_t, int64_t, const Logits&)>& use) const {
  const int64_t b = positions.size(0), t = positions.size(1), levels = positions.size(2), g = shape_.groups, h = shape_.embedding,
                n = shape_.context, gh = g * h;
  const at::Tensor &embedding = get("embedding"), &member_bias = get("member_bias"), &start = get("start");
  std::vector<at::Tensor> looked_up;  // [B,T,H] of each step
  std::vector<at::Tensor> sums(static_cast<size_t>(g));
  for (int64_t l = 0; l < levels; ++l) {
    for (int64_t j = 0; j < g; ++j) {
      const at::Tensor e = embedding[l][j].index_select(0, positions.select(3, j).select(2, l).reshape({-1})).view({b, t, h});
      looked_up.push_back(e);
      at::Tensor& sum = sums[static_cast<size_t>(j)];
      sum = sum.defined() ? sum + e : e;
    }
  }
  const at::Tensor frame = at::cat(sums, 2);  // [B,T,GH]
  const at::Tensor s1 = start.narrow(0, 0, gh).expand({b, 1, gh}), s2 = start.narrow(0, gh, gh).expand({b, 1, gh});
  const at::Tensor before = at::cat({s1, frame}, 1).narrow(1, 0, t), earlier = at::cat({s2, s1, frame}, 1).narrow(1, 0, t);
  const at::Tensor seen = at::relu(linear(frame, get("observe.weight"), get("observe.bias")));
  const auto [weights, first] = decay_weights(t, shape_.decay);
  const at::Tensor average = at::matmul(weights, seen) + first * start.narrow(0, 2 * gh, n);
  at::Tensor context = at::relu(linear(at::cat({before, earlier, average}, 2), get("context.weight"), get("context.bias")[levels - 1]));
  if (keep < 1) context = context * (at::rand({b, 1, n}) < keep).to(at::kFloat) * (1 / keep);
  const at::Tensor predicted = linear(at::cat({context, before, earlier}, 2), get("predict.weight"), get("predict.bias"));

  at::Tensor left = predicted;  // what lower levels of this frame have not explained yet
  size_t step = 0;
  for (int64_t l = 0; l < levels; ++l) {
    for (int64_t j = 0; j < g; ++j, ++step) {
      const at::Tensor hidden = linear(at::cat({left, context}, 2), get("hidden.weight")[l][j], get("hidden.bias")[l][j]).view({b * t, h});
      const at::Tensor position = positions.select(3, j).select(2, l).reshape({b * t});
      const at::Tensor which = at::floor_divide(position, shape_.members);
      const at::Tensor classes = linear(hidden, get("class.weight")[l][j], get("class.bias")[l][j]);
      const at::Tensor all = linear(hidden, embedding[l][j], member_bias[l][j] + absent_[l][j]).view({b * t, shape_.classes, shape_.members});
      const at::Tensor members = all.gather(1, which.view({-1, 1, 1}).expand({-1, 1, shape_.members})).squeeze(1);
      use(l, j, {classes, members, which, position - which * shape_.members});
      // Only group j's part changes.
      std::vector<at::Tensor> parts = left.split(h, 2);
      parts[static_cast<size_t>(j)] = parts[static_cast<size_t>(j)] - looked_up[step];
      left = g == 1 ? parts[0] : at::cat(parts, 2);
    }
  }
}

at::Tensor IndexNetwork::bits(const at::Tensor& positions, double keep) const {
  std::vector<at::Tensor> cost(static_cast<size_t>(positions.size(2)));
  each(positions, keep, [&](int64_t level, int64_t, const Logits& l) {
    const at::Tensor c = octaves(l.classes, l.which).sum() + octaves(l.members, l.member).sum();
    at::Tensor& sum = cost[static_cast<size_t>(level)];
    sum = sum.defined() ? sum + c : c;
  });
  return at::stack(cost);
}

void IndexNetwork::temper(const at::Tensor& positions) {
  const at::NoGradGuard no_grad;
  const int64_t levels = shape_.levels, g = shape_.groups, parts = kFactors + 1;
  at::Tensor classes = at::zeros({levels, g, parts}, at::kDouble), members = at::zeros_like(classes);
  // `missing`: what stays as it is.
  const auto add = [&](at::Tensor sums, const at::Tensor& logits, const at::Tensor& missing, const at::Tensor& target) {
    for (int64_t i = 0; i < parts; ++i) sums[i].add_(octaves((logits - missing) * factor(i) + missing, target).sum().to(at::kDouble));
  };
  for (int64_t i = 0; i < positions.size(0); i += 32) {
    each(positions.narrow(0, i, std::min<int64_t>(32, positions.size(0) - i)), 1, [&](int64_t level, int64_t group, const Logits& l) {
      // Places without a code have no share whatever the factor.
      const at::Tensor missing = absent_[level][group].view({shape_.classes, shape_.members}).index_select(0, l.which);
      add(classes[level][group], l.classes, at::zeros({}), l.which);
      add(members[level][group], l.members, missing, l.member);
    });
  }
  const double plain = std::log2(static_cast<double>(shape_.codes)) * static_cast<double>(positions.size(0) * positions.size(1));
  for (int64_t l = 0; l < levels; ++l) {
    for (int64_t j = 0; j < g; ++j) {
      const int64_t c = classes[l][j].argmin().item<int64_t>(), m = members[l][j].narrow(0, 1, kFactors).argmin().item<int64_t>() + 1;
      const bool learnt = classes[l][j][c].item<double>() + members[l][j][m].item<double>() < plain;
      // The members' logits are the embeddings' products with the hidden vector, which the classes share.
      const double of_members = learnt ? factor(m) : 0, of_classes = learnt ? factor(c) : 0;
      get("hidden.weight")[l][j].mul_(of_members);
      get("hidden.bias")[l][j].mul_(of_members);
      get("member_bias")[l][j].mul_(of_members);
      get("class.weight")[l][j].mul_(learnt ? of_classes / of_members : 0);
      get("class.bias")[l][j].mul_(of_classes);
    }
  }
}

namespace {

// Rows rounded to int8 with the largest shift that fits, biases in units of 2^-(shift + kPlaces).
void freeze_layer(std::map<std::string, at::Tensor>& out, const std::string& name, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor w = weight.detach().to(at::kDouble), b = bias.detach().to(at::kDouble);
  at::Tensor shift = at::floor(at::log2(127.0 / w.abs().amax(-1).clamp_min(1e-6))).clamp(0, 14);
  // 2^29 for the bias, whichever of those that share the row's weights is the largest.
  at::Tensor most = b.abs();
  while (most.dim() > shift.dim()) most = most.amax(0);
  shift = at::minimum(shift, at::floor(29 - kPlaces - at::log2(most.clamp_min(1e-6)))).clamp_min(0);
  const at::Tensor unit = at::exp2(shift);
  out["index." + name + ".weight"] = at::round(w * unit.unsqueeze(-1)).clamp(-127, 127).to(at::kChar);
  out["index." + name + ".shift"] = shift.to(at::kByte);
  out["index." + name + ".bias"] = at::round(b * unit * (1 << kPlaces)).clamp(-(1 << 29), 1 << 29).to(at::kInt);
}

}  // namespace

std::map<std::string, at::Tensor> IndexNetwork::freeze() const {
  const at::NoGradGuard no_grad;
  const IndexShape& s = shape_;
  const int64_t gh = s.groups * s.embedding;
  std::map<std::string, at::Tensor> out;
  out["index.shape"] = at::tensor({int64_t{1}, s.levels, s.groups, s.codes, s.classes, s.members, s.embedding, s.context, s.decay}, at::kInt);
  out["index.order"] = order_.to(at::kInt);
  const at::Tensor embedding = get("embedding").detach();
  const at::Tensor shift = at::floor(at::log2(127.0 / embedding.abs().amax(at::IntArrayRef{2, 3}).clamp_min(1e-6))).clamp(0, kPlaces);
  out["index.embedding"] = at::round(embedding * at::exp2(shift).view({s.levels, s.groups, 1, 1})).clamp(-127, 127).to(at::kChar);
  out["index.embedding_shift"] = shift.to(at::kByte);
  const double unit = 1 << kPlaces;
  out["index.member_bias"] = at::round((get("member_bias") + absent_) * unit).clamp(-32767, 32767).to(at::kShort);
  at::Tensor start = at::round(get("start") * unit).clamp(-16383, 16383);
  start.narrow(0, 2 * gh, s.context).clamp_min_(0);
  out["index.start"] = start.to(at::kShort);
  for (const char* const name : {"observe", "context", "predict", "hidden", "class"}) {
    freeze_layer(out, name, get(std::string(name) + ".weight"), get(std::string(name) + ".bias"));
  }
  return out;
}

}  // namespace tessera::train
