// The payload of one audio packet: codebook indices and how many samples they stand for (docs/bitstream.md, sections 4.4 and 4.5).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "codec/tessera.h"
#include "models/audio/speech_model.h"

namespace tessera {

// The indices of a packet: `levels` of them for each frame and group, and one more for `extra` of its frames, spread evenly.
struct AudioSymbols {
  int64_t frames = 0;
  int64_t levels = 0;
  std::vector<uint16_t> indices;  // [frames][levels][groups]
  int64_t extra = 0;              // 0..frames - 1
  std::vector<uint16_t> more;     // [extra][groups]
};

// True when frame t of n is one of `extra` that have one level more.
inline bool has_extra(int64_t t, int64_t n, int64_t extra) { return (t + 1) * extra / n > t * extra / n; }

// CRC-32C of all indices, then those of the extra level, as 16-bit little-endian integers.
uint32_t checksum_of(const AudioSymbols& symbols);

// Indices in `bits` bits each, most significant bit first, zeros up to a whole byte.
std::vector<uint8_t> pack_indices(std::span<const uint16_t> indices, int bits);
// Empty when the bytes are not exactly those of `count` indices below `codes`.
std::optional<std::vector<uint16_t>> unpack_indices(std::span<const uint8_t> bytes, size_t count, int64_t codes);
int index_bits(int64_t codes);

// The smaller one of what the model's entropy coder gives and plain indices. `modelled` says which it is.
struct CodedIndices {
  std::vector<uint8_t> bytes;
  bool modelled = false;
};
CodedIndices code_indices(const models::audio::SpeechModel& model, std::span<const uint16_t> indices, int64_t frames, int64_t levels);

// A whole payload. samples: of this packet, where fewer than a block (the last packet), otherwise nothing.
std::vector<uint8_t> audio_payload(const models::audio::SpeechModel& model, const AudioSymbols& symbols, const CodedIndices& coded,
                                   std::optional<uint64_t> samples, bool checksum);
// Bytes of the payload without the coded indices and those of the extra level.
size_t payload_overhead(std::optional<uint64_t> samples, bool checksum);

struct ParsedAudio {
  AudioSymbols symbols;
  uint64_t samples = 0;  // of this packet
  uint32_t checksum = 0;  // computed
  bool checked = false;   // against a stored one
};
// block: samples of a whole packet, a multiple of the hop. Errors: corrupt, unsupported.
Result<ParsedAudio> parse_audio_payload(const models::audio::SpeechModel& model, std::span<const uint8_t> payload, uint64_t offset, uint64_t block);

// Latents [frames,D] of a packet.
std::vector<float> latents_of(const models::audio::SpeechModel& model, const AudioSymbols& symbols);

}  // namespace tessera
