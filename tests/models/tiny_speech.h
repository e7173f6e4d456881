// An audio network of a few thousand parameters for tests.
#pragma once

#include <cstdint>
#include <string>

#include "models/audio/speech.h"

namespace tessera::models::test {

// 8 kHz, 200 frames a second.
audio::SpeechConfig tiny_speech(bool causal = false, int64_t channels = 1);

// Random everywhere, also where a fresh network starts at zero, and in values that float16 holds.
void randomise(audio::Speech& network, uint64_t seed);

// Writes the weights file FOLDER/NAME.safetensors of a random network. Returns the file's hash.
uint64_t write_tiny_speech(const std::string& folder, const std::string& name, const audio::SpeechConfig& config, uint64_t seed = 1);

// The same with a random index model.
uint64_t write_tiny_speech_with_index(const std::string& folder, const std::string& name, const audio::SpeechConfig& config, uint64_t seed = 1);

}  // namespace tessera::models::test
