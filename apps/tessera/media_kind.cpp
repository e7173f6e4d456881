#include "apps/tessera/media_kind.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

#include "bitstream/header.h"
#include "data/audio_reader.h"
#include "data/byte_file.h"
#include "data/byte_source.h"
#include "data/packet_file.h"
#include "data/sniff.h"
#include "data/standard_input.h"
#include "data/video_reader.h"

namespace tessera::cli {
namespace {

constexpr size_t kLook = 16;  // bytes
constexpr size_t kTransportPacket = 188;

bool has(std::span<const uint8_t> bytes, size_t at, std::string_view text) {
  // char may be signed.
  const auto same = [](char c, uint8_t byte) { return static_cast<uint8_t>(c) == byte; };
  return bytes.size() >= at + text.size() && std::equal(text.begin(), text.end(), bytes.begin() + static_cast<ptrdiff_t>(at), same);
}

constexpr std::string_view kMatroska = "\x1A\x45\xDF\xA3";

bool is_matroska(std::span<const uint8_t> b) { return has(b, 0, kMatroska); }

// y4m, and containers that may also hold nothing but sound.
bool is_video(std::span<const uint8_t> b) {
  for (const std::string_view magic : {std::string_view("YUV4MPEG2"), kMatroska, std::string_view("FLV"), std::string_view("DKIF"), std::string_view("GIF8"), std::string_view("\x30\x26\xB2\x75\x8E\x66\xCF\x11")}) {
    if (has(b, 0, magic)) return true;
  }
  if (has(b, 0, "RIFF")) return has(b, 8, "AVI ");
  // ISO media; the still-picture brands are neither, and M4A says that it is sound.
  if (has(b, 4, "ftyp")) return !has(b, 8, "avi") && !has(b, 8, "hei") && !has(b, 8, "mif") && !has(b, 8, "M4A");
  // MPEG transport stream: every packet begins with the same byte.
  if (b.size() > kTransportPacket && b[0] == 0x47 && b[kTransportPacket] == 0x47) return true;
  constexpr std::string_view zeros("\0\0\1", 3);
  if (has(b, 0, zeros) && b.size() > 3 && (b[3] == 0xBA || b[3] == 0xB3)) return true;  // MPEG program and video streams
  return has(b, 4, "moov") || has(b, 4, "mdat") || has(b, 4, "wide");
}

bool is_sound(std::span<const uint8_t> b) {
  for (const std::string_view magic : {"fLaC", "OggS", "ID3", "RF64", ".snd", "caff", "wvpk", "#!AMR", "FORM"}) {
    if (has(b, 0, magic)) return true;
  }
  if (has(b, 0, "RIFF")) return has(b, 8, "WAVE");
  if (has(b, 4, "ftyp")) return has(b, 8, "M4A");
  // MPEG audio and ADTS: eleven bits of synchronisation, and a layer or version that exists.
  return b.size() >= 2 && b[0] == 0xFF && (b[1] & 0xE0) == 0xE0 && (b[1] & 0x18) != 0x08;
}

Result<std::vector<uint8_t>> first_bytes(const std::string& path, size_t look = kLook) {
  if (path == media::kStandardStream) {
    const auto bytes = media::peek_standard_input(look);
    if (!bytes) return bytes.status();
    return std::vector<uint8_t>(bytes->begin(), bytes->end());
  }
  auto source = media::ByteSource::open(path);
  if (!source) return source.status();
  std::vector<uint8_t> bytes(look);
  size_t have = 0;
  while (have < look) {
    const auto count = source->read(std::span(bytes).subspan(have));
    if (!count) return count.status();
    if (*count == 0) break;
    have += *count;
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace

std::string lower_extension(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  if (!extension.empty()) extension.erase(0, 1);
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

bool is_sound_extension(const std::string& extension) {
  constexpr std::string_view kKnown[] = {"wav", "flac", "opus", "mp4", "m4a"};
  return std::find(std::begin(kKnown), std::end(kKnown), extension) != std::end(kKnown);
}

bool is_video_extension(const std::string& extension) { return extension == "y4m" || extension == "mp4" || extension == "mkv"; }

MediaType type_of_bytes(std::span<const uint8_t> bytes, const std::string& path) {
  if (media::sniff_format(bytes)) return MediaType::picture;
  if (is_video(bytes)) return MediaType::video;
  if (is_sound(bytes)) return MediaType::sound;
  // Headerless and rare formats go by their name; FFmpeg has the last word.
  constexpr std::string_view kSound[] = {"wav", "flac", "opus", "ogg", "oga", "mp3", "m4a", "aac", "aif", "aiff", "mka", "wma", "au"};
  constexpr std::string_view kVideo[] = {"mp4", "m4v", "mkv", "webm", "mov", "avi", "ts", "m2ts", "mts", "mpg", "mpeg", "wmv", "flv", "ogv", "3gp", "gif", "h264", "h265", "hevc", "y4m", "mxf"};
  const std::string extension = lower_extension(path);
  const auto among = [&](const auto& names) { return std::find(std::begin(names), std::end(names), extension) != std::end(names); };
  return among(kSound) ? MediaType::sound : among(kVideo) ? MediaType::video : MediaType::picture;
}

Result<MediaType> type_of_input(const std::string& path) {
  const auto bytes = first_bytes(path, kTransportPacket + 1);
  if (!bytes) return bytes.status();
  const MediaType type = type_of_bytes(*bytes, path);
  if (type != MediaType::video || path == media::kStandardStream) return type;
  const auto video = media::VideoReader::open(path, {.threads = 1});
  if (video || video.status().code() != ErrorCode::unsupported) return type;
  return media::AudioReader::open(path) ? MediaType::sound : type;
}

Result<MediaType> type_of_stream(const std::string& path) {
  const auto bytes = first_bytes(path);
  if (!bytes) return bytes.status();
  if (bitstream::is_video_stream(*bytes) || is_matroska(*bytes)) return MediaType::video;
  return bitstream::is_audio_stream(*bytes) ? MediaType::sound : MediaType::picture;
}

Result<bool> is_matroska_file(const std::string& path) {
  const auto bytes = first_bytes(path);
  if (!bytes) return bytes.status();
  return is_matroska(*bytes);
}

Result<std::vector<uint8_t>> read_stream(const std::string& path) {
  const auto first = first_bytes(path);
  if (!first) return first.status();
  if (!is_matroska(*first)) return media::read_file(path);
  auto reader = media::PacketReader::open(path);
  if (!reader) return reader.status();
  std::vector<uint8_t> stream = reader->header(), packet;
  for (;;) {
    const auto got = reader->read(packet);
    if (!got) return got.status();
    if (!*got) return stream;
    stream.insert(stream.end(), packet.begin(), packet.end());
  }
}

}  // namespace tessera::cli
