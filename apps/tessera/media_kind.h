// What an input is, by its first bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bitstream/status.h"

namespace tessera::cli {

enum class MediaType { picture, sound };

// Of a file to encode: sound where the bytes are those of a format of sound or video (whose sound is then coded), or where the name has
// the extension of one and the bytes are not a picture's; otherwise a picture. Errors: io.
Result<MediaType> type_of_input(const std::string& path);
MediaType type_of_bytes(std::span<const uint8_t> bytes, const std::string& path);

// Of a stream to decode, by its header's flags; picture when it is none. Errors: io.
Result<MediaType> type_of_stream(const std::string& path);

// A name that AudioWriter knows: wav, flac, opus, mp4, m4a.
bool is_sound_extension(const std::string& extension);

// "b/c.WAV" -> "wav".
std::string lower_extension(const std::string& path);

}  // namespace tessera::cli
