// The Bayesian codec's parts: the codebook's integers, the order of coding, the decoder's network against libtorch's, posteriors and their blocks.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "bitstream/crc.h"
#include "models/inr/bayes/posterior.h"
#include "models/inr/bayes/synthesis.h"
#include "tests/data/temporary_folder.h"
#include "tests/models/inr/tiny_prior.h"

namespace tessera::models::inr::bayes {
namespace {

using tessera::test::TemporaryFolder;
using test::tiny_prior;

TEST(BayesCodebook, PhiloxGivesItsAuthorsNumbers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}), (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(BayesCodebook, QuantilesAreThoseOfTheNormalDistribution) {
  const std::vector<int16_t>& q = normal_quantiles();
  ASSERT_EQ(q.size(), kCandidates);
  EXPECT_TRUE(std::is_sorted(q.begin(), q.end()));
  double square = 0, fourth = 0;
  for (size_t i = 0; i < q.size(); ++i) {
    EXPECT_EQ(q[i], -q[q.size() - 1 - i]);
    const double x = q[i] / static_cast<double>(kUnit);
    square += x * x / kCandidates;
    fourth += x * x * x * x / kCandidates;
    if (i % 997 == 0) {
      EXPECT_NEAR(0.5 * std::erfc(-x / std::sqrt(2.0)), (static_cast<double>(i) + 0.5) / kCandidates, 1e-4);
    }
  }
  EXPECT_NEAR(square, 1, 1e-3);
  EXPECT_NEAR(fourth, 3, 1e-2);
  // Part of the format.
  EXPECT_EQ(bitstream::crc32c({reinterpret_cast<const uint8_t*>(q.data()), q.size() * 2}), test::kQuantilesChecksum);
}

TEST(BayesCodebook, CandidatesAreTheSameForEver) {
  std::vector<int16_t> values(11);
  candidate(3, 54321, values);
  EXPECT_EQ(values, test::kCandidate);
  // A longer block begins like a shorter one; another index or block is another candidate.
  std::vector<int16_t> longer(20), other(11);
  candidate(3, 54321, longer);
  EXPECT_TRUE(std::equal(values.begin(), values.end(), longer.begin()));
  candidate(4, 54321, other);
  EXPECT_NE(values, other);
  candidate(3, 54322, other);
  EXPECT_NE(values, other);
}

TEST(BayesCodebook, ScoresAreThoseOfTheCandidates) {
  const std::vector<float> linear = {0.5f, -1, 2, 0, 0.1f, 3, -2, 1, 4}, square = {-0.5f, 0, -1, -2, 0.25f, -3, 0, -1, -0.5f};
  std::vector<float> scores(kCandidates);
  score_candidates(7, linear, square, scores);
  for (uint32_t n = 0; n < kCandidates; n += 4097) {
    std::vector<int16_t> values(linear.size());
    candidate(7, n, values);
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double x = values[i] / static_cast<double>(kUnit);
      sum += linear[i] * x + square[i] * x * x;
    }
    EXPECT_NEAR(scores[n], sum, 1e-3) << n;
  }
}

TEST(BayesCodebook, TheShuffleKeepsTheEarlyOnesFirst) {
  std::vector<uint32_t> order(100), again;
  std::iota(order.begin(), order.end(), 5u);
  std::vector<bool> early(100);
  for (size_t i = 0; i < 100; i += 7) early[i] = true;
  again = order;
  shuffle(order, early, 9);
  EXPECT_EQ(std::set<uint32_t>(order.begin(), order.end()).size(), 100u);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ((order[i] - 5) % 7 == 0, i < 15) << i;
  EXPECT_EQ(bitstream::crc32c({reinterpret_cast<const uint8_t*>(order.data()), order.size() * 4}), test::kShuffleChecksum);
  shuffle(again, early, 10);
  EXPECT_NE(order, again);
}

TEST(BayesCodebook, ThePartitionSharesOutEvenly) {
  std::vector<uint32_t> shares(500);
  for (size_t i = 0; i < shares.size(); ++i) shares[i] = static_cast<uint32_t>(1 + i * 37 % 100);
  for (const uint32_t blocks : {1u, 2u, 7u, 100u, 499u, 500u}) {
    const std::vector<uint32_t> ends = partition(shares, blocks);
    ASSERT_EQ(ends.size(), blocks);
    EXPECT_EQ(ends.back(), shares.size());
    uint32_t begin = 0;
    for (const uint32_t end : ends) {
      EXPECT_LT(begin, end);
      if (blocks <= 7) {
        const double own = std::accumulate(shares.begin() + begin, shares.begin() + end, 0.0), all = std::accumulate(shares.begin(), shares.end(), 0.0);
        EXPECT_NEAR(own, all / blocks, 100);
      }
      begin = end;
    }
  }
}

TEST(BayesGeometry, WhatItSaysOfItself) {
  for (const bool sound : {false, true}) {
    const Geometry g = test::tiny_geometry(sound);
    EXPECT_EQ(Geometry::from_json(g.to_json()), g);
    EXPECT_GT(g.macs(), 1);
    const Layout l(g, sound ? 1 : 21, 45);
    std::vector<int64_t> seen(static_cast<size_t>(g.classes()));
    for (int64_t i = 0; i < l.total(); ++i) ++seen.at(static_cast<size_t>(l.class_of(i)));
    for (const int64_t n : seen) EXPECT_GT(n, 0);
  }
  for (const char* text : {"", "{}", "[1]", R"({"kind":"bayes"})", R"({"kind":"still"})"}) EXPECT_THROW(Geometry::from_json(text), std::runtime_error) << text;
  for (const auto& [field, value] : {std::pair("\"planes\":3", "\"planes\":2"), {"\"cell_w\":8", "\"cell_w\":100000"}, {"\"hidden\":4", "\"hidden\":\"x\""}, {"\"weight\":1.0", "\"weight\":0"}}) {
    std::string text = test::tiny_geometry(false).to_json();
    const size_t at = text.find(field);
    ASSERT_NE(at, std::string::npos) << field << " in " << text;
    text.replace(at, std::string(field).size(), value);
    EXPECT_THROW(Geometry::from_json(text), std::runtime_error) << text;
  }
}

TEST(BayesPrior, AFileComesBack) {
  const TemporaryFolder folder;
  const auto prior = tiny_prior(folder.path("p.safetensors"), false);
  EXPECT_EQ(prior->name, "bayes");
  EXPECT_EQ(prior->kernel.size(), size_t(3 * 64 * 256));
  EXPECT_EQ(prior->share(0, 0, false), test::tiny_share(prior->geometry, 0));
  const int chroma = prior->geometry.classes() - 1;
  EXPECT_EQ(plane_of(prior->geometry, chroma), 2);
  EXPECT_EQ(prior->share(63, chroma, true), 0u);
  EXPECT_EQ(prior->share(63, chroma, false), test::tiny_share(prior->geometry, chroma));
}

// The decoder's loops against the trainer's operators, of random latents.
TEST(BayesSynthesis, IsWhatTheTrainerComputes) {
  const at::NoGradGuard no_grad;
  const TemporaryFolder folder;
  for (const bool sound : {false, true}) {
    const auto prior = tiny_prior(folder.path("p.safetensors"), sound);
    for (const auto& [height, width] : {std::pair(1, 1), {sound ? 1 : 13, 70}, {sound ? 1 : 40, 33}}) {
      const Layout layout(prior->geometry, height, width);
      at::manual_seed(5);
      const at::Tensor latents = (at::randn({1, layout.total()}) * kUnit).round().clamp(-30000, 30000);
      std::vector<int16_t> values;
      for (int64_t i = 0; i < layout.total(); ++i) values.push_back(static_cast<int16_t>(latents.const_data_ptr<float>()[i]));
      const at::Tensor expected = Network::of(*prior).forward(latents / kUnit, layout, at::full({1}, noise_of(prior->geometry, 500))).contiguous();
      const std::vector<float> got = synthesise(*prior, layout, values, 500);
      ASSERT_EQ(static_cast<int64_t>(got.size()), expected.numel());
      for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected.const_data_ptr<float>()[i], 1e-4) << height << "x" << width << " " << i;
    }
  }
}

