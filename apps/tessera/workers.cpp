#include "apps/tessera/workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <thread>

namespace tessera::cli {

WorkerPlan plan_workers(size_t jobs, int threads, unsigned cores, bool accelerator) {
  const unsigned total = threads > 0 ? static_cast<unsigned>(threads) : std::max(1u, cores);
  WorkerPlan plan;
  plan.workers = accelerator ? 1 : static_cast<unsigned>(std::clamp<size_t>(jobs, 1, total));
  plan.threads_each = static_cast<int>(std::max(1u, total / plan.workers));
  return plan;
}

std::vector<Status> run_jobs(size_t jobs, unsigned workers,
                             const std::function<Status(size_t, unsigned)>& work) {
  std::vector<Status> statuses(jobs);
  std::atomic<size_t> next{0};
  const auto loop = [&](unsigned worker) {
    for (size_t job = next++; job < jobs; job = next++) {
      try {
        statuses[job] = work(job, worker);
      } catch (const std::bad_alloc&) {
        statuses[job] = Status(ErrorCode::out_of_memory, "out of memory");
      } catch (const std::exception& error) {
        statuses[job] = Status(ErrorCode::device, std::string("unexpected failure: ") + error.what());
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned worker = 1; worker < workers; ++worker) threads.emplace_back(loop, worker);
  loop(0);
  for (std::thread& thread : threads) thread.join();
  return statuses;
}

}  // namespace tessera::cli
