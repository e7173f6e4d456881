// Coming back from explosions, with a training that says at which updates it explodes.
#include "codec/last_good.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace tessera {
namespace {

// The state is its loss, which each update lowers; update `k` (from 0) makes it huge while the rate is above `safe`.
struct Fake {
  int64_t k = -1;
  double safe = 0.5, state = 100, rate = 1;
  int64_t steps = 0;             // updates made, those that were taken back included
  std::vector<int64_t> returns{};// where it went on

  // As the trainings do it: a step measures, then updates. True when it reached the end without using up its restarts.
  bool train(int64_t count, int64_t looks_every = 1) {
    const double start = state;
    LastGood<double> states([&] { return state; }, [&](double s) { state = s; }, std::isfinite(start));
    double best = start, sum = 0;
    int64_t looked = 0;
    for (int64_t i = 0; i < count; ++i) {
      sum += state;
      state = i == k && rate > safe ? 1e9 : state * 0.9;
      ++steps;
      const bool last = i + 1 == count;
      if (!last && (i + 1) % looks_every != 0) continue;
      const double loss = sum / static_cast<double>(i + 1 - looked);
      sum = 0;
      looked = i + 1;
      const auto exploded = [&](double l) { return !std::isfinite(l) || l > 4 * best; };
      if (exploded(loss) || (last && exploded(state))) {
        if (!states.go_back(rate)) return false;
        returns.push_back(states.step());
        i = states.step() - 1;
        looked = states.step();
        continue;
      }
      if (!last) states.look(i + 1, loss <= start);
      best = std::min(best, loss);
    }
    return true;
  }
};

TEST(LastGood, ComesBackToTheStateBeforeTheUpdateThatExploded) {
  // The first update, those in the middle, the last one, whose loss no step measures.
  for (const int64_t k : {0, 1, 2, 7, 18, 19}) {
    Fake fake{.k = k};
    EXPECT_TRUE(fake.train(20)) << k;
    ASSERT_EQ(fake.returns.size(), 1u) << k;
    EXPECT_LE(fake.returns[0], k) << "the exploded state was taken for a good one";
    EXPECT_GE(fake.returns[0], k - 1);
    EXPECT_DOUBLE_EQ(fake.rate, 0.4);
    EXPECT_NEAR(fake.state, 100 * std::pow(0.9, 20), 1e-9) << k;
    EXPECT_LE(fake.steps, 20 + 3) << "a restart costs no more than two looks";
  }
}

TEST(LastGood, LooksThatSeeManySteps) {
  for (int64_t k = 0; k < 23; ++k) {
    Fake fake{.k = k};
    EXPECT_TRUE(fake.train(23, 4)) << k;
    ASSERT_EQ(fake.returns.size(), 1u) << k;
    EXPECT_LE(fake.returns[0], k);
    EXPECT_NEAR(fake.state, 100 * std::pow(0.9, 23), 1e-9) << k;
  }
}

TEST(LastGood, TheRateFallsUntilItIsSmallEnough) {
  Fake fake{.k = 5, .safe = 0.1};
  EXPECT_TRUE(fake.train(20));
  EXPECT_EQ(fake.returns.size(), 3u);
  EXPECT_NEAR(fake.rate, 0.064, 1e-12);
  EXPECT_NEAR(fake.state, 100 * std::pow(0.9, 20), 1e-9);
}

TEST(LastGood, WhereNoRateHelpsTheBestSoFarIsLeft) {
  for (const int64_t k : {0, 5, 19}) {
    Fake fake{.k = k, .safe = 0};
    EXPECT_FALSE(fake.train(20));
    EXPECT_EQ(fake.returns.size(), static_cast<size_t>(LastGood<double>::kMaxRestarts));
    EXPECT_LE(fake.state, 100 * std::pow(0.9, std::max<int64_t>(0, k - 1)) + 1e-9) << k;
    EXPECT_GE(fake.state, 100 * std::pow(0.9, k) - 1e-9) << k;
  }
}

// Worse than the beginning, though not by so much that it is an explosion: never a state to come back to.
TEST(LastGood, NothingWorseThanTheBeginningIsConfirmed) {
  double state = 10, rate = 1;
  LastGood<double> states([&] { return state; }, [&](double s) { state = s; }, true);
  state = 30;
  states.look(1, true);   // the beginning's loss
  states.look(2, false);  // 30
  state = 1e9;
  EXPECT_TRUE(states.go_back(rate));
  EXPECT_EQ(states.step(), 0);
  EXPECT_EQ(state, 10);
  EXPECT_EQ(states.restarts(), 1);
}

TEST(LastGood, NothingGoodAtAll) {
  Fake fake{.state = std::numeric_limits<double>::quiet_NaN()};
  try {
    fake.train(5);
    ADD_FAILURE() << "nothing was good";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status.message(), "the training does not converge");
  }
}

}  // namespace
}  // namespace tessera