TEST(BayesSynthesis, TheGainFallsToNothingBelowTheNoise) {
  EXPECT_NEAR(gain_of(std::log(1.f), 1e-4f), 1, 1e-3);
  EXPECT_LT(gain_of(std::log(0.01f), 1e-2f), 0.02);
  EXPECT_EQ(gain_of(-1000, 1), gain_of(kLeastLog, 1));
  EXPECT_TRUE(std::isfinite(gain_of(1000, 1e-9f)));
}

TEST(BayesPosterior, TheKlIsThatOfNormalVariables) {
  const at::Tensor mean = at::tensor({0.0, 1.0, -2.0}), deviation = at::tensor({1.0, 0.5, 0.1});
  const at::Tensor kl = kl_bits(mean, deviation.log());
  for (int i = 0; i < 3; ++i) {
    const double m = mean[i].item<double>(), s = deviation[i].item<double>();
    EXPECT_NEAR(kl[i].item<double>(), ((s * s + m * m - 1) / 2 - std::log(s)) / std::log(2.0), 1e-5);
  }
}

TEST(BayesBlocks, NeitherTooManyNorNone) {
  const TemporaryFolder folder;
  const auto prior = tiny_prior(folder.path("p.safetensors"), false);
  const Layout layout(prior->geometry, 8, 8);
  const size_t coded = coded_latents(*prior, layout, 10, false);
  EXPECT_EQ(coded, static_cast<size_t>(layout.total()));
  EXPECT_LT(coded_latents(*prior, layout, 10, true), coded);
  EXPECT_THROW(order_of(*prior, layout, 10, false, 0, coded + 1), std::runtime_error);
  EXPECT_EQ(order_of(*prior, layout, 10, false, 0, coded).ends.size(), coded);
  // No blocks: all latents are 0.
  const std::vector<int16_t> zeros = decode_blocks(*prior, layout, 10, false, {});
  EXPECT_EQ(zeros, std::vector<int16_t>(static_cast<size_t>(layout.total())));
}

