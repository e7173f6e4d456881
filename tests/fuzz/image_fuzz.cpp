// The decoder of pictures, networks and overfitted ones: decoding, verifying and inspecting agree, on any instruction set and number of threads.
// Input: 4 bytes of options (instruction set, threads, limits, what is done), then a stream.
#include "codec/tessera.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/tiny_models.h"

namespace tessera {
namespace {

constexpr size_t kOptions = 4;

DecoderOptions options_of(uint8_t threads, uint8_t limits) {
  DecoderOptions options;
  options.threads = 1 + threads % 3;
  options.limits.max_pixels = limits & 1 ? 1 << 10 : 1 << 14;
  options.limits.max_dimension = 1 << 10;
  options.limits.max_memory = uint64_t{limits & 2 ? 241u : 256u} << 20;
  options.limits.max_metadata = limits & 4 ? 16 : 1 << 12;
  options.weights_dir = fuzz::TinyModels::get().folder();
  return options;
}

void run(fuzz::Input input) {
  const uint8_t simd = input.u8();
  const DecoderOptions options = options_of(input.u8(), input.u8());
  const uint8_t mode = input.u8();
  const Bytes stream = fuzz::TinyModels::get().adopted(input.rest());
  auto decoder = ImageDecoder::create(options);
  TESSERA_REQUIRE(decoder.ok());
  fuzz::choose_simd(simd);
  Report report;
  const Status status = decoder->verify(stream, &report);
  // An exception that nobody foresaw has this code.
  TESSERA_REQUIRE(status.code() != ErrorCode::device && status.code() != ErrorCode::out_of_memory);
  TESSERA_REQUIRE(status.ok() == status.message().empty());
  if (mode & 1) return;
  fuzz::choose_simd(static_cast<uint8_t>(simd + 1));
  Report again;
  const auto image = decoder->decode(stream, &again);
  TESSERA_REQUIRE(image.status().code() == status.code());
  if (mode & 2) TESSERA_REQUIRE(inspect(stream, options.weights_dir).ok() || !image.ok());
  if (!image) return;
  TESSERA_REQUIRE(again.symbol_checksum == report.symbol_checksum);
  TESSERA_REQUIRE(image->data.size() == image->stride() * image->height && uint64_t{image->width} * image->height <= options.limits.max_pixels);
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return tessera::fuzz::mutate_or_replace(data, size, max_size, seed, tessera::kOptions, tessera::fuzz::TinyModels::get().images());
}
