// `tessera decode`: streams in, pictures, sound or video out.
#include <filesystem>
#include <optional>

#include "apps/tessera/batch.h"
#include "apps/tessera/convert.h"
#include "apps/tessera/media_kind.h"
#include "apps/tessera/sound.h"
#include "apps/tessera/video.h"
#include "data/byte_file.h"
#include "data/picture_io.h"

namespace tessera::cli {
namespace {

DecoderOptions decoder_options(const DecodeOptions& options, int threads, Progress progress) {
  DecoderOptions result;
  result.device = options.common.device;
  result.threads = threads;
  result.limits.max_pixels = options.max_pixels;
  result.limits.max_memory = options.max_memory_mib << 20;
  result.limits.max_seconds = options.max_seconds;
  result.weights_dir = options.common.weights_dir;
  result.progress = std::move(progress);
  return result;
}

// One thread's decoder: made at the first stream that could be read, then kept.
class DecodeWorker {
 public:
  DecodeWorker(const DecodeOptions& options, int threads, Progress progress)
      : options_(options), decoder_options_(decoder_options(options, threads, std::move(progress))) {}

  Status operator()(const Job& job, Outcome& outcome) {
    TESSERA_RETURN_IF_ERROR(check_output(job.output, options_.output.keep_existing));
    const auto type = type_of_stream(job.input);
    if (!type) return type.status();
    if (*type == MediaType::sound) return decode_sound(job, options_, decoder_options_.progress, outcome);
    if (*type == MediaType::video) return decode_video(job, options_, decoder_options_.threads, decoder_options_.progress, outcome);
    auto stream = media::read_file(job.input);
    if (!stream) return stream.status();
    if (!decoder_) {
      auto created = ImageDecoder::create(decoder_options_);
      if (!created) return created.status();
      decoder_.emplace(std::move(*created));
    }
    auto image = decoder_->decode(*stream);
    if (!image) return image.status();
    outcome.stream_bytes = stream->size();
    outcome.pixels = uint64_t{image->width} * image->height;
    outcome.note = fmt::format("{}x{}", image->width, image->height);
    return media::write_picture(job.output, picture_of(std::move(*image)), format_for(job.output));
  }

 private:
  std::optional<media::PictureFormat> format_for(const std::string& output) const {
    if (!options_.format.empty()) return media::format_of_name(options_.format);
    const auto format = media::format_of_name(output);
    // A standard stream or a device has no extension.
    return format || (output != "-" && output.rfind("/dev/", 0) != 0) ? format : media::PictureFormat::png;
  }

  const DecodeOptions& options_;
  DecoderOptions decoder_options_;
  std::optional<ImageDecoder> decoder_;
};

}  // namespace

int decode_command(const DecodeOptions& options) {
  const std::string extension = options.format.empty() ? "png" : options.format;
  auto jobs = plan_jobs(options.common.files, options.output.out_dir, extension, Direction::decode);
  if (!jobs) return fail_usage(jobs.status());
  if (const Status status = adopt_pipes(*jobs); !status.ok()) return fail_usage(status);
  for (Job& job : *jobs) {
    // The name that was given to an output presumes a picture, as long as nobody named one.
    const bool own_name = !options.output.out_dir.empty() || options.common.files.size() == 1;
    if (own_name && options.format.empty() && job.output != "-") {
      const auto type = type_of_stream(job.input);
      const char* own = type && *type == MediaType::sound ? "wav" : type && *type == MediaType::video ? "mp4" : nullptr;
      if (own != nullptr) job.output = std::filesystem::path(job.output).replace_extension(own).string();
    }
    // photo.tsr lies beside the photo.png that it was made from as often as not: what nobody named is not lost without asking.
    std::error_code error;
    if (options.output.out_dir.empty() && options.common.files.size() == 1 && job.output != "-" && !options.output.overwrite && std::filesystem::exists(job.output, error)) {
      return fail({ErrorCode::io, job.output + ": exists, and may be what the stream was made from; name the output, or overwrite it by -y"});
    }
    // Known before any work: the extension of an output that the user named.
    const bool special = job.output == "-" || job.output.rfind("/dev/", 0) == 0;
    if (options.format.empty() && !special && !media::format_of_name(job.output) && !is_sound_extension(lower_extension(job.output)) &&
        !is_video_extension(lower_extension(job.output))) {
      return fail({ErrorCode::invalid_argument,
                   job.output + ": the extension is none of png, jpg, webp, tif, ppm, pgm, bmp, wav, flac, opus, mp4, m4a, y4m, mkv"}),
             kExitUsage;
    }
  }
  if (const Status status = prepare_folder(options.output.out_dir); !status.ok()) return fail(status);
  return run_batch(*jobs, options.common, [&](int threads, Progress progress) {
    return DecodeWorker(options, threads, std::move(progress));
  });
}

}  // namespace tessera::cli
