// The sound inside a .tsr file of a video: companion packets (docs/bitstream.md, 3.2).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/tessera/options.h"
#include "apps/tessera/source_sound.h"
#include "bitstream/stream_reader.h"
#include "codec/audio.h"

namespace tessera::cli {

// Codes a file's sound beside its frames.
class VideoSoundEncoder {
 public:
  // Nothing where the file has no sound. Errors: those of AudioEncoder::create().
  static Result<std::optional<VideoSoundEncoder>> open(const std::string& path, const EncodeOptions& options);

  double bit_rate() const { return encoder_.bit_rate(); }  // bit/s, as chosen; framing not counted
  const std::string& model() const { return model_; }
  const Status& damage() const { return source_.damage(); }  // why the sound ends before its source does

  // `start`: seconds in the file that are the video's time 0. Appends the first packet to `out`.
  Status begin(double start, std::vector<uint8_t>& out);
  // Codes the sound up to so many seconds, and a little more, so that it comes before the frames that are seen with it.
  Status advance(double seconds, std::vector<uint8_t>& out);
  // The rest of it, or with `all` false what has begun.
  Status finish(bool all, std::vector<uint8_t>& out);

 private:
  VideoSoundEncoder(SourceSound source, AudioEncoder encoder, std::string model)
      : source_(std::move(source)), encoder_(std::move(encoder)), model_(std::move(model)) {}
  Status code(const std::vector<float>& samples);
  Status pack(std::vector<uint8_t>& out);

  SourceSound source_;
  AudioEncoder encoder_;
  std::string model_;
  std::vector<uint8_t> piece_;  // of the stream of sound, not yet packed
};

// Decodes companion packets as they come. Damage costs sound, and is noted.
class VideoSoundDecoder {
 public:
  // Errors: those of AudioDecoder::create().
  static Result<VideoSoundDecoder> create(const AudioDecoderOptions& options);

  // The next piece. Errors: those of opening the decoder: model_missing, unsupported, corrupt; limit.
  Status push(std::span<const uint8_t> piece);
  Status finish();

  bool opened() const { return opened_; }  // the format is known
  uint32_t sample_rate() const { return decoder_.sample_rate(); }
  uint32_t channels() const { return decoder_.channels(); }
  uint64_t channel_mask() const { return decoder_.channel_mask(); }
  // Interleaved samples that are ready; the caller takes them.
  std::vector<float> take();
  const Status& damage() const { return damage_; }  // the first
  const AudioReport& report() const { return decoder_.report(); }

 private:
  explicit VideoSoundDecoder(AudioDecoder decoder) : decoder_(std::move(decoder)) {}
  Status drain();
  void note(const Status& status);

  bitstream::StreamReader reader_;
  AudioDecoder decoder_;
  std::vector<float> ready_;
  bool opened_ = false, ended_ = false;
  Status damage_;
};

}  // namespace tessera::cli
