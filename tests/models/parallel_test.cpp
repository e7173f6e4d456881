// A thread's share of the CPU's threads.
#include "models/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace tessera::models {
namespace {

using namespace std::chrono_literals;

class Parallel : public testing::Test {
 protected:
  void SetUp() override { set_threads(4); }
  void TearDown() override { set_threads(1); }

  // The most pieces of one call that ran at the same time.
  static int most_at_once() {
    std::atomic<int> running = 0, most = 0;
    parallel(40, 1, [&](int64_t, int64_t) {
      const int now = ++running;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::sleep_for(1ms);
      --running;
    });
    return most;
  }
};

TEST_F(Parallel, AShareIsNotExceeded) {
  EXPECT_GT(most_at_once(), 1);
  for (const int share : {3, 2, 1, 0}) {
    const ThreadShare part(share);
    EXPECT_LE(most_at_once(), std::max(share, 1));
  }
  EXPECT_GT(most_at_once(), 1) << "it ends with its scope";
}

TEST_F(Parallel, AShareWithinAShareIsTheSmaller) {
  const ThreadShare outer(2);
  const ThreadShare inner(4);
  EXPECT_LE(most_at_once(), 2);
}

TEST_F(Parallel, AShareBelongsToTheThread) {
  const ThreadShare part(1);
  int other = 0;
  std::thread([&] { other = most_at_once(); }).join();
  EXPECT_GT(other, 1);
  EXPECT_EQ(most_at_once(), 1);
}

TEST_F(Parallel, CallersWithSharesSideBySideDoEveryPiece) {
  std::vector<std::atomic<int>> done(3000);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      const ThreadShare part(1 + caller);
      for (int64_t round = 0; round < 100; ++round) {
        parallel(10, 1, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++done[static_cast<size_t>(caller * 1000 + round * 10 + i)];
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& times : done) EXPECT_EQ(times, 1);
}

}  // namespace
}  // namespace tessera::models
