// `tessera info`: what a stream says about itself.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "apps/tessera/exit_codes.h"
#include "apps/tessera/jobs.h"
#include "apps/tessera/media_kind.h"
#include "apps/tessera/message.h"
#include "apps/tessera/options.h"
#include "apps/tessera/sound.h"
#include "apps/tessera/video.h"

namespace tessera::cli {
namespace {

std::string hex(uint64_t value, int digits) { return fmt::format("{:0{}x}", value, digits); }

void add_video(nlohmann::ordered_json& json, const StreamInfo& info) {
  json["width"] = info.width;
  json["height"] = info.height;
  json["bit_depth"] = info.bit_depth;
  json["colour"] = {{"primaries", info.colour.primaries},
                    {"transfer", info.colour.transfer},
                    {"matrix", info.colour.matrix},
                    {"full_range", info.colour.full_range}};
  json["aspect"] = {info.aspect_numerator, info.aspect_denominator};
  json["rotation"] = info.rotation;
  json["frames"] = info.frames;
  json["key_frames"] = info.key_frames;
  json["frame_rate"] = info.frame_rate;
  if (!info.sound.empty()) json["sound"] = info.sound;
  json["seconds"] = info.seconds;
  json["quality"] = info.quality;
  json["bit_rate"] = info.bit_rate;
  json["decode_kmac_per_pixel"] = info.decode_kmac_per_pixel;
  json["predicted_memory"] = info.predicted_memory;
}

void add_picture(nlohmann::ordered_json& json, const StreamInfo& info) {
  json["width"] = info.width;
  json["height"] = info.height;
  json["channels"] = info.channels;
  json["bit_depth"] = info.bit_depth;
  json["colour"] = {{"primaries", info.colour.primaries},
                    {"transfer", info.colour.transfer},
                    {"matrix", info.colour.matrix},
                    {"full_range", info.colour.full_range}};
  json["quality"] = info.quality;
  json["tiles"] = info.tiles;
  json["tile_size"] = info.tile_size;
  const uint64_t pixels = uint64_t{info.width} * info.height;
  if (pixels > 0) json["bpp"] = 8.0 * static_cast<double>(info.file_bytes) / static_cast<double>(pixels);
  json["decode_kmac_per_pixel"] = info.decode_kmac_per_pixel;
  json["predicted_memory"] = info.predicted_memory;
}

double seconds_of(const StreamInfo& info) { return static_cast<double>(info.samples) / std::max(1u, info.sample_rate); }

void add_sound(nlohmann::ordered_json& json, const StreamInfo& info) {
  json["sample_rate"] = info.sample_rate;
  json["channels"] = info.channels;
  json["bit_depth"] = info.bit_depth;
  json["samples"] = info.samples;
  json["seconds"] = seconds_of(info);
  json["block_samples"] = info.block_samples;
  json["bit_rate"] = info.bit_rate;
  json["decode_mmac_per_second"] = info.decode_mmac_per_second;
  json["predicted_memory"] = info.predicted_memory;
}

nlohmann::ordered_json to_json(const std::string& file, const StreamInfo& info,
                               std::optional<uint32_t> decoded) {
  nlohmann::ordered_json json;
  json["file"] = file;
  json["version"] = fmt::format("{}.{}", info.version_major, info.version_minor);
  json["media"] = info.media;
  if (info.media == "audio") {
    add_sound(json, info);
  } else if (info.media == "video") {
    add_video(json, info);
  } else {
    add_picture(json, info);
  }
  json["model"] = {{"name", info.model},
                   {"revision", info.model_revision},
                   {"hash", hex(info.model_hash, 16)},
                   {"available", info.model_available}};
  json["packets"] = info.packets;
  json["bytes"] = info.file_bytes;
  for (const SectionSize& section : info.sections) json["sections"][section.name] = section.bytes;
  json["checksum"] = info.stored_checksum ? nlohmann::json(hex(*info.stored_checksum, 8)) : nlohmann::json();
  if (decoded) json["decoded_checksum"] = hex(*decoded, 8);
  return json;
}

void print_text(const std::string& file, const StreamInfo& info, std::optional<uint32_t> decoded) {
  const auto line = [](const char* name, const std::string& value) {
    say(stdout, "  {:<12} {}\n", name, value);
  };
  const double pixels = static_cast<double>(uint64_t{info.width} * info.height);
  say(stdout, "{}\n", file);
  line("format", fmt::format("TSR {}.{}, {}", info.version_major, info.version_minor, info.media));
  if (info.media == "audio") {
    line("sound", fmt::format("{} Hz, {} channel{}, {:.3f} s, {} samples", info.sample_rate, info.channels, info.channels == 1 ? "" : "s",
                              seconds_of(info), info.samples));
  } else if (info.media == "video") {
    line("size", fmt::format("{}x{}, 4:2:0, {} bits{}{}", info.width, info.height, info.bit_depth,
                             info.aspect_numerator == info.aspect_denominator ? "" : fmt::format(", samples {}:{}", info.aspect_numerator, info.aspect_denominator),
                             info.rotation == 0 ? "" : fmt::format(", to be turned by {} degrees", info.rotation)));
    line("frames", fmt::format("{}, {} key, {:.3f} a second, {:.3f} s", info.frames, info.key_frames, info.frame_rate, info.seconds));
    if (!info.sound.empty()) line("sound", info.sound);
    line("colour", fmt::format("primaries {}, transfer {}, matrix {}, {} range", info.colour.primaries, info.colour.transfer,
                               info.colour.matrix, info.colour.full_range ? "full" : "limited"));
    line("quality", std::to_string(info.quality));
  } else {
    line("size", fmt::format("{}x{}, {} channel{}, {} bits", info.width, info.height, info.channels, info.channels == 1 ? "" : "s", info.bit_depth));
    line("colour", fmt::format("primaries {}, transfer {}, matrix {}, {} range", info.colour.primaries, info.colour.transfer,
                               info.colour.matrix, info.colour.full_range ? "full" : "limited"));
    line("quality", std::to_string(info.quality));
  }
  line("model", fmt::format("{} revision {}, hash {}{}", info.model, info.model_revision,
                            hex(info.model_hash, 16), info.model_available ? "" : " (not installed)"));
  if (info.media == "audio") {
    line("packets", fmt::format("{} of {:.0f} ms", info.packets, 1e3 * info.block_samples / std::max(1u, info.sample_rate)));
    line("bytes", fmt::format("{} ({:.3f} kbit/s)", info.file_bytes, info.bit_rate / 1e3));
  } else if (info.media == "video") {
    line("bytes", fmt::format("{} ({:.1f} kbit/s, {:.4f} bpp)", info.file_bytes, info.bit_rate / 1e3,
                              8.0 * static_cast<double>(info.file_bytes) / (pixels * static_cast<double>(std::max<uint64_t>(1, info.frames)))));
  } else {
    line("packets", info.tiles > 1 ? fmt::format("{} ({} tiles of {} pixels)", info.packets, info.tiles, info.tile_size)
                                   : std::to_string(info.packets));
    line("bytes", pixels > 0 ? fmt::format("{} ({:.4f} bpp)", info.file_bytes, 8.0 * static_cast<double>(info.file_bytes) / pixels)
                             : std::to_string(info.file_bytes));
  }
  for (const SectionSize& section : info.sections) {
    line("", fmt::format("{:<14} {:>10}  {:5.1f} %", section.name, section.bytes,
                         100.0 * static_cast<double>(section.bytes) /
                             static_cast<double>(std::max<uint64_t>(1, info.file_bytes))));
  }
  if (info.model_available) {
    line("decoding", info.media == "audio"
                         ? fmt::format("{:.1f} million multiply-adds a second", info.decode_mmac_per_second)
                         : fmt::format("{:.1f} kMAC/pixel, {} MiB", info.decode_kmac_per_pixel, info.predicted_memory >> 20));
  }
  if (info.media == "image") line("checksum", info.stored_checksum ? hex(*info.stored_checksum, 8) : "none stored");
  if (decoded && info.media != "image") line("decoded", hex(*decoded, 8));
  if (decoded && info.media == "image") line("decoded", hex(*decoded, 8) + (info.stored_checksum ? ", as stored" : ""));
}

// Prints into `list` with --json, otherwise on standard output.
Status info_of(const std::string& file, const InfoOptions& options, nlohmann::ordered_json& list) {
  auto stream = read_stream(file);
  if (!stream) return stream.status();
  auto info = inspect(*stream, options.common.weights_dir);
  if (!info) return info.status();
  std::optional<uint32_t> decoded;
  if (options.check && info->media == "audio") {
    AudioReport report;
    TESSERA_RETURN_IF_ERROR(check_sound(*stream, options.common.weights_dir, report));
    decoded = report.symbol_checksum;
  } else if (options.check && info->media == "video") {
    VideoReport report;
    TESSERA_RETURN_IF_ERROR(check_video(*stream, options.common, report));
    decoded = report.symbol_checksum;
  } else if (options.check) {
    DecoderOptions decoder_options;
    decoder_options.device = options.common.device;
    decoder_options.threads = options.common.threads;
    decoder_options.weights_dir = options.common.weights_dir;
    auto decoder = ImageDecoder::create(decoder_options);
    if (!decoder) return decoder.status();
    Report report;
    TESSERA_RETURN_IF_ERROR(decoder->verify(*stream, &report));
    decoded = report.symbol_checksum;
  }
  if (options.common.json) {
    list.push_back(to_json(file, *info, decoded));
  } else {
    print_text(file, *info, decoded);
  }
  return {};
}

}  // namespace

int info_command(const InfoOptions& options) {
  int code = kExitOk;
  auto list = nlohmann::ordered_json::array();
  std::vector<std::string> files = options.common.files;
  if (const Status status = adopt_pipes(files); !status.ok()) return fail_usage(status);
  for (const std::string& file : files) {
    const Status status = named(file, info_of(file, options, list));
    if (status.ok()) continue;
    const int failed = fail(status);
    if (code == kExitOk) code = failed;
  }
  // One file gives an object, several a list.
  if (options.common.json && !list.empty()) {
    say(stdout, "{}\n", (files.size() == 1 ? list[0] : list)
                           .dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return code;
}

}  // namespace tessera::cli
