// The file header (docs/bitstream.md, section 2): everything needed to know what a stream is and what it will
// cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "bitstream/bytes.h"
#include "bitstream/limits.h"
#include "bitstream/status.h"

namespace tessera::bitstream {

inline constexpr uint8_t kVersionMajor = 1;
inline constexpr uint8_t kVersionMinor = 0;
inline constexpr uint64_t kKnownFeatures = 0;  // mask of the required features that this reader has
inline constexpr uint32_t kTileUnit = 64;      // tile sides are multiples of this many pixels
inline constexpr uint32_t kMaxTile = 1024 * kTileUnit;
inline constexpr int kMaxQuality = 63;

enum class MediaKind : uint8_t { image = 0, video = 1, audio = 2 };
const char* media_name(MediaKind kind);  // "image", ...

// Code points of ITU-T H.273.
struct Colour {
  uint8_t primaries = 1;
  uint8_t transfer = 13;
  uint8_t matrix = 0;
  bool full_range = true;
  bool operator==(const Colour&) const = default;
};
Colour default_colour(MediaKind kind);  // what a header without a colour description means

struct PictureInfo {      // image and video
  uint32_t width = 0;     // pixels, from 1
  uint32_t height = 0;    // pixels, from 1
  uint8_t channels = 3;   // 1 grey, 2 grey + alpha, 3 colour, 4 colour + alpha
  uint8_t bit_depth = 8;  // 8..16
  Colour colour;
  uint32_t tile = 0;  // tile side in pixels, a multiple of 64 up to 65536; 0: one tile, the whole picture
  bool operator==(const PictureInfo&) const = default;
};

enum class Chroma : uint8_t { c400 = 0, c420 = 1, c422 = 2, c444 = 3 };

struct VideoInfo {
  uint32_t rate_numerator = 25;  // ticks a second = numerator / denominator; both from 1
  uint32_t rate_denominator = 1;
  Chroma chroma = Chroma::c420;
  uint8_t chroma_location = 0;  // H.273, 0..5
  uint32_t frame_ticks = 1;     // from a frame to the next where no time stamp is stored, 1..2^24
  uint32_t aspect_numerator = 1, aspect_denominator = 1;  // width to height of a sample; both from 1
  uint8_t quarter_turns = 0;    // clockwise, 0..3, to show the picture upright
  bool operator==(const VideoInfo&) const = default;
};

struct AudioInfo {
  uint32_t sample_rate = 48000;   // Hz, from 1
  uint32_t channels = 2;          // 1..255
  uint64_t channel_mask = 0;      // as in WAVEFORMATEXTENSIBLE, one bit a channel; 0: discrete channels
  uint8_t bit_depth = 16;         // of the source, 1..32
  uint32_t block_samples = 1024;  // samples a packet for each channel, 1..2^20
  uint64_t priming = 0;           // samples that the decoder drops at the start
  uint64_t trailing = 0;          // and at the end
  bool operator==(const AudioInfo&) const = default;
};

struct FileHeader {
  uint8_t version_major = kVersionMajor;  // set by the parser; the writer always writes its own version
  uint8_t version_minor = kVersionMinor;
  MediaKind kind = MediaKind::image;
  uint64_t required_features = 0;
  std::string model_name = "still";  // 1..63 of a-z 0-9 . _ -; empty after parsing an unassigned model number
  uint8_t model_number = 0;  // set by the parser: the number that stood for the name, 0 for a spelt name
  uint32_t model_revision = 0;
  uint64_t model_hash = 0;
  uint8_t quality = 0;  // 0..63
  PictureInfo picture;  // image, video
  VideoInfo video;      // video
  AudioInfo audio;      // audio
  bool operator==(const FileHeader&) const = default;
};

// Tiles of the picture: columns x rows. At least 1 each for a valid header.
uint64_t tile_columns(const PictureInfo& picture);
uint64_t tile_rows(const PictureInfo& picture);
uint64_t tile_count(const PictureInfo& picture);

// By the first bytes alone: nothing is checked.
bool is_audio_stream(std::span<const uint8_t> file);
bool is_video_stream(std::span<const uint8_t> file);

// Ticks from a packet to the next one where no time stamp is stored; video and audio.
uint64_t ticks_a_packet(const FileHeader& header);

// invalid_argument when a field is out of the range given above.
Status validate(const FileHeader& header);

// `limit` when the header describes more than the caller allows.
Status check_limits(const FileHeader& header, const Limits& limits);

// Appends the header's bytes. invalid_argument (and nothing written) when validate() objects.
Status write_header(ByteWriter& out, const FileHeader& header);

// Reads the header at the start of `file`. `size`, if given, receives its length in bytes.
// Errors: truncated, corrupt, unsupported, limit.
Result<FileHeader> parse_header(std::span<const uint8_t> file, const Limits& limits, size_t* size = nullptr);

}  // namespace tessera::bitstream
