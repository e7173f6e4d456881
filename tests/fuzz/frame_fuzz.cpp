// The payload of a packet of video, taken apart and put together again. Input: one byte (key frame or not), then a payload.
#include <algorithm>

#include "codec/video_payload.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"

namespace tessera {
namespace {

void run(fuzz::Input input) {
  const bool key = input.u8() & 1;
  const auto read = read_video_payload(input.rest(), key);
  if (!read) {
    TESSERA_REQUIRE(read.status().code() == ErrorCode::corrupt || read.status().code() == ErrorCode::unsupported);
    return;
  }
  const auto bytes = write_video_payload(*read);
  const auto again = read_video_payload(bytes, key);
  TESSERA_REQUIRE(again.ok() && again->quality == read->quality && again->refresh == read->refresh && again->checksum == read->checksum);
  TESSERA_REQUIRE(std::ranges::equal(again->coded, read->coded) && again->latents.has_value() == read->latents.has_value());
  if (read->latents) TESSERA_REQUIRE(again->latents->lanes == read->latents->lanes && std::ranges::equal(again->latents->coded, read->latents->coded));
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned) { return LLVMFuzzerMutate(data, size, max_size); }
