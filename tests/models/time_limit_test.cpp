#include "models/time_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>

#include "models/parallel.h"

namespace tessera::models {
namespace {

using namespace std::chrono_literals;

TEST(TimeLimit, NoneUnlessAsked) {
  EXPECT_EQ(time_end(), kNever);
  EXPECT_NO_THROW(check_time());
}

TEST(TimeLimit, EndsWithItsScope) {
  {
    const TimeLimit limit(Clock::now());
    EXPECT_THROW(check_time(), TimeUp);
  }
  EXPECT_EQ(time_end(), kNever);
}

TEST(TimeLimit, TheEarlierOneHolds) {
  const auto now = Clock::now();
  const TimeLimit outer(now + 1h);
  {
    const TimeLimit later(now + 2h);
    EXPECT_EQ(time_end(), now + 1h);
    const TimeLimit sooner(now + 1min);
    EXPECT_EQ(time_end(), now + 1min);
  }
  EXPECT_EQ(time_end(), now + 1h);
  EXPECT_NO_THROW(check_time());
}

TEST(TimeLimit, BelongsToTheThread) {
  const TimeLimit limit(Clock::now());
  std::thread([] { EXPECT_NO_THROW(check_time()); }).join();
  EXPECT_THROW(check_time(), TimeUp);
}

TEST(TimeLimit, SecondsFromNow) {
  EXPECT_EQ(end_after(0), kNever);
  EXPECT_EQ(end_after(-1), kNever);
  EXPECT_EQ(end_after(1e300), kNever);
  EXPECT_EQ(end_after(std::numeric_limits<double>::quiet_NaN()), kNever);
  EXPECT_GT(end_after(10), Clock::now() + 9s);
  EXPECT_LT(end_after(10), Clock::now() + 11s);
}

class TimeLimitOfThreads : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_threads(GetParam()); }
  void TearDown() override { set_threads(1); }
};

TEST_P(TimeLimitOfThreads, EndsParallelWork) {
  std::atomic<int64_t> done = 0;
  const auto start = Clock::now();
  const TimeLimit limit(start + 50ms);
  EXPECT_THROW(parallel(100000, 1,
                        [&](int64_t begin, int64_t end) {
                          std::this_thread::sleep_for(1ms);
                          done += end - begin;
                        }),
               TimeUp);
  EXPECT_GT(done, 0);
  EXPECT_LT(done, 50000);  // all of it would take 25 seconds at least
}

TEST_P(TimeLimitOfThreads, HoldsInThePieces) {
  const auto end = Clock::now() + 1h;
  const TimeLimit limit(end);
  std::atomic<int> right = 0;
  parallel(64, 1, [&](int64_t begin, int64_t last) {
    for (int64_t i = begin; i < last; ++i) right += time_end() == end ? 1 : 0;
  });
  EXPECT_EQ(right, 64);
}

TEST_P(TimeLimitOfThreads, EveryPieceIsDoneInTime) {
  std::vector<std::atomic<int>> times(1000);
  const TimeLimit limit(Clock::now() + 1h);
  parallel(1000, 7, [&](int64_t begin, int64_t end) {
    EXPECT_LE(end - begin, 7);
    for (int64_t i = begin; i < end; ++i) ++times[static_cast<size_t>(i)];
  });
  for (const auto& t : times) EXPECT_EQ(t, 1);
}

INSTANTIATE_TEST_SUITE_P(Threads, TimeLimitOfThreads, testing::Values(1, 4));

}  // namespace
}  // namespace tessera::models
