// Sound out: WAV, FLAC, Opus and AAC in MP4 from interleaved float32.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "bitstream/status.h"

namespace tessera::media {

enum class AudioSampleType : uint8_t { pcm16, pcm24, float32 };

struct AudioWriterOptions {
  uint32_t sample_rate = 48000;  // Hz, up to 655350
  uint32_t channels = 1;         // 1..8
  uint64_t channel_mask = 0;     // WAVE_FORMAT_EXTENSIBLE's bits; 0: the usual layout of so many channels
  AudioSampleType type = AudioSampleType::pcm16;  // WAV and FLAC (float32 becomes 24 bits there)
  uint32_t bit_rate = 0;  // Opus and AAC, bit/s; 0: 64000 (Opus) or 96000 (AAC) a channel
};

// Push style, in constant memory. The file appears under its name when finish() succeeds; a writer that is
// dropped before leaves nothing. Not to be used by two threads at once.
class AudioWriter {
 public:
  // The extension decides: .wav, .flac, .opus, .mp4 or .m4a; "-" is WAV on standard output. Rates that Opus
  // or AAC lacks are converted to the next higher one it has, layouts that Opus lacks to its own of as many
  // channels. WAV beyond 4 GiB becomes RF64. Errors: io,
  // invalid_argument (extension, rate, channels), unsupported (this FFmpeg lacks the codec).
  static Result<AudioWriter> open(const std::string& path, const AudioWriterOptions& options);
  AudioWriter(AudioWriter&&) noexcept;
  AudioWriter& operator=(AudioWriter&&) noexcept;
  ~AudioWriter();

  // Whole frames; full scale is -1..1. Values beyond it are clipped (kept in float WAV), NaN and infinity
  // become 0. Errors: io (full disk), invalid_argument (size not a multiple of the channels, or finished).
  Status write(std::span<const float> samples);

  // Errors: those of write(). After it nothing can be written.
  Status finish();

  uint64_t clipped_samples() const;
  uint64_t replaced_samples() const;  // NaN and infinite ones that became 0

 private:
  struct State;
  explicit AudioWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::media
