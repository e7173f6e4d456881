#include "data/audio_writer.h"

#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "data/av_extension.h"
#include "data/av_sound_encoder.h"
#include "data/byte_file.h"

namespace tessera::media {
namespace {

struct Target {
  const char* muxer;
  av::SoundTarget sound;
};

std::optional<Target> target_of(const std::string& path, AudioSampleType type) {
  const std::string extension = path == kStandardStream ? "wav" : av::extension_of(path);
  const bool deep = type != AudioSampleType::pcm16;
  if (extension == "wav") {
    if (type == AudioSampleType::float32) return Target{"wav", {"pcm_f32le", AV_SAMPLE_FMT_FLT, 0, 0}};
    if (deep) return Target{"wav", {"pcm_s24le", AV_SAMPLE_FMT_S32, 24, 0}};
    return Target{"wav", {"pcm_s16le", AV_SAMPLE_FMT_S16, 16, 0}};
  }
  if (extension == "flac") {
    return Target{"flac", {"flac", deep ? AV_SAMPLE_FMT_S32 : AV_SAMPLE_FMT_S16, deep ? 24 : 16, 0}};
  }
  if (extension == "opus") return Target{"opus", {"libopus", AV_SAMPLE_FMT_FLT, 0, 64000, true}};
  if (extension == "mp4" || extension == "m4a") return Target{"mp4", {"aac", AV_SAMPLE_FMT_FLTP, 0, 96000}};
  return {};
}

}  // namespace

struct AudioWriter::State {
  std::shared_ptr<av::Muxer> muxer;
  std::unique_ptr<av::SoundEncoder> sound;
  bool finished = false;
};

Result<AudioWriter> AudioWriter::open(const std::string& path, const AudioWriterOptions& options) {
  const auto target = target_of(path, options.type);
  if (!target) {
    return {ErrorCode::invalid_argument,
            path + ": the extension is none of .wav, .flac, .opus, .mp4 and .m4a"};
  }
  auto state = std::make_unique<State>();
  auto muxer = av::Muxer::create(path, target->muxer);
  if (!muxer) return muxer.status();
  state->muxer = std::move(*muxer);
  auto sound = av::SoundEncoder::create(state->muxer, target->sound, {options.sample_rate, options.channels, options.channel_mask, options.bit_rate});
  if (!sound) return sound.status();
  state->sound = std::move(*sound);
  av::Dictionary muxer_options;
  if (state->muxer->seekable() && std::strcmp(target->muxer, "wav") == 0) muxer_options.set("rf64", "auto");
  if (std::strcmp(target->muxer, "mp4") == 0) {
    // The length is counted in these units; FFmpeg's default of 1 ms would cut or pad.
    muxer_options.set("movie_timescale", std::to_string(state->sound->sample_rate()).c_str());
    if (!state->muxer->seekable()) muxer_options.set("movflags", "frag_keyframe+empty_moov");
  }
  TESSERA_RETURN_IF_ERROR(state->muxer->write_header(muxer_options));
  return AudioWriter(std::move(state));
}

Status AudioWriter::write(std::span<const float> samples) {
  if (state_->finished) return {ErrorCode::invalid_argument, "the audio file is finished"};
  return state_->sound->write(samples);
}

Status AudioWriter::finish() {
  if (state_->finished) return {ErrorCode::invalid_argument, "the audio file is finished"};
  state_->finished = true;
  TESSERA_RETURN_IF_ERROR(state_->sound->drain());
  return state_->muxer->finish();
}

uint64_t AudioWriter::clipped_samples() const { return state_->sound->clipped_samples(); }
uint64_t AudioWriter::replaced_samples() const { return state_->sound->replaced_samples(); }

AudioWriter::AudioWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
AudioWriter::AudioWriter(AudioWriter&&) noexcept = default;
AudioWriter& AudioWriter::operator=(AudioWriter&&) noexcept = default;
AudioWriter::~AudioWriter() = default;

}  // namespace tessera::media
