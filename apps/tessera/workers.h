// Several files at once.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "bitstream/status.h"

namespace tessera::cli {

struct WorkerPlan {
  unsigned workers = 1;  // files at the same time
  int threads_each = 1;  // threads inside the codec for each
};

// Splits `threads` (0: all `cores`) over `jobs` files. An accelerator takes one file at a time.
WorkerPlan plan_workers(size_t jobs, int threads, unsigned cores, bool accelerator);

// Calls work(job, worker) for each job 0..jobs-1, each worker 0..workers-1 on a thread of its own, and gives
// the statuses back by job. What `work` throws becomes a status. One worker runs on the calling thread.
std::vector<Status> run_jobs(size_t jobs, unsigned workers,
                             const std::function<Status(size_t, unsigned)>& work);

}  // namespace tessera::cli
