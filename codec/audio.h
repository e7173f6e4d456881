// Sound in, .tsr packets out, and back, packet by packet; part of codec/tessera.h.
//
//   auto encoder = tessera::AudioEncoder::create({.model = "speech", .bit_rate = 6000});
//   file.write(encoder->header());
//   encoder->send(view);  while (auto packet = encoder->receive()) file.write(packet->bytes);     // and so on
//   encoder->flush();     while (auto packet = encoder->receive()) file.write(packet->bytes);
//
//   auto decoder = tessera::AudioDecoder::create({});
//   decoder->open(header);
//   decoder->send(packet);  while (auto block = decoder->receive()) play(block->samples);
//   decoder->flush();       while (auto block = decoder->receive()) play(block->samples);
//
// A stream is the header followed by the packets, byte after byte; bitstream/stream_reader.h takes it apart again. Memory is constant
// in the length of the stream as long as what is ready is received. What comes out does not depend on how the samples are cut into
// calls of send(). The networks run on the calling thread, on the CPU.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bitstream/status.h"

#define TESSERA_AUDIO_API __attribute__((visibility("default")))

namespace tessera {

// Interleaved samples that the caller owns, full scale -1..1.
struct AudioView {
  std::span<const float> samples;  // a multiple of the channels
  uint32_t channels = 1;
  uint32_t sample_rate = 24000;  // Hz
};

// Decoded samples, interleaved.
struct AudioBlock {
  std::vector<float> samples;
  uint32_t channels = 1;
  uint32_t sample_rate = 24000;  // Hz
  uint64_t time = 0;             // of the first sample, in samples from the start of the sound
  size_t frames() const { return samples.size() / channels; }
};

struct AudioEncoderOptions {
  // speech: 24 kHz mono; sound: 48 kHz mono or stereo; bayes-sound: 24 kHz mono, snippets, fitted one by one (docs/bayes.md)
  std::string model = "speech";
  double bit_rate = 0;           // bit/s of the whole stream, container included; 0: the model's usual one
  uint32_t channels = 1;         // of what is sent, 1 or 2. A stereo model codes mono as two equal channels, a mono model takes the mean of two
  // Seconds that the encoder looks ahead, so that pauses leave their bits to the sound around them: packets come so much later.
  double lookahead = 10;
  bool low_delay = false;        // no look-ahead, packets of about 25 ms, and the causal variant of the model where it is installed
  bool checksum = true;          // one byte a packet that proves the decoded indices
  bool index = true;             // end with an index for seeking, in streams longer than 20 s
  // Seconds from one packet that stores its time to the next, so that sound behind a loss keeps its place; 0: only those that the index names.
  double times = 0;
  uint32_t source_bit_depth = 16;  // 1..32, for the header only
  // 0..9: how many choices of codes are weighed against each other (models/audio/index_search.h). From 7 on, without low_delay, the encoder also
  // listens to what it is about to send and moves its latents by gradient descent (codec/audio_refine.h): 8, 25 and 80 rounds, ten times as long and more.
  int effort = 5;
  std::string weights_dir = {};
  int quality = 32;              // 0..63, bayes-sound without a bit rate
};

struct AudioDecoderOptions {
  std::string weights_dir = {};
  bool symbols_only = false;  // prove the checksums, make no sound
  double max_seconds = 0;     // on the clock, from open() on: `limit` afterwards; 0: any
};

struct AudioPacket {
  std::vector<uint8_t> bytes;  // packet with its framing, or the index at the end
  uint64_t time = 0;           // of its first sample, in samples, priming included
  bool index = false;
};

// What one encoder or decoder has done so far.
struct AudioReport {
  uint64_t packets = 0;        // coded or decoded, lost ones not counted
  uint64_t lost = 0;           // packets that were concealed
  uint64_t bytes = 0;          // header, packets and index
  uint64_t samples = 0;        // for each channel, sent or given out
  uint64_t indices = 0;        // codebook indices
  uint64_t replaced = 0;       // samples that were NaN or infinite and became 0
  double levels = 0;           // mean number of levels a frame
  uint64_t checked = 0;        // packets whose stored checksum was compared
  uint32_t symbol_checksum = 0;  // CRC-32C of the packets' checksums in order
};

class BayesSoundEncoder;
class BayesSoundDecoder;

// One encoder codes one stream. Errors: invalid_argument (samples of another format than announced, calls after flush()).
class TESSERA_AUDIO_API AudioEncoder {
 public:
  // Errors: model_missing, invalid_argument (a bit rate that the model cannot reach, no audio model).
  static Result<AudioEncoder> create(AudioEncoderOptions options);
  AudioEncoder(AudioEncoder&&) noexcept;
  AudioEncoder& operator=(AudioEncoder&&) noexcept;
  ~AudioEncoder();

