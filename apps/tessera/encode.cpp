// `tessera encode`: pictures, sound or video in, streams out.
#include <algorithm>
#include <memory>
#include <optional>

#include "apps/tessera/batch.h"
#include "apps/tessera/convert.h"
#include "apps/tessera/interrupt.h"
#include "apps/tessera/media_kind.h"
#include "apps/tessera/model_media.h"
#include "apps/tessera/sound.h"
#include "apps/tessera/video.h"
#include "data/byte_file.h"
#include "data/picture_io.h"

namespace tessera::cli {
namespace {

EncoderOptions encoder_options(const EncodeOptions& options, int threads, Progress progress) {
  EncoderOptions result;
  if (!options.model.empty()) result.model = options.model;
  result.quality = options.quality;
  result.bpp = options.bpp;
  result.device = options.common.device;
  result.threads = threads;
  result.effort = options.effort;
  result.fit_front = options.front;
  result.checksum = options.checksum;
  result.tile = options.tile;
  result.weights_dir = options.common.weights_dir;
  result.progress = std::move(progress);
  return result;
}

// What was asked for and cannot be had.
std::string limit_note(const std::optional<double>& asked, double got, int quality) {
  if (asked && quality == 0 && got > 1.05 * *asked) return ", the smallest that the model can";
  if (asked && quality == 63 && got < 0.95 * *asked) return ", the best that the model can";
  return "";
}

// One thread's encoder: made at the first picture that could be read, then kept.
class EncodeWorker {
 public:
  EncodeWorker(const EncodeOptions& options, int threads, Progress progress, Note note)
      : options_(options), encoder_options_(encoder_options(options, threads, std::move(progress))), note_(std::move(note)) {
    encoder_options_.fit_watch = [note = note_](const FitState& state) {
      note(fmt::format("{:.3f} bpp  {:.2f} dB", state.bpp, state.psnr));
      return !interrupted();
    };
  }

  Status operator()(const Job& job, Outcome& outcome) {
    if (interrupted()) return {ErrorCode::cancelled, "not begun: interrupted"};
    TESSERA_RETURN_IF_ERROR(check_output(job.output, options_.output.keep_existing));
    const auto type = type_of_input(job.input);
    if (!type) return type.status();
    const MediaType kind = *type == MediaType::video && is_sound_model(options_.model) ? MediaType::sound : *type;
    if (kind != MediaType::video && is_matroska_stream(job.output)) {
      return {ErrorCode::invalid_argument, job.output + ": Matroska holds video only; the output has to be a .tsr file"};
    }
    return explained(encode(job, kind, outcome), kind, options_.model, options_.common.weights_dir);
  }

 private:
  Status encode(const Job& job, MediaType kind, Outcome& outcome) {
    if (kind == MediaType::video) {
      return encode_video(job, options_, encoder_options_.threads, encoder_options_.progress, note_, outcome);
    }
    if (kind != MediaType::picture) return encode_sound(job, options_, encoder_options_.progress, outcome);
    if (options_.bit_rate || options_.low_delay) {
      return {ErrorCode::invalid_argument, "--bitrate and --low-delay are for sound and video; a picture takes --quality or --bpp"};
    }
    auto picture = media::read_picture(job.input);
    if (!picture) return picture.status();
    if (!encoder_) {
      auto created = ImageEncoder::create(encoder_options_);
      if (!created) return created.status();
      encoder_.emplace(std::move(*created));
    }
    Report report;
    auto stream = encoder_->encode(view_of(*picture), metadata_of(*picture), &report);
    if (!stream) return stream.status();
    outcome.stream_bytes = stream->size();
    outcome.pixels = uint64_t{picture->width} * picture->height;
    const int quality = options_.bpp ? report.quality : options_.quality;
    outcome.note = fmt::format("{}x{}, quality {}{}{}", picture->width, picture->height, quality,
                               limit_note(options_.bpp, bits_per_pixel(outcome.stream_bytes, outcome.pixels), quality),
                               interrupted() ? ", ended by an interruption" : "");
    return media::write_file(job.output, *stream);
  }

  // Asked for by name: of a video file the sound alone is wanted.
  static bool is_sound_model(const std::string& name) { return name.starts_with("speech") || name.starts_with("sound") || name.starts_with("bayes"); }

  const EncodeOptions& options_;
  EncoderOptions encoder_options_;
  Note note_;
  std::optional<ImageEncoder> encoder_;
};

}  // namespace

int encode_command(const EncodeOptions& options) {
  auto jobs = plan_jobs(options.common.files, options.output.out_dir, "tsr", Direction::encode);
  if (!jobs) return fail_usage(jobs.status());
  if (const Status status = adopt_pipes(*jobs); !status.ok()) return fail_usage(status);
  if (const Status status = prepare_folder(options.output.out_dir); !status.ok()) return fail(status);
  // Training may take an hour: the first interruption ends it, and what there is becomes the stream. Sound is fitted without asking.
  const auto is_picture = [](const Job& job) {
    const auto type = type_of_input(job.input);
    return type && *type == MediaType::picture;
  };
  std::optional<InterruptGuard> guard;
  if (options.model.starts_with("overfit") || (options.model == "bayes" && std::any_of(jobs->begin(), jobs->end(), is_picture))) guard.emplace();
  return run_batch(*jobs, options.common, [&](int threads, Progress progress, Note note) {
    return EncodeWorker(options, threads, std::move(progress), std::move(note));
  });
}

}  // namespace tessera::cli
