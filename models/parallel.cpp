#include "models/parallel.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "models/time_limit.h"

namespace tessera::models {
namespace {

thread_local int share_of_thread = std::numeric_limits<int>::max();

// One call of parallel(). Guarded by the pool's mutex.
struct Job {
  const std::function<void(int64_t, int64_t)>* work = nullptr;
  int64_t count = 0, grain = 1, next = 0, running = 0;
  int helpers = 0, most_helpers = 0;
  Clock::time_point end = kNever;
  std::exception_ptr error;
  std::condition_variable done;
};

class Pool {
 public:
  static Pool& instance() {
    // Never destroyed: helpers may still sleep when the program ends.
    static Pool* pool = new Pool;
    return *pool;
  }

  void resize(int threads) {
    const std::lock_guard lock(mutex_);
    threads_ = std::max(1, threads);
    while (static_cast<int>(helpers_.size()) < threads_ - 1) {
      helpers_.emplace_back([this] { help(); });
      helpers_.back().detach();
    }
  }

  int threads() const { return threads_; }

  void run(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& work) {
    Job job;
    job.work = &work;
    job.count = count;
    job.grain = grain;
    job.end = time_end();
    job.most_helpers = share_of_thread - 1;
    std::unique_lock lock(mutex_);
    jobs_.push_back(&job);
    wake_.notify_all();
    while (step(job, lock, 0)) {
    }
    job.done.wait(lock, [&] { return job.running == 0; });
    if (job.error) std::rethrow_exception(job.error);
  }

 private:
  // Takes and does one piece of the job; false when none is left. The lock is held on entry and on return. `helper`: 1 for a helper, 0 for the caller.
  bool step(Job& job, std::unique_lock<std::mutex>& lock, int helper) {
    if (job.next >= job.count) return false;
    const int64_t begin = job.next, end = std::min(job.count, begin + job.grain);
    job.next = end;
    if (end == job.count) std::erase(jobs_, &job);
    ++job.running;
    job.helpers += helper;
    lock.unlock();
    std::exception_ptr error;
    try {
      const TimeLimit limit(job.end);
      check_time();
      (*job.work)(begin, end);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    --job.running;
    job.helpers -= helper;
    if (error) {
      job.error = error;
      if (job.next < job.count) {
        job.next = job.count;
        std::erase(jobs_, &job);
      }
    }
    if (job.running == 0 && job.next >= job.count) job.done.notify_all();
    return true;
  }

  Job* wanting() const {
    const auto found = std::find_if(jobs_.begin(), jobs_.end(), [](const Job* job) { return job->helpers < job->most_helpers; });
    return found == jobs_.end() ? nullptr : *found;
  }

  void help() {
    at::set_num_threads(1);  // this setting belongs to the thread
    std::unique_lock lock(mutex_);
    while (true) {
      // While a job wants a helper none sleeps: one that leaves a piece looks here again before it does.
      Job* job = nullptr;
      wake_.wait(lock, [&] { return (job = wanting()) != nullptr; });
      step(*job, lock, 1);
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job*> jobs_;
  std::vector<std::thread> helpers_;
  std::atomic<int> threads_ = 1;  // written under the mutex, read by whoever starts a piece of work
};

}  // namespace

void set_threads(int threads) {
  at::set_num_threads(1);
  Pool::instance().resize(threads);
}

ThreadShare::ThreadShare(int threads) : before_(share_of_thread) { share_of_thread = std::min(before_, std::max(1, threads)); }

ThreadShare::~ThreadShare() { share_of_thread = before_; }

int threads() { return Pool::instance().threads(); }

void parallel(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& work) {
  if (count <= 0) return;
  if (count <= grain || threads() == 1 || share_of_thread == 1) {
    if (time_end() == kNever) return work(0, count);
    for (int64_t begin = 0; begin < count; begin += grain) {
      check_time();
      work(begin, std::min(count, begin + grain));
    }
    return;
  }
  Pool::instance().run(count, grain, work);
}

}  // namespace tessera::models
