// An allocator that fails at its n-th call, for every n, behind the C interface: the call answers out of memory, frees what it had, and the next
// call works.
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <new>
#include <vector>

#include "codec/tessera_c.h"

namespace {

std::atomic<long> left{-1};     // allocations until the one that fails; negative: none does
std::atomic<long> living{0};    // blocks of operator new
std::atomic<bool> failed{false};

bool fails() {
  if (left.load(std::memory_order_relaxed) < 0) return false;
  if (left.fetch_sub(1) != 0) return false;
  failed = true;
  return true;
}

}  // namespace

void* operator new(size_t size) {
  if (!fails()) {
    if (void* block = std::malloc(size == 0 ? 1 : size)) {
      ++living;
      return block;
    }
  }
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept {
  if (block != nullptr) --living;
  std::free(block);
}
void operator delete(void* block, size_t) noexcept { operator delete(block); }

// libtorch's tensors.
extern "C" int posix_memalign(void** block, size_t alignment, size_t size) noexcept {
  if (fails()) return ENOMEM;
  *block = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  return *block == nullptr ? ENOMEM : 0;
}

namespace {

using Bytes = std::vector<uint8_t>;

Bytes golden(const std::string& name) {
  std::ifstream in(std::string(TESSERA_GOLDEN) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Runs `work` with the n-th allocation failing, for n = 0, 1, ... until none fails; it returns its code and keeps nothing.
template <class Work>
long expect_out_of_memory(Work work) {
  EXPECT_EQ(work(), TSR_OK);  // what is made once and stays is there now
  for (long n = 0; n < 200000; ++n) {
    const long before = living;
    failed = false;
    left = n;
    const tsr_code code = work();
    left = -1;
    if (!failed) {
      EXPECT_EQ(code, TSR_OK);
      return n;
    }
    // A cache that could not be filled may be done without.
    EXPECT_TRUE(code == TSR_OUT_OF_MEMORY || code == TSR_OK) << "allocation " << n << ": " << tsr_code_name(code);
    EXPECT_LE(living, before + 8) << "allocation " << n;
    if (testing::Test::HasFailure()) return n;
  }
  return -1;
}

TEST(OutOfMemory, Picture) {
  const Bytes stream = golden("overfit_rgb.tsr");
  ASSERT_FALSE(stream.empty());
  EXPECT_GT(expect_out_of_memory([&] {
              tsr_image_decoder_options options;
              tsr_image_decoder_options_init(&options, sizeof options);
              options.threads = 1;
              tsr_image_decoder* decoder = nullptr;
              tsr_error error = TSR_INIT(tsr_error);
              tsr_code code = tsr_image_decoder_create(&options, &decoder, &error);
              if (code != TSR_OK) return code;
              tsr_image* image = nullptr;
              code = tsr_image_decoder_decode(decoder, stream.data(), stream.size(), &image, nullptr, &error);
              EXPECT_EQ(code == TSR_OK, image != nullptr);
              tsr_image_free(image);
              tsr_image_decoder_free(decoder);
              return code;
            }),
            20);
}

TEST(OutOfMemory, Reader) {
  const Bytes stream = golden("speech_6k.tsr");
  ASSERT_FALSE(stream.empty());
  EXPECT_GT(expect_out_of_memory([&] {
              tsr_reader* reader = nullptr;
              tsr_error error = TSR_INIT(tsr_error);
              tsr_code code = tsr_reader_create(&reader, &error);
              if (code == TSR_OK) code = tsr_reader_push(reader, stream.data(), stream.size(), &error);
              if (code == TSR_OK) code = tsr_reader_finish(reader, &error);
              for (tsr_event event = TSR_INIT(tsr_event); code == TSR_OK && event.kind != TSR_EVENT_END;) code = tsr_reader_next(reader, &event, &error);
              tsr_reader_free(reader);
              return code;
            }),
            2);
}

TEST(OutOfMemory, Information) {
  const Bytes stream = golden("overfit_alpha.tsr");
  ASSERT_FALSE(stream.empty());
  EXPECT_GT(expect_out_of_memory([&] {
              tsr_info* info = nullptr;
              tsr_error error = TSR_INIT(tsr_error);
              const tsr_code code = tsr_inspect(stream.data(), stream.size(), nullptr, &info, &error);
              tsr_info_free(info);
              return code;
            }),
            5);
}

}  // namespace
