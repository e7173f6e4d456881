// What the libraries below throw, as the codec's users are told it.
#include "codec/guard.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

#include "models/time_limit.h"

namespace tessera {
namespace {

Status after(Device device, const std::function<void()>& thrower) {
  return guarded(device, [&] {
    thrower();
    return Status();
  });
}

TEST(Guard, NothingThrown) { EXPECT_TRUE(after(Device::cpu, [] {}).ok()); }

// libtorch's words, each from another place of it, and those of libraries below it.
TEST(Guard, MemoryThatRunsOutIsKnownByItsWords) {
  for (const char* words :
       {"DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes. Error code 12 (Cannot allocate memory)", "Could not allocate memory to change Tensor SizesAndStrides!",
        "Could not allocate memory for Tensor SizesAndStrides!", "C10 Out of Memory. Trying to allocate 12", "unable to mmap memory: you tried to mmap 1GB.",
        "Failed to initialize XNNPACK! Reason: Out of memory."}) {
    EXPECT_EQ(after(Device::cpu, [&] { TORCH_CHECK(false, words); }).code(), ErrorCode::out_of_memory) << words;
    EXPECT_EQ(after(Device::cpu, [&] { throw std::runtime_error(words); }).code(), ErrorCode::out_of_memory) << words;
  }
  EXPECT_EQ(after(Device::cpu, [] { throw std::bad_alloc(); }).code(), ErrorCode::out_of_memory);
  const Status gpu = after(Device::cuda, [] { TORCH_CHECK(false, "CUDA out of memory. Tried to allocate 20.00 MiB."); });
  EXPECT_EQ(gpu.code(), ErrorCode::out_of_memory);
  EXPECT_EQ(gpu.message(), "not enough memory on the GPU");
}

TEST(Guard, AGpuThatFailsIsNamed) {
  const Status s = after(Device::cuda, [] { TORCH_CHECK(false, "CUDA error: unspecified launch failure\nSearch for `cudaErrorLaunchFailure'"); });
  EXPECT_EQ(s.code(), ErrorCode::device);
  EXPECT_EQ(s.message(), "the GPU failed: CUDA error: unspecified launch failure");  // one line
}

TEST(Guard, EverythingElse) {
  EXPECT_EQ(after(Device::cpu, [] { throw Failure{{ErrorCode::corrupt, "so it is"}}; }).message(), "so it is");
  EXPECT_EQ(after(Device::cpu, [] { throw models::TimeUp(); }).code(), ErrorCode::limit);
  const Status s = after(Device::cpu, [] { throw std::logic_error("a fault\nand its trace"); });
  EXPECT_EQ(s.code(), ErrorCode::device);
  EXPECT_EQ(s.message(), "unexpected failure: a fault");
}

}  // namespace
}  // namespace tessera