// What is coded is close to what was fitted, and costs what its KL says.
TEST(BayesPosterior, BlocksCostTheirKl) {
  const TemporaryFolder folder;
  const auto prior = tiny_prior(folder.path("p.safetensors"), false);
  at::Tensor picture = at::zeros({3, 16, 16});
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) picture.select(1, y).select(1, x).fill_(0.5 + 0.4 * std::sin(0.4 * x + 0.1 * y * y));
  }
  Posterior posterior(prior, picture, {.weight = 1000, .quality = 32});
  Posterior::Numbers n;
  for (int i = 0; i < 250; ++i) n = posterior.step(0.1);
  ASSERT_TRUE(n.good);
  const double kl = posterior.kl();
  const size_t blocks = posterior.begin_blocks();
  EXPECT_NEAR(static_cast<double>(blocks) * kIndexBits, kl, kl * 0.1 + kIndexBits);
  for (int i = 0; i < 100; ++i) posterior.step(0.05);
  double told = 0;
  const Blocks coded = posterior.code(60, 0.05, [&](double done) {
    EXPECT_GT(done, told);
    told = done;
    return true;
  });
  EXPECT_EQ(told, 1);
  ASSERT_EQ(coded.indices.size(), blocks);
  double coded_kl = 0;
  for (const double b : posterior.coded_kl()) coded_kl += b;
  EXPECT_NEAR(static_cast<double>(blocks) * kIndexBits, coded_kl, coded_kl * 0.1);
  const std::vector<int16_t> latents = decode_blocks(*prior, posterior.layout(), 32, false, coded);
  const std::vector<float> samples = synthesise(*prior, posterior.layout(), latents, 1000);
  double error = 0;
  for (size_t i = 0; i < samples.size(); ++i) error += std::pow(samples[i] - picture.const_data_ptr<float>()[i], 2) / static_cast<double>(samples.size());
  EXPECT_LT(error, 3 * n.mse);
  EXPECT_LT(error, 0.01);
}

}  // namespace
}  // namespace tessera::models::inr::bayes
