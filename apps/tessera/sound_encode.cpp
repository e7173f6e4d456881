#include <vector>

#include "apps/tessera/sound.h"
#include "data/audio_reader.h"
#include "data/av_sink.h"

namespace tessera::cli {
namespace {

constexpr size_t kPiece = 1 << 15;  // frames read at a time

Status write_ready(AudioEncoder& encoder, media::av::Sink& sink) {
  while (const auto packet = encoder.receive()) {
    if (!sink.write(packet->bytes)) return sink.status();
  }
  return {};
}

AudioEncoderOptions encoder_options(const EncodeOptions& options, const media::AudioProperties& source, SoundKind kind) {
  AudioEncoderOptions result;
  const uint32_t channels = source.channels == 1 ? 1 : 2;
  result.bit_rate = options.bit_rate.value_or(0);
  result.quality = options.quality;
  // One name for both: the kind of the file says which prior.
  result.model = options.model == "bayes" ? "bayes-sound" : options.model.empty() ? choose_audio_model(channels, result.bit_rate, kind) : options.model;
  result.low_delay = options.low_delay;
  result.checksum = options.checksum;
  result.effort = options.effort;
  result.channels = result.model.starts_with("speech") || result.model == "bayes-sound" ? 1 : channels;
  result.source_bit_depth = source.bit_depth >= 1 && source.bit_depth <= 32 ? source.bit_depth : 16;
  result.weights_dir = options.common.weights_dir;
  return result;
}

}  // namespace

Result<SoundKind> kind_of(media::AudioReader& reader) {
  if (reader.source().channels != 1) return SoundKind::unknown;
  const auto samples = reader.preview(10, {kSoundKindRate, 1});
  if (!samples) return samples.status();
  return sound_kind(*samples);
}

Status encode_sound(const Job& job, const EncodeOptions& options, const Progress& progress, Outcome& outcome) {
  if (options.common.device != Device::cpu) return {ErrorCode::device, "sound is coded on the CPU only"};
  if (options.bpp) return {ErrorCode::invalid_argument, "sound takes --bitrate, not --bpp"};
  auto reader = media::AudioReader::open(job.input);
  if (!reader) return reader.status();
  SoundKind kind = SoundKind::unknown;
  if (options.model.empty() && !options.low_delay) {  // who wants low delay does not wait for ten seconds
    const auto found = kind_of(*reader);
    if (!found) return found.status();
    kind = *found;
  }
  auto encoder = AudioEncoder::create(encoder_options(options, reader->source(), kind));
  if (!encoder) return encoder.status();
  TESSERA_RETURN_IF_ERROR(reader->ask({encoder->sample_rate(), encoder->channels()}));
  auto sink = media::av::Sink::open(job.output);
  if (!sink) return sink.status();
  if (!(*sink)->write(encoder->header())) return (*sink)->status();

  const double total = reader->duration().value_or(0) * encoder->sample_rate();
  std::vector<float> samples(kPiece * encoder->channels());
  for (;;) {
    const auto count = reader->read(samples);
    if (!count) return count.status();
    if (*count == 0) break;
    TESSERA_RETURN_IF_ERROR(encoder->send({std::span(samples).first(*count * encoder->channels()), encoder->channels(), encoder->sample_rate()}));
    TESSERA_RETURN_IF_ERROR(write_ready(*encoder, **sink));
    const double done = total > 0 ? static_cast<double>(encoder->report().samples) / total : 0;
    if (progress && !progress(std::min(1.0, done))) return {ErrorCode::cancelled, "cancelled"};
  }
  TESSERA_RETURN_IF_ERROR(encoder->flush());
  TESSERA_RETURN_IF_ERROR(write_ready(*encoder, **sink));
  TESSERA_RETURN_IF_ERROR((*sink)->finish());

  const AudioReport& report = encoder->report();
  outcome.stream_bytes = report.bytes;
  outcome.duration = static_cast<double>(report.samples) / encoder->sample_rate();
  outcome.note = fmt::format("{} Hz, {} channel{}", encoder->sample_rate(), encoder->channels(), encoder->channels() == 1 ? "" : "s");
  if (report.levels > 0) outcome.note += fmt::format(", {:.2f} levels", report.levels);
  if (reader->damaged_packets() > 0) outcome.note += fmt::format(", {} damaged packets of the input left out", reader->damaged_packets());
  return {};
}

}  // namespace tessera::cli
