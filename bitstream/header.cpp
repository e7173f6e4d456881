#include "bitstream/header.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "bitstream/crc.h"
#include "bitstream/model_names.h"

namespace tessera::bitstream {
namespace {

constexpr uint8_t kMagic[3] = {'T', 'S', 'R'};
constexpr size_t kLengthAt = 4;  // position of the header-length byte
constexpr size_t kFlagsAt = 5;
constexpr size_t kMinLength = 18;
constexpr uint64_t kMaxU32 = std::numeric_limits<uint32_t>::max();
constexpr uint64_t kMaxBlock = uint64_t{1} << 20;  // samples
constexpr uint64_t kMaxFrameTicks = uint64_t{1} << 24;

// Of video's format byte.
constexpr uint8_t kChromaMask = 3, kLocationMask = 7, kHasPresentation = 32;
constexpr int kLocationAt = 2, kTurnsAt = 6;

enum Flag : uint8_t { kKindMask = 3, kHasFeatures = 4, kHasColour = 8, kHasTile = 16, kReserved = 0xE0 };

bool in_range(uint64_t value, uint64_t low, uint64_t high) { return value >= low && value <= high; }

// A varint that has to lie in low..high.
template <class T = uint32_t>
T ranged(ByteReader& in, uint64_t low, uint64_t high, const char* name) {
  const uint64_t value = in.varint();
  if (in.ok() && !in_range(value, low, high)) {
    in.fail(ErrorCode::corrupt, std::string(name) + " of " + std::to_string(value));
  }
  return in.ok() ? static_cast<T>(value) : T{};
}

uint8_t byte_without_reserved(ByteReader& in, uint8_t reserved, const char* name) {
  const uint8_t value = in.u8();
  if (value & reserved)
    in.fail(ErrorCode::unsupported, std::string("reserved bits of the ") + name + " are set");
  return value;
}

void read_model(ByteReader& in, FileHeader& header) {
  header.model_number = in.u8();
  if (header.model_number != 0) {
    header.model_name = model_name(header.model_number);
  } else {
    auto name = in.bytes(in.u8());
    header.model_name.assign(name.begin(), name.end());
    if (in.ok() && !is_model_name(header.model_name)) in.fail(ErrorCode::corrupt, "malformed model name");
  }
  header.model_revision = ranged(in, 0, kMaxU32, "a model revision");
  header.model_hash = in.u64();
}

void read_quality(ByteReader& in, FileHeader& header) {
  header.quality = byte_without_reserved(in, 0xC0, "quality");
}

void read_picture(ByteReader& in, uint8_t flags, FileHeader& header) {
  PictureInfo& picture = header.picture;
  picture.width = ranged(in, 1, kMaxU32, "a width");
  picture.height = ranged(in, 1, kMaxU32, "a height");
  const uint8_t format = byte_without_reserved(in, 0xC0, "sample format");
  picture.channels = static_cast<uint8_t>((format & 3) + 1);
  picture.bit_depth = static_cast<uint8_t>(((format >> 2) & 15) + 8);
  if (picture.bit_depth > 16)
    in.fail(ErrorCode::corrupt, "bit depth of " + std::to_string(picture.bit_depth));
  read_quality(in, header);
  picture.colour = default_colour(header.kind);
  if (flags & kHasColour) {
    picture.colour.primaries = in.u8();
    picture.colour.transfer = in.u8();
    picture.colour.matrix = in.u8();
    const uint8_t range = in.u8();
    if (range > 1) in.fail(ErrorCode::corrupt, "colour range of " + std::to_string(range));
    picture.colour.full_range = range == 1;
  }
  if (flags & kHasTile) picture.tile = ranged(in, 1, kMaxTile / kTileUnit, "a tile size") * kTileUnit;
}

void read_video(ByteReader& in, VideoInfo& video) {
  video.rate_numerator = ranged(in, 1, kMaxU32, "a frame-rate numerator");
  video.rate_denominator = ranged(in, 1, kMaxU32, "a frame-rate denominator");
  const uint8_t format = in.u8();
  video.chroma = static_cast<Chroma>(format & kChromaMask);
  video.chroma_location = static_cast<uint8_t>(format >> kLocationAt & kLocationMask);
  if (in.ok() && video.chroma_location > 5) in.fail(ErrorCode::corrupt, "chroma sample location above 5");
  video.quarter_turns = static_cast<uint8_t>(format >> kTurnsAt);
  if ((format & kHasPresentation) == 0) return;
  video.frame_ticks = ranged(in, 1, kMaxFrameTicks, "a number of ticks a frame");
  video.aspect_numerator = ranged(in, 1, kMaxU32, "a sample aspect's numerator");
  video.aspect_denominator = ranged(in, 1, kMaxU32, "a sample aspect's denominator");
}

void read_audio(ByteReader& in, FileHeader& header) {
  AudioInfo& audio = header.audio;
  audio.sample_rate = ranged(in, 1, kMaxU32, "a sample rate");
  audio.channels = ranged(in, 1, 255, "a channel count");
  audio.channel_mask = in.varint();
  if (in.ok() && audio.channel_mask != 0 &&
      std::popcount(audio.channel_mask) != static_cast<int>(audio.channels)) {
    in.fail(ErrorCode::corrupt, "channel mask that contradicts the channel count");
  }
  const uint8_t depth = byte_without_reserved(in, 0xE0, "audio bit depth");
  audio.bit_depth = static_cast<uint8_t>(depth + 1);
  read_quality(in, header);
  audio.block_samples = ranged(in, 1, kMaxBlock, "a block size");
  audio.priming = in.varint();
  audio.trailing = in.varint();
}

// Everything between the length byte and the CRC.
void read_fields(ByteReader& in, FileHeader& header) {
  const uint8_t flags = byte_without_reserved(in, kReserved, "flags");
  if ((flags & kKindMask) > 2) in.fail(ErrorCode::unsupported, "media kind 3");
  if (!in.ok()) return;
  header.kind = static_cast<MediaKind>(flags & kKindMask);
  if (flags & kHasFeatures) {
    header.required_features = in.varint();
    if (in.ok() && header.required_features == 0)
      in.fail(ErrorCode::corrupt, "empty mask of required features");
    if (header.required_features & ~kKnownFeatures)
      in.fail(ErrorCode::unsupported, "a required feature is unknown");
  }
  if (header.kind == MediaKind::audio && (flags & (kHasColour | kHasTile))) {
    in.fail(ErrorCode::corrupt, "picture fields in an audio header");
  }
  read_model(in, header);
  if (header.kind == MediaKind::audio) {
    read_audio(in, header);
  } else {
    read_picture(in, flags, header);
    if (header.kind == MediaKind::video) read_video(in, header.video);
  }
  if (in.ok() && !in.at_end() && header.version_minor <= kVersionMinor) {
    in.fail(ErrorCode::corrupt, "bytes after the last field");
  }
}

// Magic, version and length, which every header of this major version shares. Returns the header's length.
Result<size_t> check_frame(std::span<const uint8_t> file) {
  const size_t known = std::min(file.size(), sizeof kMagic);
  if (!std::equal(file.begin(), file.begin() + static_cast<ptrdiff_t>(known), kMagic)) {
    return error_at(ErrorCode::corrupt, 0, "not a Tessera stream: the first bytes are not TSR");
  }
  if (file.size() <= kLengthAt) {
    return error_at(ErrorCode::truncated, file.size(), "file header: it ends within its first 5 bytes");
  }
  const int major = file[3] >> 4;
  if (major == 0) return error_at(ErrorCode::corrupt, 3, "file header: format version 0");
  if (major > kVersionMajor) {
    return error_at(ErrorCode::unsupported, 3,
                    "format version " + std::to_string(major) + "." + std::to_string(file[3] & 15) +
                        "; this program reads up to version " + std::to_string(kVersionMajor));
  }
  const size_t length = file[kLengthAt];
  if (length < kMinLength) {
    return error_at(ErrorCode::corrupt, kLengthAt, "file header: length of " + std::to_string(length));
  }
  if (file.size() < length) {
    return error_at(ErrorCode::truncated, file.size(),
                    "file header: " + std::to_string(length) + " bytes needed, " +
                        std::to_string(file.size()) + " are there");
  }
  return length;
}

void write_model(ByteWriter& out, const FileHeader& header) {
  const uint8_t number = model_number(header.model_name);
  out.u8(number);
  if (number == 0) {
    out.u8(static_cast<uint8_t>(header.model_name.size()));
    for (char c : header.model_name) out.u8(static_cast<uint8_t>(c));
  }
  out.varint(header.model_revision);
  out.u64(header.model_hash);
}

void write_picture(ByteWriter& out, uint8_t flags, const FileHeader& header) {
  const PictureInfo& picture = header.picture;
  out.varint(picture.width);
  out.varint(picture.height);
  out.u8(static_cast<uint8_t>((picture.channels - 1) | (picture.bit_depth - 8) << 2));
  out.u8(header.quality);
  if (flags & kHasColour) {
    out.u8(picture.colour.primaries);
    out.u8(picture.colour.transfer);
    out.u8(picture.colour.matrix);
    out.u8(picture.colour.full_range ? 1 : 0);
  }
  if (flags & kHasTile) out.varint(picture.tile / kTileUnit);
}

void write_video(ByteWriter& out, const VideoInfo& video) {
  out.varint(video.rate_numerator);
  out.varint(video.rate_denominator);
  const bool presentation = video.frame_ticks != 1 || video.aspect_numerator != 1 || video.aspect_denominator != 1;
  out.u8(static_cast<uint8_t>(static_cast<int>(video.chroma) | video.chroma_location << kLocationAt | (presentation ? kHasPresentation : 0) |
                              video.quarter_turns << kTurnsAt));
  if (!presentation) return;
  out.varint(video.frame_ticks);
  out.varint(video.aspect_numerator);
  out.varint(video.aspect_denominator);
}

void write_audio(ByteWriter& out, const FileHeader& header) {
  const AudioInfo& audio = header.audio;
  out.varint(audio.sample_rate);
  out.varint(audio.channels);
  out.varint(audio.channel_mask);
  out.u8(static_cast<uint8_t>(audio.bit_depth - 1));
  out.u8(header.quality);
  out.varint(audio.block_samples);
  out.varint(audio.priming);
  out.varint(audio.trailing);
}

Status invalid(const char* text) {
  return {ErrorCode::invalid_argument, std::string("stream header: ") + text};
}

Status validate_picture(const PictureInfo& picture) {
  if (picture.width == 0 || picture.height == 0) return invalid("width and height have to be at least 1");
  if (!in_range(picture.channels, 1, 4)) return invalid("channels have to be 1..4");
  if (!in_range(picture.bit_depth, 8, 16)) return invalid("bit depth has to be 8..16");
  if (picture.tile % kTileUnit != 0 || picture.tile > kMaxTile) {
    return invalid("the tile side has to be a multiple of 64 up to 65536");
  }
  return {};
}

Status validate_video(const VideoInfo& video) {
  if (video.rate_numerator == 0 || video.rate_denominator == 0)
    return invalid("the frame rate has to be positive");
  if (video.chroma_location > 5) return invalid("the chroma sample location has to be 0..5");
  if (!in_range(video.frame_ticks, 1, kMaxFrameTicks)) return invalid("ticks a frame have to be 1..2^24");
  if (video.aspect_numerator == 0 || video.aspect_denominator == 0) return invalid("the sample aspect has to be positive");
  if (video.quarter_turns > 3) return invalid("quarter turns have to be 0..3");
  return {};
}

Status validate_audio(const AudioInfo& audio) {
  if (audio.sample_rate == 0) return invalid("the sample rate has to be positive");
  if (!in_range(audio.channels, 1, 255)) return invalid("audio channels have to be 1..255");
  if (audio.channel_mask != 0 && std::popcount(audio.channel_mask) != static_cast<int>(audio.channels)) {
    return invalid("the channel mask contradicts the channel count");
  }
  if (!in_range(audio.bit_depth, 1, 32)) return invalid("audio bit depth has to be 1..32");
  if (!in_range(audio.block_samples, 1, kMaxBlock)) return invalid("samples a block have to be 1..2^20");
  return {};
}

uint64_t tiles_along(uint32_t size, uint32_t tile) {
  return tile == 0 ? 1 : (uint64_t{size} + tile - 1) / tile;
}

}  // namespace

const char* media_name(MediaKind kind) {
  constexpr const char* kNames[] = {"image", "video", "audio"};
  return kNames[static_cast<int>(kind)];
}

Colour default_colour(MediaKind kind) {
  return kind == MediaKind::video ? Colour{1, 1, 1, false} : Colour{1, 13, 0, true};
}

uint64_t tile_columns(const PictureInfo& picture) { return tiles_along(picture.width, picture.tile); }
uint64_t tile_rows(const PictureInfo& picture) { return tiles_along(picture.height, picture.tile); }
uint64_t tile_count(const PictureInfo& picture) { return tile_columns(picture) * tile_rows(picture); }

namespace {

bool is_stream_of(MediaKind kind, std::span<const uint8_t> file) {
  return file.size() > kFlagsAt && std::equal(std::begin(kMagic), std::end(kMagic), file.begin()) &&
         (file[kFlagsAt] & kKindMask) == static_cast<uint8_t>(kind);
}

}  // namespace

bool is_audio_stream(std::span<const uint8_t> file) { return is_stream_of(MediaKind::audio, file); }
bool is_video_stream(std::span<const uint8_t> file) { return is_stream_of(MediaKind::video, file); }

uint64_t ticks_a_packet(const FileHeader& header) {
  return header.kind == MediaKind::audio ? header.audio.block_samples : header.video.frame_ticks;
}

Status validate(const FileHeader& header) {
  if (!is_model_name(header.model_name)) return invalid("a model name is 1..63 characters of a-z 0-9 . _ -");
  if (header.quality > kMaxQuality) return invalid("quality has to be 0..63");
  if (header.kind == MediaKind::audio) return validate_audio(header.audio);
  TESSERA_RETURN_IF_ERROR(validate_picture(header.picture));
  return header.kind == MediaKind::video ? validate_video(header.video) : Status();
}

Status check_limits(const FileHeader& header, const Limits& limits) {
  auto over = [](const std::string& what, uint64_t value, uint64_t limit) {
    return Status(ErrorCode::limit,
                  what + " of " + std::to_string(value) + ", the limit is " + std::to_string(limit));
  };
  if (header.kind == MediaKind::audio) {
    if (header.audio.channels <= limits.max_audio_channels) return {};
    return over("audio channels", header.audio.channels, limits.max_audio_channels);
  }
  const PictureInfo& picture = header.picture;
  const uint32_t longest = std::max(picture.width, picture.height);
  if (longest > limits.max_dimension) return over("picture dimension", longest, limits.max_dimension);
  const uint64_t pixels = uint64_t{picture.width} * picture.height;
  if (pixels > limits.max_pixels) return over("picture size in pixels", pixels, limits.max_pixels);
  if (tile_count(picture) > limits.max_tiles)
    return over("number of tiles", tile_count(picture), limits.max_tiles);
  return {};
}

Status write_header(ByteWriter& out, const FileHeader& header) {
  TESSERA_RETURN_IF_ERROR(validate(header));
  const bool picture = header.kind != MediaKind::audio;
  auto flags = static_cast<uint8_t>(header.kind);
  if (header.required_features != 0) flags |= kHasFeatures;
  if (picture && header.picture.colour != default_colour(header.kind)) flags |= kHasColour;
  if (picture && header.picture.tile != 0) flags |= kHasTile;

  ByteWriter bytes;
  bytes.bytes(kMagic);
  bytes.u8(kVersionMajor << 4 | kVersionMinor);
  bytes.u8(0);  // the length, set below
  bytes.u8(flags);
  if (flags & kHasFeatures) bytes.varint(header.required_features);
  write_model(bytes, header);
  if (picture) {
    write_picture(bytes, flags, header);
    if (header.kind == MediaKind::video) write_video(bytes, header.video);
  } else {
    write_audio(bytes, header);
  }
  bytes.set_u8(kLengthAt, static_cast<uint8_t>(bytes.size() + 2));  // at most 6+10+65+13+65 bytes: fits
  bytes.u16(crc16(bytes.view()));
  out.bytes(bytes.view());
  return {};
}

Result<FileHeader> parse_header(std::span<const uint8_t> file, const Limits& limits, size_t* size) {
  auto length = check_frame(file);
  if (!length) return length.status();
  const size_t fields_end = *length - 2;
  const uint16_t stored = static_cast<uint16_t>(file[fields_end] | file[fields_end + 1] << 8);
  if (crc16(file.first(fields_end)) != stored) {
    return error_at(ErrorCode::corrupt, fields_end, "file header: checksum mismatch");
  }

  FileHeader header;
  header.version_major = static_cast<uint8_t>(file[3] >> 4);
  header.version_minor = static_cast<uint8_t>(file[3] & 15);
  ByteReader in(file.first(fields_end));
  in.bytes(kLengthAt + 1);
  read_fields(in, header);
  Status status = in.status("file header");
  // The bytes are all there, as its checksum shows: fields that run out of the header contradict its length.
  if (status.code() == ErrorCode::truncated) return Status(ErrorCode::corrupt, status.message());
  TESSERA_RETURN_IF_ERROR(status);
  TESSERA_RETURN_IF_ERROR(check_limits(header, limits));
  if (size != nullptr) *size = *length;
  return header;
}

}  // namespace tessera::bitstream
