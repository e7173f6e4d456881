// Runs CUDA kernels that use no more than blocks, shared memory, barriers and atomic additions on the CPU: every thread of a block is a context
// of its own, and they take turns from barrier to barrier. Slow; for what a machine without a GPU can still test.
// What it does not show: races between barriers, and what blocks do to each other when they run at once.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace tessera::test {

struct Dim {
  unsigned x = 0;
};

class EmulatedBlock {
 public:
  // Runs `body` once for each of `threads` threads.
  static void run(unsigned threads, const std::function<void()>& body) {
    static EmulatedBlock block;
    current() = &block;
    block.body_ = &body;
    if (block.threads_.size() < threads) block.threads_.resize(threads);
    for (unsigned t = 0; t < threads; ++t) block.threads_[t].started = block.threads_[t].done = false;
    for (bool more = true; more;) {
      more = false;
      for (block.now_ = 0; block.now_ < threads; ++block.now_) {
        if (block.threads_[block.now_].done) continue;
        index().x = block.now_;
        block.turn(block.threads_[block.now_]);
        more = more || !block.threads_[block.now_].done;
      }
    }
  }

  static void barrier() {
    EmulatedBlock& block = *current();
    if (_setjmp(block.threads_[block.now_].place) == 0) _longjmp(block.home_, 1);
  }
  static Dim& index() {
    static Dim dim;
    return dim;
  }

 private:
  static constexpr size_t kStack = 64 << 10;
  // A context is made once a thread; from then on jumps do, which unlike swapcontext() cost no system call.
  struct Thread {
    jmp_buf place;
    std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStack);
    bool started = false, done = false;
  };
  static EmulatedBlock*& current() {
    static EmulatedBlock* block = nullptr;
    return block;
  }
  void turn(Thread& thread) {
    if (_setjmp(home_) != 0) return;
    if (thread.started) _longjmp(thread.place, 1);
    thread.started = true;
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = thread.stack.get();
    context.uc_stack.ss_size = kStack;
    context.uc_link = nullptr;
    makecontext(&context, &EmulatedBlock::enter, 0);
    setcontext(&context);
  }
  static void enter() {
    EmulatedBlock& block = *current();
    (*block.body_)();
    block.threads_[block.now_].done = true;
    _longjmp(block.home_, 1);
  }

  const std::function<void()>* body_ = nullptr;
  std::vector<Thread> threads_;
  jmp_buf home_;
  unsigned now_ = 0;
};

inline Dim blockIdx, blockDim, gridDim;

template <class Kernel, class... Args>
void emulate(Kernel kernel, int blocks, int threads, Args... args) {
  gridDim.x = static_cast<unsigned>(blocks);
  blockDim.x = static_cast<unsigned>(threads);
  const std::function<void()> body = [&] { kernel(args...); };
  for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) EmulatedBlock::run(blockDim.x, body);
}

inline void atomicAdd(float* to, float value) { *to += value; }

}  // namespace tessera::test

#define __global__
#define __device__
#define __shared__ static
#define __grid_constant__
#define __launch_bounds__(threads)
#define __syncthreads() ::tessera::test::EmulatedBlock::barrier()
#define threadIdx ::tessera::test::EmulatedBlock::index()
#define TESSERA_LAUNCH(kernel, blocks, threads, stream, ...) (static_cast<void>(stream), ::tessera::test::emulate(kernel, blocks, threads, __VA_ARGS__))
#define TESSERA_LAUNCHED() nullptr
