// The decoder of sound, fed by the reader of arriving streams as the program does it. Input: 4 bytes of options (instruction set, what is
// done, a packet that is lost), then a stream.
#include <cmath>

#include "bitstream/stream_reader.h"
#include "codec/audio.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/tiny_models.h"

namespace tessera {
namespace {

using bitstream::StreamReader;

constexpr size_t kOptions = 4;
constexpr uint64_t kMostSamples = uint64_t{1} << 17;  // what an input may cost

void expected(const Status& status) { TESSERA_REQUIRE(status.code() != ErrorCode::device && status.code() != ErrorCode::out_of_memory); }

void receive(AudioDecoder& decoder) {
  while (const auto block = decoder.receive()) {
    TESSERA_REQUIRE(block->channels == decoder.channels() && block->samples.size() % block->channels == 0);
    for (const float v : block->samples) TESSERA_REQUIRE(std::isfinite(v));
  }
}

void run(fuzz::Input input) {
  fuzz::choose_simd(input.u8());
  const uint8_t mode = input.u8(), dropped = input.u8();
  input.u8();
  const Bytes stream = fuzz::TinyModels::get().adopted(input.rest());
  auto decoder = AudioDecoder::create({fuzz::TinyModels::get().folder(), (mode & 1) != 0});
  TESSERA_REQUIRE(decoder.ok());
  StreamReader reader;
  reader.push(stream);
  reader.finish();
  uint8_t packets = 0;
  for (;;) {
    const auto event = reader.next();
    if (event.kind == StreamReader::Kind::header) {
      const Status status = decoder->open(event.bytes);
      expected(status);
      if (!status.ok()) return;
    } else if (event.kind == StreamReader::Kind::packet) {
      const Status status = ++packets == dropped ? decoder->lost(1) : decoder->send(event.bytes);
      expected(status);
      if (!status.ok()) (void)decoder->lost(1);
    } else if (event.kind == StreamReader::Kind::lost) {
      if (event.lost * decoder->block_samples() > kMostSamples) return;
      expected(decoder->lost(event.lost));
    } else {
      break;
    }
    receive(*decoder);
    if (decoder->report().samples > kMostSamples) return;
    if ((mode & 2) && packets == 3) TESSERA_REQUIRE(decoder->seek(0, mode).ok());
  }
  expected(decoder->flush());
  receive(*decoder);
  TESSERA_REQUIRE(!decoder->receive());
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return tessera::fuzz::mutate_or_replace(data, size, max_size, seed, tessera::kOptions, tessera::fuzz::TinyModels::get().sounds());
}