  uint32_t sample_rate() const;  // of the samples to send, Hz
  uint32_t channels() const;
  double bit_rate() const;       // bit/s, as chosen
  double delay() const;          // seconds from a sample to the last one that its packet needs, coding and decoding together; look-ahead not counted

  const std::vector<uint8_t>& header() const;
  Status send(const AudioView& view);
  Status flush();
  std::optional<AudioPacket> receive();
  const AudioReport& report() const;

 private:
  struct Impl;
  explicit AudioEncoder(std::unique_ptr<Impl> impl);
  explicit AudioEncoder(std::shared_ptr<BayesSoundEncoder> bayes);
  std::unique_ptr<Impl> impl_;
  std::shared_ptr<BayesSoundEncoder> bayes_;  // instead, for its model
};

class TESSERA_AUDIO_API AudioDecoder {
 public:
  static Result<AudioDecoder> create(AudioDecoderOptions options);
  AudioDecoder(AudioDecoder&&) noexcept;
  AudioDecoder& operator=(AudioDecoder&&) noexcept;
  ~AudioDecoder();

  // The file header. Errors: those of parse_header(), unsupported (no audio), model_missing, corrupt (it contradicts the model).
  Status open(std::span<const uint8_t> header);
  uint32_t sample_rate() const;  // after open()
  uint32_t channels() const;
  uint64_t channel_mask() const;
  uint64_t block_samples() const;  // samples a packet
  bool causal() const;

  // One whole packet. A time stamp later than expected tells of lost packets, which are concealed. Errors: corrupt, truncated,
  // unsupported; the packet has then changed nothing, and the caller goes on with lost(1) or the next packet.
  Status send(std::span<const uint8_t> packet);
  // So many packets never came: the sound is continued for some milliseconds and faded out, then silent until the next packet.
  Status lost(uint64_t packets);
  // The stream ends here.
  Status flush();
  std::optional<AudioBlock> receive();

  // Starts anew: the next packet has the time stamp `packet_time`, and samples before `first` (in samples of the sound, without
  // priming) are dropped. From packet_time <= first + priming - preroll() on, the samples are those of a decoder that began at the start.
  Status seek(uint64_t packet_time, uint64_t first);
  uint64_t preroll() const;  // samples

  const AudioReport& report() const;

 private:
  struct Impl;
  explicit AudioDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::shared_ptr<BayesSoundDecoder> bayes_;  // does the work, once a header names its model
};

// What one channel holds, as far as it is known.
enum class SoundKind : uint8_t { unknown, speech, other };

// Which model `--model` stands for when none is named: for one channel `speech` below 5.5 kbit/s and `speech-hq` below 12 (speech: up to 12), `speech` for
// anything below 3 kbit/s; otherwise, and for one channel that holds no speech, `sound`. bit_rate 0: none was asked for.
TESSERA_AUDIO_API std::string choose_audio_model(uint32_t channels, double bit_rate, SoundKind kind = SoundKind::unknown);

// Speech or not, by the first ten seconds of one channel at kKindRate Hz (models/audio/sound_kind.h). unknown: shorter than half a second, or silent.
inline constexpr uint32_t kSoundKindRate = 16000;
TESSERA_AUDIO_API SoundKind sound_kind(std::span<const float> samples);

}  // namespace tessera
