// The index model in floating point: what its integers make of it, and that it learns.
#include "apps/tessera-train/index_network.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "apps/tessera-train/index_clusters.h"
#include "models/audio/index_model.h"
#include "models/weights.h"

namespace tessera::train {
namespace {

using models::audio::IndexModel;

// Small tensors: threads would only wait for one another.
[[maybe_unused]] const int kOneThread = (at::set_num_threads(1), 1);

TEST(BalancedClusters, EveryVectorOnce) {
  at::manual_seed(1);
  for (const auto& [k, classes] : {std::pair<int64_t, int64_t>{1024, 32}, {100, 8}, {7, 7}, {5, 1}, {33, 16}}) {
    const at::Tensor c = balanced_clusters(at::randn({k, 12}), classes);
    const int64_t members = (k + classes - 1) / classes;
    EXPECT_EQ(c.sizes(), at::IntArrayRef({classes, members}));
    const at::Tensor used = std::get<0>(c.masked_select(c.ge(0)).sort());
    EXPECT_TRUE(at::equal(used, at::arange(k)));
    EXPECT_GE(c.ge(0).sum(1).min().item<int64_t>(), k / classes);
  }
}

TEST(BalancedClusters, NeighboursShareAClass) {
  // Four heaps of four: each is a class.
  at::manual_seed(2);
  const at::Tensor centres = at::tensor({0.0f, 0.0f, 100.0f, 0.0f, 0.0f, 90.0f, 100.0f, 90.0f}).view({4, 1, 2});
  const at::Tensor c = balanced_clusters((centres + at::randn({4, 4, 2})).view({16, 2}), 4);
  const at::Tensor heap = at::floor_divide(c, 4);
  EXPECT_TRUE(at::equal(std::get<0>(heap.min(1)), std::get<0>(heap.max(1))));
}

TEST(BalancedClusters, EqualVectorsAreNoTrouble) {
  const at::Tensor c = balanced_clusters(at::zeros({16, 3}), 4);
  EXPECT_TRUE(at::equal(std::get<0>(c.flatten().sort()), at::arange(16)));
}

// Indices of a walk through a codebook: each frame near the last one, so that there is something to predict.
struct Walk {
  at::Tensor books, indices;  // [L,G,K,d], [B,T,L,G]
};

Walk walk(int64_t levels, int64_t groups, int64_t codes, int64_t packets, int64_t frames) {
  const int64_t d = 8;
  Walk w;
  w.books = at::randn({levels, groups, codes, d});
  for (int64_t l = 0; l < levels; ++l) w.books[l].mul_(std::pow(0.6, static_cast<double>(l)));
  w.indices = at::empty({packets, frames, levels, groups}, at::kLong);
  for (int64_t g = 0; g < groups; ++g) {
    at::Tensor z = at::randn({packets, d});
    for (int64_t t = 0; t < frames; ++t) {
      z = z * 0.95 + at::randn({packets, d}) * 0.3;
      at::Tensor left = z;
      for (int64_t l = 0; l < levels; ++l) {
        const at::Tensor best = at::cdist(left, w.books[l][g]).argmin(1);
        w.indices.select(3, g).select(2, l).select(1, t).copy_(best);
        left = left - w.books[l][g].index_select(0, best);
      }
    }
  }
  return w;
}

at::Tensor counts_of(const Walk& w) {
  at::Tensor counts = at::zeros({w.books.size(0), w.books.size(1), w.books.size(2)});
  const at::Tensor flat = w.indices.permute({2, 3, 0, 1}).flatten(2);
  return counts.scatter_add_(2, flat, at::ones(flat.sizes()));
}

double float_bits(const IndexNetwork& network, const at::Tensor& indices) {
  return network.bits(network.positions(indices), 1).sum().item<double>();
}

double integer_bits(const IndexNetwork& network, const at::Tensor& indices) {
  models::Weights weights;
  weights.tensors = network.freeze();
  const auto model = IndexModel::load(weights);
  EXPECT_TRUE(model.ok()) << model.status().message();
  double bits = 0;
  for (int64_t b = 0; b < indices.size(0); ++b) {
    const at::Tensor packet = indices[b].to(at::kInt).contiguous();
    const std::vector<uint16_t> flat(packet.const_data_ptr<int32_t>(), packet.const_data_ptr<int32_t>() + packet.numel());
    bits += model->ideal_bits(flat, indices.size(1), indices.size(2));
    const auto decoded = model->decode(model->encode(flat, indices.size(1), indices.size(2)), indices.size(1), indices.size(2));
    EXPECT_TRUE(decoded.ok() && *decoded == flat);
  }
  return bits;
}

void train(IndexNetwork& network, const at::Tensor& indices, int steps) {
  const at::Tensor positions = network.positions(indices);
  std::vector<at::Tensor> values, square;
  for (const auto& p : network.parameters()) {
    values.push_back(p.value);
    square.push_back(at::zeros_like(p.value));
  }
  for (int i = 0; i < steps; ++i) {
    const at::Tensor loss = network.bits(positions, 1).sum() / static_cast<double>(positions.numel());
    const auto gradients = torch::autograd::grad({loss}, values, {}, std::nullopt, false, true);
    const at::NoGradGuard no_grad;
    for (size_t k = 0; k < values.size(); ++k) {
      square[k].mul_(0.9).addcmul_(gradients[k], gradients[k], 0.1);
      values[k].addcdiv_(gradients[k], (square[k] / (1 - std::pow(0.9, i + 1))).sqrt().add(1e-6), -0.01 * network.parameters()[k].rate);
    }
  }
}

TEST(IndexNetwork, IntegersCostLittle) {
  at::manual_seed(3);
  for (const auto& [levels, groups, codes, embedding] :
       {std::tuple<int64_t, int64_t, int64_t, int64_t>{4, 1, 64, 16}, {3, 2, 128, 8}, {2, 1, 50, 16}, {1, 1, 4, 8}, {2, 2, 16, 8}}) {
    const Walk w = walk(levels, groups, codes, 12, 20);
    IndexNetwork network(w.books, counts_of(w), embedding, 16);
    train(network, w.indices, 15);
    const double real = float_bits(network, w.indices), whole = integer_bits(network, w.indices);
    EXPECT_NEAR(whole, real, 0.01 * real) << codes;
  }
}

TEST(IndexNetwork, LearnsFromTheContext) {
  at::manual_seed(4);
  const Walk w = walk(3, 1, 64, 40, 20);
  const at::Tensor training = w.indices.narrow(0, 0, 30), other = w.indices.narrow(0, 30, 10);
  IndexNetwork network(w.books, counts_of(w), 8, 16);
  train(network, training, 70);
  const double bits = integer_bits(network, other) / static_cast<double>(other.numel());
  EXPECT_LT(bits, 0.85 * 6);
}

// Without a step of training.
TEST(IndexNetwork, ClosedFormPredicts) {
  at::manual_seed(7);
  for (const int64_t groups : {1, 2}) {
    const Walk w = walk(3, groups, 64, 1, 6000);
    const at::Tensor other = w.indices.narrow(1, 5000, 1000);
    IndexNetwork network(w.books, counts_of(w), 8, 16);
    network.fit(network.positions(w.indices.narrow(1, 0, 5000)).squeeze(0));
    const double bits = integer_bits(network, other) / static_cast<double>(other.numel());
    EXPECT_LT(bits, 0.8 * 6);
  }
}

// A model that is far too sure of itself, and one level of it that has nothing to go by.
TEST(IndexNetwork, TemperingTakesBackWhatOtherDataDoesNotBearOut) {
  at::manual_seed(8);
  for (const int64_t codes : {64, 50}) {
    const Walk w = walk(3, 2, codes, 40, 20);
    at::Tensor training = w.indices.narrow(0, 0, 20).clone(), other = w.indices.narrow(0, 20, 20).clone();
    training.select(2, 2).remainder_(8);  // only in training
    IndexNetwork network(w.books, counts_of({w.books, training}), 8, 16);
    train(network, training, 40);
    {
      const at::NoGradGuard no_grad;
      for (auto& p : network.parameters()) {
        if (p.name.starts_with("class.") || p.name == "member_bias") p.value.mul_(2);
      }
    }
    const double sure = integer_bits(network, other);
    network.temper(network.positions(other));
    const double tempered = integer_bits(network, other), real = float_bits(network, other);
    EXPECT_LT(tempered, 0.9 * sure) << codes;
    EXPECT_NEAR(tempered, real, 0.01 * real) << codes;
    // The last level costs about what plain indices do, not more; where codes do not fill their classes a uniform choice is a little dearer.
    const at::Tensor bits = network.bits(network.positions(other), 1);
    const double last = bits[2].item<double>() / static_cast<double>(other.select(2, 2).numel()), plain = std::log2(static_cast<double>(codes));
    EXPECT_LT(last, plain + (codes == 64 ? 1e-3 : 0.1)) << codes;
    EXPECT_GT(last, 0.97 * plain) << codes;
    EXPECT_LT(bits[0].item<double>(), 0.97 * bits[2].item<double>()) << codes;
  }
}

TEST(IndexNetwork, HigherLevelsChangeNothingBelowInAFrame) {
  at::manual_seed(5);
  const Walk w = walk(4, 1, 32, 3, 1);
  IndexNetwork network(w.books, counts_of(w), 8, 16);
  at::Tensor changed = w.indices.clone();
  changed.select(2, 3).add_(1).remainder_(32);
  const at::Tensor a = network.bits(network.positions(w.indices), 1), b = network.bits(network.positions(changed), 1);
  EXPECT_TRUE(at::equal(a.narrow(0, 0, 3), b.narrow(0, 0, 3)));
  EXPECT_FALSE(at::equal(a.narrow(0, 3, 1), b.narrow(0, 3, 1)));
}

TEST(IndexNetwork, ExtremeParametersStayInBounds) {
  at::manual_seed(6);
  const Walk w = walk(4, 1, 64, 2, 10);
  IndexNetwork network(w.books, counts_of(w), 8, 16);
  {
    const at::NoGradGuard no_grad;
    for (auto& p : network.parameters()) p.value.mul_(p.name == "embedding" ? 3 : 50);
  }
  EXPECT_GT(integer_bits(network, w.indices), 0);
}

}  // namespace
}  // namespace tessera::train
