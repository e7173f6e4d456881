#include "apps/tessera/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace tessera::cli {
namespace {

TEST(Workers, ThreadsAreSplit) {
  const auto check = [](WorkerPlan plan, unsigned workers, int threads) {
    EXPECT_EQ(plan.workers, workers);
    EXPECT_EQ(plan.threads_each, threads);
  };
  check(plan_workers(1, 0, 8, false), 1, 8);
  check(plan_workers(3, 0, 8, false), 3, 2);
  check(plan_workers(100, 0, 8, false), 8, 1);
  check(plan_workers(100, 2, 8, false), 2, 1);
  check(plan_workers(100, 0, 8, true), 1, 8);
  check(plan_workers(5, 0, 0, false), 1, 1);
  check(plan_workers(0, 0, 4, false), 1, 4);
}

TEST(Workers, EveryJobOnceWithItsStatus) {
  for (unsigned workers : {1u, 2u, 7u}) {
    std::vector<std::atomic<int>> seen(100);
    const auto statuses = run_jobs(100, workers, [&](size_t job, unsigned worker) -> Status {
      EXPECT_LT(worker, workers);
      ++seen[job];
      return job % 10 == 3 ? Status(ErrorCode::io, std::to_string(job)) : Status();
    });
    for (size_t i = 0; i < 100; ++i) {
      EXPECT_EQ(seen[i], 1);
      EXPECT_EQ(statuses[i].ok(), i % 10 != 3);
    }
  }
}

TEST(Workers, ExceptionsBecomeStatuses) {
  const auto statuses = run_jobs(2, 2, [](size_t job, unsigned) -> Status {
    if (job == 0) throw std::bad_alloc();
    throw std::runtime_error("oh");
  });
  EXPECT_EQ(statuses[0].code(), ErrorCode::out_of_memory);
  EXPECT_NE(statuses[1].message().find("oh"), std::string::npos);
  EXPECT_TRUE(run_jobs(0, 3, [](size_t, unsigned) { return Status(); }).empty());
}

}  // namespace
}  // namespace tessera::cli
