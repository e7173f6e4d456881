// The C interface as a program in C uses it: a stream that arrives in pieces goes through the reader to a decoder; pictures are decoded whole.
// Input: 8 bytes of options (sizes of the pieces, instruction set, what is done), then a stream.
#include <algorithm>
#include <cstring>
#include <memory>

#include "codec/tessera_c.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/target.h"
#include "tests/fuzz/tiny_models.h"

namespace tessera {
namespace {

constexpr size_t kOptions = 8;
constexpr int kMost = 64;  // frames, or blocks of samples: what an input may cost

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* handle) const {
    Free(handle);
  }
};
using Reader = std::unique_ptr<tsr_reader, Deleter<tsr_reader_free>>;
using AudioHandle = std::unique_ptr<tsr_audio_decoder, Deleter<tsr_audio_decoder_free>>;
using VideoHandle = std::unique_ptr<tsr_video_decoder, Deleter<tsr_video_decoder_free>>;

// Codes and messages belong together, whatever happened.
tsr_code answered(tsr_code code, const tsr_error& error) {
  TESSERA_REQUIRE(error.code == code && (code == TSR_OK) == (error.message[0] == '\0'));
  TESSERA_REQUIRE(std::memchr(error.message, 0, sizeof error.message) != nullptr);
  TESSERA_REQUIRE(code != TSR_DEVICE && code != TSR_OUT_OF_MEMORY);
  return code;
}

const char* weights() { return fuzz::TinyModels::get().folder().c_str(); }

class Decoders {
 public:
  explicit Decoders(uint8_t mode) {
    tsr_audio_decoder_options sound;
    tsr_audio_decoder_options_init(&sound, sizeof sound);
    sound.weights_dir = weights();
    sound.symbols_only = mode & 1;
    tsr_video_decoder_options video;
    tsr_video_decoder_options_init(&video, sizeof video);
    video.weights_dir = weights();
    video.max_pixels = 1 << 13;
    video.max_dimension = 1 << 9;
    video.threads = 1;
    video.strict = mode >> 1 & 1;
    video.ahead = mode >> 2 & 1;
    tsr_audio_decoder* a = nullptr;
    tsr_video_decoder* v = nullptr;
    TESSERA_REQUIRE(tsr_audio_decoder_create(&sound, &a, nullptr) == TSR_OK && tsr_video_decoder_create(&video, &v, nullptr) == TSR_OK);
    sound_.reset(a);
    video_.reset(v);
  }

  // Only the medium's own decoder opens.
  bool open(const tsr_event& event) {
    heard_ = answered(tsr_audio_decoder_open(sound_.get(), event.data, event.size, &error_), error_) == TSR_OK;
    seen_ = answered(tsr_video_decoder_open(video_.get(), event.data, event.size, &error_), error_) == TSR_OK;
    TESSERA_REQUIRE(!(heard_ && seen_));
    return heard_ || seen_;
  }
  void send(const tsr_event& event) {
    if (heard_) answered(tsr_audio_decoder_send(sound_.get(), event.data, event.size, &error_), error_);
    if (seen_) answered(tsr_video_decoder_send(video_.get(), event.data, event.size, &error_), error_);
    if (error_.code != TSR_OK) lost(1);
  }
  void lost(uint64_t packets) {
    if (heard_ && packets < 8) answered(tsr_audio_decoder_lost(sound_.get(), packets, &error_), error_);
    if (seen_) answered(tsr_video_decoder_lost(video_.get(), packets, &error_), error_);
  }
  void flush() {
    if (heard_) answered(tsr_audio_decoder_flush(sound_.get(), &error_), error_);
    if (seen_) answered(tsr_video_decoder_flush(video_.get(), &error_), error_);
  }
  // False when there was enough.
  bool receive() {
    for (tsr_audio_view view = TSR_INIT(tsr_audio_view); heard_ && count_ < kMost; ++count_) {
      if (answered(tsr_audio_decoder_receive(sound_.get(), &view, &error_), error_) != TSR_OK || view.samples == nullptr) break;
      sum_ += view.samples[view.frames * view.channels - 1];  // the last one has to be readable
    }
    for (tsr_video_view view = TSR_INIT(tsr_video_view); seen_ && count_ < kMost; ++count_) {
      if (answered(tsr_video_decoder_receive(video_.get(), &view, &error_), error_) != TSR_OK || view.planes[0] == nullptr) break;
      sum_ += static_cast<const uint8_t*>(view.planes[2])[0];
    }
    return count_ < kMost;
  }

