// What an input is, by its first bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bitstream/status.h"

namespace tessera::cli {

enum class MediaType { picture, sound, video };

// Of a file to encode, by its bytes, or by the name's extension where the bytes are not a picture's. A container of both sound and video
// is opened: it is video when there is a video stream (a cover picture is none), otherwise sound; standard input cannot be read twice,
// and is video then. Anything else is a picture. Errors: io.
Result<MediaType> type_of_input(const std::string& path);
// The same by the first bytes and the name alone: containers are video.
MediaType type_of_bytes(std::span<const uint8_t> bytes, const std::string& path);

// Of a stream to decode, by its header's flags; Matroska is video; picture when it is none. Errors: io.
Result<MediaType> type_of_stream(const std::string& path);

// Whether a file begins as Matroska does. Errors: io.
Result<bool> is_matroska_file(const std::string& path);

// A whole stream in memory; of Matroska the header and packets of its track of Tessera's video. Errors: io, and those of PacketReader.
Result<std::vector<uint8_t>> read_stream(const std::string& path);

// A name that AudioWriter knows: wav, flac, opus, mp4, m4a.
bool is_sound_extension(const std::string& extension);
// A name that VideoWriter knows: y4m, mp4, mkv.
bool is_video_extension(const std::string& extension);

// "b/c.WAV" -> "wav".
std::string lower_extension(const std::string& path);

}  // namespace tessera::cli
