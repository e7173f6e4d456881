#include "apps/tessera/media_kind.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

#include "bitstream/header.h"
#include "data/byte_file.h"
#include "data/byte_source.h"
#include "data/sniff.h"
#include "data/standard_input.h"

namespace tessera::cli {
namespace {

constexpr size_t kLook = 16;  // bytes

bool has(std::span<const uint8_t> bytes, size_t at, std::string_view text) {
  return bytes.size() >= at + text.size() && std::equal(text.begin(), text.end(), bytes.begin() + static_cast<ptrdiff_t>(at));
}

bool is_sound(std::span<const uint8_t> b) {
  for (const std::string_view magic : {"fLaC", "OggS", "ID3", "RF64", ".snd", "caff", "wvpk", "#!AMR", "\x1A\x45\xDF\xA3", "FORM"}) {
    if (has(b, 0, magic)) return true;
  }
  if (has(b, 0, "RIFF")) return has(b, 8, "WAVE") || has(b, 8, "AVI ");
  // ISO media; the still-picture brands are not sound.
  if (has(b, 4, "ftyp")) return !has(b, 8, "avi") && !has(b, 8, "hei") && !has(b, 8, "mif");
  // MPEG audio and ADTS: eleven bits of synchronisation, and a layer or version that exists.
  return b.size() >= 2 && b[0] == 0xFF && (b[1] & 0xE0) == 0xE0 && (b[1] & 0x18) != 0x08;
}

Result<std::vector<uint8_t>> first_bytes(const std::string& path) {
  if (path == media::kStandardStream) {
    const auto bytes = media::peek_standard_input(kLook);
    if (!bytes) return bytes.status();
    return std::vector<uint8_t>(bytes->begin(), bytes->end());
  }
  auto source = media::ByteSource::open(path);
  if (!source) return source.status();
  std::vector<uint8_t> bytes(kLook);
  size_t have = 0;
  while (have < kLook) {
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

MediaType type_of_bytes(std::span<const uint8_t> bytes, const std::string& path) {
  if (media::sniff_format(bytes)) return MediaType::picture;
  if (is_sound(bytes)) return MediaType::sound;
  // Headerless and rare formats go by their name; FFmpeg has the last word.
  constexpr std::string_view kNames[] = {"wav", "flac", "opus", "ogg", "oga", "mp3", "m4a", "mp4", "aac", "aif", "aiff", "mka", "mkv", "webm", "wma", "au"};
  return std::find(std::begin(kNames), std::end(kNames), lower_extension(path)) != std::end(kNames) ? MediaType::sound : MediaType::picture;
}

Result<MediaType> type_of_input(const std::string& path) {
  const auto bytes = first_bytes(path);
  if (!bytes) return bytes.status();
  return type_of_bytes(*bytes, path);
}

Result<MediaType> type_of_stream(const std::string& path) {
  const auto bytes = first_bytes(path);
  if (!bytes) return bytes.status();
  return bitstream::is_audio_stream(*bytes) ? MediaType::sound : MediaType::picture;
}

}  // namespace tessera::cli