 private:
  AudioHandle sound_;
  VideoHandle video_;
  tsr_error error_ = TSR_INIT(tsr_error);
  bool heard_ = false, seen_ = false;
  int count_ = 0;
  float sum_ = 0;
};

void run_stream(std::span<const uint8_t> stream, std::span<const uint8_t> sizes, uint8_t mode) {
  tsr_reader* made = nullptr;
  TESSERA_REQUIRE(tsr_reader_create(&made, nullptr) == TSR_OK);
  const Reader reader(made);
  Decoders decoders(mode);
  tsr_error error = TSR_INIT(tsr_error);
  for (size_t turn = 0;;) {
    tsr_event event = TSR_INIT(tsr_event);
    answered(tsr_reader_next(reader.get(), &event, &error), error);
    switch (event.kind) {
      case TSR_EVENT_NEED_BYTES: {
        const size_t size = std::min<size_t>(1 + size_t{4} * sizes[turn++ % sizes.size()], stream.size());
        if (size == 0) {
          TESSERA_REQUIRE(tsr_reader_finish(reader.get(), nullptr) == TSR_OK);
        } else {
          TESSERA_REQUIRE(tsr_reader_push(reader.get(), stream.data(), size, nullptr) == TSR_OK);
        }
        stream = stream.subspan(size);
        continue;
      }
      case TSR_EVENT_HEADER:
        if (!decoders.open(event)) return;
        break;
      case TSR_EVENT_PACKET:
        decoders.send(event);
        break;
      case TSR_EVENT_LOST:
        decoders.lost(event.lost);
        break;
      default:
        decoders.flush();
        decoders.receive();
        return;
    }
    if (!decoders.receive()) return;
  }
}

void run_image(std::span<const uint8_t> stream) {
  tsr_image_decoder_options options;
  tsr_image_decoder_options_init(&options, sizeof options);
  options.weights_dir = weights();
  options.max_pixels = 1 << 13;
  options.threads = 1;
  tsr_image_decoder* decoder = nullptr;
  tsr_error error = TSR_INIT(tsr_error);
  TESSERA_REQUIRE(tsr_image_decoder_create(&options, &decoder, &error) == TSR_OK);
  tsr_image* image = nullptr;
  const tsr_code code = answered(tsr_image_decoder_decode(decoder, stream.data(), stream.size(), &image, nullptr, &error), error);
  TESSERA_REQUIRE((code == TSR_OK) == (image != nullptr));
  tsr_image_view view = TSR_INIT(tsr_image_view);
  if (image != nullptr) {
    TESSERA_REQUIRE(tsr_image_get_view(image, &view) == TSR_OK && uint64_t{view.width} * view.height <= options.max_pixels);
  }
  tsr_image_free(image);
  tsr_image_decoder_free(decoder);
}

void run_info(std::span<const uint8_t> stream) {
  tsr_info* info = nullptr;
  tsr_error error = TSR_INIT(tsr_error);
  answered(tsr_inspect(stream.data(), stream.size(), weights(), &info, &error), error);
  if (info == nullptr) return;
  const char* name = nullptr;
  uint64_t bytes = 0, sum = 0;
  for (size_t i = 0; i < tsr_info_sections(info); ++i) {
    TESSERA_REQUIRE(tsr_info_get_section(info, i, &name, &bytes) == TSR_OK && name != nullptr);
    sum += bytes;
  }
  TESSERA_REQUIRE(sum <= stream.size());
  TESSERA_REQUIRE(tsr_info_get_section(info, SIZE_MAX, &name, &bytes) == TSR_INVALID_ARGUMENT);
  tsr_info_free(info);
}

void run(fuzz::Input input) {
  const auto sizes = input.bytes(4);
  fuzz::choose_simd(input.u8());
  const uint8_t mode = input.u8();
  input.u16();
  if (sizes.size() < 4) return;
  const Bytes stream = fuzz::TinyModels::get().adopted(input.rest());
  run_stream(stream, sizes, mode);
  run_image(stream);
  run_info(stream);
}

}  // namespace
}  // namespace tessera

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::run({data, size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  const auto& models = tessera::fuzz::TinyModels::get();
  const auto& streams = seed % 3 == 0 ? models.images() : seed % 3 == 1 ? models.sounds() : models.videos();
  return tessera::fuzz::mutate_or_replace(data, size, max_size, seed, tessera::kOptions, streams);
}
