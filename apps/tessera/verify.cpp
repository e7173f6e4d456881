// `tessera verify`: decodes the symbols and proves that they are what the encoder meant.
#include <fmt/format.h>

#include "apps/tessera/exit_codes.h"
#include "apps/tessera/jobs.h"
#include "apps/tessera/media_kind.h"
#include "apps/tessera/message.h"
#include "apps/tessera/options.h"
#include "apps/tessera/sound.h"
#include "apps/tessera/video.h"
#include "bitstream/header.h"

namespace tessera::cli {
namespace {

Status verify_file(const std::string& file, const Common& options, ImageDecoder& decoder) {
  auto stream = read_stream(file);
  if (!stream) return stream.status();
  if (bitstream::is_audio_stream(*stream)) {
    AudioReport sound;
    TESSERA_RETURN_IF_ERROR(check_sound(*stream, options.weights_dir, sound));
    if (!options.quiet) {
      say(stdout, "{}: {} symbols, checksum {:08x}, {} of {} packets store one to compare with\n", file, sound.indices,
                 sound.symbol_checksum, sound.checked, sound.packets);
    }
    return {};
  }
  if (bitstream::is_video_stream(*stream)) {
    VideoReport video;
    TESSERA_RETURN_IF_ERROR(check_video(*stream, options, video));
    if (!options.quiet) {
      say(stdout, "{}: {} symbols, checksum {:08x}, {} of {} packets store one to compare with\n", file, video.symbols_coded, video.symbol_checksum,
                 video.checked, video.frames);
    }
    return {};
  }
  Report report;
  TESSERA_RETURN_IF_ERROR(decoder.verify(*stream, &report));
  auto info = inspect(*stream, options.weights_dir);
  if (!info) return info.status();
  if (!options.quiet) {
    say(stdout, "{}: {} symbols, checksum {:08x}{}\n", file, report.symbols_coded, report.symbol_checksum,
               info->stored_checksum ? ", as stored" : "; the stream stores none to compare with");
  }
  return {};
}

}  // namespace

int verify_command(const Common& options) {
  DecoderOptions decoder_options;
  decoder_options.device = options.device;
  decoder_options.threads = options.threads;
  decoder_options.weights_dir = options.weights_dir;
  auto decoder = ImageDecoder::create(decoder_options);
  if (!decoder) return fail(decoder.status());
  int code = kExitOk;
  std::vector<std::string> files = options.files;
  if (const Status status = adopt_pipes(files); !status.ok()) return fail_usage(status);
  for (const std::string& file : files) {
    const Status status = named(file, verify_file(file, options, *decoder));
    if (status.ok()) continue;
    const int failed = fail(status);
    if (code == kExitOk) code = failed;
  }
  return code;
}

}  // namespace tessera::cli
