// Sound in: any file that FFmpeg reads, as interleaved float32 at the wanted rate and channel count.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bitstream/status.h"

namespace tessera::media {

// 0 keeps what the file has.
struct AudioWish {
  uint32_t sample_rate = 0;  // Hz, up to 768000
  uint32_t channels = 0;  // up to 8; 1 mono, 2 stereo, 6 5.1, 8 7.1, in the order of WAVE_FORMAT_EXTENSIBLE
};

struct AudioProperties {
  uint32_t sample_rate = 0;  // Hz
  uint32_t channels = 0;
  uint64_t channel_mask = 0;  // WAVE_FORMAT_EXTENSIBLE's bits; 0 when the file does not say
  uint32_t bit_depth = 0;     // of uncompressed and lossless files; 0 otherwise
  std::string codec;          // FFmpeg's name: "pcm_s16le", "aac"
};

// Pull style, in constant memory. Not to be used by two threads at once. Sample-accurate: a codec's priming
// and padding samples are left out, and a resampled stream of n frames gives ceil(n * rate / source rate)
// frames. Time stamps are not looked at: gaps between packets are closed.
class AudioReader {
 public:
  // `path`: a local file or "-" for standard input. Of several audio streams the best (FFmpeg's choice) is
  // read. Nothing but this file is opened: playlists are refused. Errors: io, corrupt (with FFmpeg's cause),
  // unsupported (no audio stream, no decoder, no down-mix), invalid_argument, out_of_memory.
  static Result<AudioReader> open(const std::string& path, const AudioWish& wish = {});
  AudioReader(AudioReader&&) noexcept;
  AudioReader& operator=(AudioReader&&) noexcept;
  ~AudioReader();

  // Another wish, once what the file has is known; before the first read(). Errors: those of the wish in open().
  Status ask(const AudioWish& wish);

  // The first `seconds` (or all, where it is shorter) at another rate and channel count, for a look ahead; read() begins at the start all the same. Before the
  // first read(). Holds what it has decoded in memory until it is read. What cannot be decoded ends it early and is told by read(). Errors: those of the wish.
  Result<std::vector<float>> preview(double seconds, const AudioWish& wish);

  // Fills `samples` (a multiple of channels()) as far as there is sound; returns the frames, fewer than asked
  // for only at the end, 0 at and after it. Full scale is -1..1, but the values may exceed it. Packets that
  // cannot be decoded are left out and counted. An error comes after the last sound before it. Errors: io,
  // corrupt, invalid_argument.
  Result<size_t> read(std::span<float> samples);

  uint32_t sample_rate() const;  // of what read() gives, Hz
  uint32_t channels() const;
  uint64_t channel_mask() const;  // of what read() gives; 0 unknown
  const AudioProperties& source() const;
  double start() const;           // seconds: the time that the file gives the first sample; 0 where it gives none
  std::optional<double> duration() const;  // seconds, as the file claims; unknown for pipes and some formats

  uint64_t replaced_samples() const;  // NaN and infinite ones that became 0, so far
  uint64_t damaged_packets() const;   // left out so far

 private:
  struct State;
  explicit AudioReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::media
