// Audio packs: many clips of one sample rate and channel count in one file, as 16-bit samples.
//
// Layout, little-endian: "TSAP", u32 version (1), u32 sample rate in Hz, u32 channels (1 or 2), u64 count of clips, u64 offset
// of the index, u64 XXH64 (seed 0) of the index; then the clips' samples, int16, channels interleaved, without gaps; then the index:
// for each clip u64 offset of its samples in the file, u64 length in samples per channel. A 16-bit sample s stands for s / 32768.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tessera::train {

struct AudioPack {
  uint32_t sample_rate = 0;
  uint32_t channels = 0;
  at::Tensor samples;                     // int16 [total, channels], all clips one after the other
  std::vector<int64_t> begin, length;     // of each clip, in samples per channel

  int64_t clips() const { return static_cast<int64_t>(begin.size()); }
  double seconds() const { return static_cast<double>(samples.size(0)) / sample_rate; }
};

// Reads and checks a pack. Throws std::runtime_error with the file's name and the cause.
AudioPack read_audio_pack(const std::string& path);

// Writes a pack of raw files of interleaved little-endian int16 samples, which every audio tool can make
// (ffmpeg -i talk.flac -ar 24000 -ac 1 -f s16le talk.s16). Throws std::runtime_error.
void write_audio_pack(const std::string& path, const std::vector<std::string>& raw_files, uint32_t sample_rate, uint32_t channels);

// What a segment goes through before the network sees it: little data is made to go further.
struct AudioVariation {
  double speed = 1.0;       // played up to so many times faster or slower, the pitch with it
  double mixed = 0.0;       // share of segments with another one below them, at -5 to -30 dB
  double filtered = 0.0;    // share of segments behind a random smooth filter
  double filter_db = 0.0;   // its spread
  double stereo = 0.0;      // two channels: share of segments whose sides are made anew (two sources, panned and decorrelated)
  double quieter_db = 20;   // random attenuation
};

// Random segments of a pack, made on the device.
class AudioBatches {
 public:
  AudioBatches(const std::string& path, int64_t sample_rate, int64_t channels, at::Device device);
  // Of a pack that has been read; at least one clip.
  AudioBatches(const AudioPack& pack, at::Device device);

  int64_t clips() const { return count_; }
  double seconds() const { return seconds_; }

  // [batch, channels, segment] float32 in -1..1: clips drawn by length, the position at random, varied as said, the sign and the
  // sides flipped at random. Clips shorter than the segment end in silence.
  at::Tensor sample(int64_t batch, int64_t segment, const AudioVariation& vary) const;

  // A whole clip, cut to `limit` samples: [1, channels, T].
  at::Tensor clip(int64_t i, int64_t limit) const;

 private:
  at::Tensor cut(int64_t batch, int64_t segment, double speed) const;

  int64_t count_ = 0;
  double seconds_ = 0;
  at::Tensor samples_, begin_, length_, cumulative_;
  std::vector<int64_t> host_begin_, host_length_;
};

}  // namespace tessera::train
