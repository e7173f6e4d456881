// The decoder of video, fed by the reader of arriving streams as the program does it. Input: 4 bytes of options (instruction set, threads and
// frames ahead, what is done, a packet that is lost), then a stream.
#include "bitstream/stream_reader.h"
#include "codec/video.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/tiny_models.h"

namespace tessera {
namespace {

using bitstream::StreamReader;

constexpr size_t kOptions = 4;
constexpr size_t kMostFrames = 64;  // what an input may cost

void expected(const Status& status) { TESSERA_REQUIRE(status.code() != ErrorCode::device && status.code() != ErrorCode::out_of_memory); }

// False when there were enough.
bool receive(VideoDecoder& decoder, size_t& frames) {
  const VideoFormat& format = decoder.format();
  while (const auto frame = decoder.receive()) {
    TESSERA_REQUIRE(frame->samples.size() == format.plane_bytes(0) + format.plane_bytes(1) + format.plane_bytes(2));
    if (++frames > kMostFrames) return false;
  }
  return true;
}

void run(fuzz::Input input) {
  fuzz::choose_simd(input.u8());
  VideoDecoderOptions options;
  const uint8_t work = input.u8(), mode = input.u8(), dropped = input.u8();
  options.threads = 1 + work % 3;
  options.ahead = work / 3 % 3;
  options.strict = mode & 1;
  options.symbols_only = mode & 2;
  options.limits.max_pixels = 1 << 13;
  options.limits.max_dimension = 1 << 9;
  options.limits.max_memory = uint64_t{256} << 20;
  options.weights_dir = fuzz::TinyModels::get().folder();
  const Bytes stream = fuzz::TinyModels::get().adopted(input.rest());
  auto decoder = VideoDecoder::create(options);
  TESSERA_REQUIRE(decoder.ok());
  StreamReader reader;
  reader.push(stream);
  reader.finish();
  uint8_t packets = 0;
  size_t frames = 0;
  for (;;) {
    const auto event = reader.next();
    if (event.kind == StreamReader::Kind::header) {
      const Status status = decoder->open(event.bytes);
      expected(status);
      if (!status.ok()) return;
    } else if (event.kind == StreamReader::Kind::packet) {
      const Status status = ++packets == dropped ? decoder->lost(1) : decoder->send(event.bytes);
      expected(status);
      if (!status.ok()) expected(decoder->lost(1));
    } else if (event.kind == StreamReader::Kind::lost) {
      expected(decoder->lost(event.lost));
    } else {
      break;
    }
    if (!receive(*decoder, frames)) return;
    if ((mode & 4) && packets == 3) TESSERA_REQUIRE(decoder->seek(mode).ok());
  }
  expected(decoder->flush());
  if (receive(*decoder, frames)) TESSERA_REQUIRE(!decoder->receive());
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return tessera::fuzz::mutate_or_replace(data, size, max_size, seed, tessera::kOptions, tessera::fuzz::TinyModels::get().videos());
}
