// Sounds made by code, and whole streams encoded and decoded, for tests of the audio codec.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec/tessera.h"

namespace tessera::test {

// Interleaved: a few gliding harmonics with pauses and some noise, a little like speech; channels differ.
std::vector<float> voice(uint32_t rate, uint32_t channels, size_t frames, uint32_t seed = 1);

struct AudioStream {
  Bytes header;
  std::vector<AudioPacket> packets;
  AudioReport report;
  Bytes bytes() const;  // the whole file
};

// Weights of small random networks: `speech`, `speech-hq`, `speech-live` (causal), `sound` (two channels), `coded` (with an index model); 8 kHz.
void write_weights(const std::string& folder);

// Encodes in pieces of `piece` samples. Fails the test on an error.
AudioStream encoded(const AudioEncoderOptions& options, const std::vector<float>& samples, size_t piece = 4800);

// Decodes, the packets numbered in `lost` left out (and announced). Fails the test on an error.
std::vector<float> decoded(const AudioDecoderOptions& options, const AudioStream& stream, const std::vector<size_t>& lost = {}, AudioReport* report = nullptr);

}  // namespace tessera::test
