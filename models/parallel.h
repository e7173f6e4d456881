// The threads of the CPU path. Waiting threads sleep: OpenMP's spinning barriers lose their time slices on a busy machine.
#pragma once

#include <cstdint>
#include <functional>

namespace tessera::models {

// Threads for one piece of work, the caller included; from 1. libtorch itself is held to one thread.
// Call it before work starts; concurrent callers share the threads.
void set_threads(int threads);
int threads();

// While it lives, work that the calling thread starts is done by at most so many threads, itself included: for several threads with much work of their
// own each, which would only wait for one another's pieces. From 1; the share that is in force already is never exceeded.
class ThreadShare {
 public:
  explicit ThreadShare(int threads);
  ~ThreadShare();
  ThreadShare(const ThreadShare&) = delete;
  ThreadShare& operator=(const ThreadShare&) = delete;

 private:
  int before_;
};

// Runs work(begin, end) over [0, count) in pieces of at most `grain`, on the caller and the helpers; returns when all is done.
// An exception of `work` is rethrown in the caller. The caller's TimeLimit is looked at before each piece, and holds in it.
void parallel(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& work);

}  // namespace tessera::models
