// Encoding and decoding of one file of sound, in constant memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "apps/tessera/batch.h"
#include "apps/tessera/options.h"
#include "codec/tessera.h"

namespace tessera::media {
class AudioReader;
}

namespace tessera::cli {

// Speech or not, by the first ten seconds of one channel, before they are read: the models for speech lose what lies above 12 kHz, and `sound` does not know
// voices as well. Errors: those of AudioReader::preview().
Result<SoundKind> kind_of(media::AudioReader& reader);

// Errors: those of AudioReader and AudioEncoder, io, cancelled. Nothing is left of the output then.
Status encode_sound(const Job& job, const EncodeOptions& options, const Progress& progress, Outcome& outcome);

// After a stream that is damaged or cut off, the output holds all that could be decoded, and the error says what is missing.
// Errors: those of AudioDecoder and AudioWriter, truncated, corrupt, io, cancelled.
Status decode_sound(const Job& job, const DecodeOptions& options, const Progress& progress, Outcome& outcome);

// Goes through a whole stream. Strict: damage anywhere is an error. `report` receives what was decoded.
Status check_sound(std::span<const uint8_t> stream, const std::string& weights_dir, AudioReport& report);

// `tessera bench` for one file of sound. Errors: those of encoding and decoding.
struct SoundTimes {
  std::string file, model;
  double asked = 0, bit_rate = 0;                    // bit/s: asked for, and of the whole stream
  double seconds = 0;                                // of sound
  double encode_seconds = 0, decode_seconds = 0;     // medians, reading and writing of files excluded
};
Result<SoundTimes> time_sound(const std::string& file, double bit_rate, const BenchOptions& options);

}  // namespace tessera::cli
