#include "data/audio_writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "data/audio_resampler.h"
#include "data/av_encoder.h"
#include "data/av_extension.h"
#include "data/byte_file.h"

namespace tessera::media {
namespace {

constexpr uint32_t kMaxRate = 655350;  // FLAC's bound
constexpr int kFreeFrameSize = 4096;   // frames a block where the codec does not care

struct Target {
  const char* muxer;
  const char* codec;
  AVSampleFormat format;
  int bits;               // kept of an integer sample
  uint32_t channel_rate;  // default bit rate of a channel; 0: not a lossy codec
};

std::optional<Target> target_of(const std::string& path, AudioSampleType type) {
  const std::string extension = path == kStandardStream ? "wav" : av::extension_of(path);
  const bool deep = type != AudioSampleType::pcm16;
  if (extension == "wav") {
    if (type == AudioSampleType::float32) return Target{"wav", "pcm_f32le", AV_SAMPLE_FMT_FLT, 0, 0};
    if (deep) return Target{"wav", "pcm_s24le", AV_SAMPLE_FMT_S32, 24, 0};
    return Target{"wav", "pcm_s16le", AV_SAMPLE_FMT_S16, 16, 0};
  }
  if (extension == "flac") {
    return Target{"flac", "flac", deep ? AV_SAMPLE_FMT_S32 : AV_SAMPLE_FMT_S16, deep ? 24 : 16, 0};
  }
  if (extension == "opus") return Target{"opus", "libopus", AV_SAMPLE_FMT_FLT, 0, 64000};
  if (extension == "mp4" || extension == "m4a") {
    return Target{"mp4", "aac", AV_SAMPLE_FMT_FLTP, 0, 96000};
  }
  return {};
}

// The codec's lowest rate that is not below `rate`, or its highest.
int nearest_rate(const AVCodec* codec, int rate) {
  if (codec->supported_samplerates == nullptr) return rate;
  int above = 0, highest = 0;
  for (const int* r = codec->supported_samplerates; *r != 0; ++r) {
    highest = std::max(highest, *r);
    if (*r >= rate && (above == 0 || *r < above)) above = *r;
  }
  return above != 0 ? above : highest;
}

// Opus in Ogg knows only Vorbis' layouts (RFC 7845, 5.1.1.2), as WAVE_FORMAT_EXTENSIBLE's bits.
constexpr std::array<uint64_t, 9> kOpusMasks = {0, 0x4, 0x3, 0x7, 0x33, 0x37, 0x3f, 0x70f, 0x63f};

int32_t quantised(float value, int bits) {
  const double scale = static_cast<double>(int64_t{1} << (bits - 1));
  return static_cast<int32_t>(std::clamp(std::nearbyint(value * scale), -scale, scale - 1));
}

}  // namespace

struct AudioWriter::State {
  AudioWriterOptions options;
  Target target{};
  std::unique_ptr<av::Encoder> encoder;
  av::ChannelLayout layout, target_layout;  // of what is given, of the file
  av::Resampler resampler;                  // open only where the codec lacks the rate or the layout
  av::Frame frame;
  int frame_size = kFreeFrameSize;
  std::vector<float> cleaned, waiting;  // `waiting`: less than a frame between two calls
  int64_t position = 0;                 // frames sent, at the codec's rate
  uint64_t clipped = 0, replaced = 0;
  bool finished = false;

  void clean(std::span<const float> samples) {
    cleaned.assign(samples.begin(), samples.end());
    const bool unbounded = target.format == AV_SAMPLE_FMT_FLT && target.channel_rate == 0;
    for (float& sample : cleaned) {
      if (!std::isfinite(sample)) {
        sample = 0;
        ++replaced;
      } else if (!unbounded && std::abs(sample) > 1.0f) {
        sample = std::clamp(sample, -1.0f, 1.0f);
        ++clipped;
      }
    }
  }

  void fill(const float* samples, int frames) {
    const int channels = layout.channels();
    const int count = frames * channels;
    uint8_t* const first = frame->data[0];
    switch (target.format) {
      case AV_SAMPLE_FMT_S16:
        for (int i = 0; i < count; ++i) {
          reinterpret_cast<int16_t*>(first)[i] = static_cast<int16_t>(quantised(samples[i], target.bits));
        }
        break;
      case AV_SAMPLE_FMT_S32:  // FFmpeg wants the bits at the top
        for (int i = 0; i < count; ++i) {
          reinterpret_cast<int32_t*>(first)[i] =
              quantised(samples[i], target.bits) * (1 << (32 - target.bits));
        }
        break;
      case AV_SAMPLE_FMT_FLTP:
        for (int c = 0; c < channels; ++c) {
          float* plane = reinterpret_cast<float*>(frame->extended_data[c]);
          for (int i = 0; i < frames; ++i) plane[i] = samples[i * channels + c];
        }
        break;
      default:
        std::memcpy(first, samples, static_cast<size_t>(count) * sizeof(float));
    }
  }

  Status send(const float* samples, int frames) {
    const AVCodecContext* codec = encoder->codec();
    av_frame_unref(frame.get());
    frame->format = codec->sample_fmt;
    frame->sample_rate = codec->sample_rate;
    frame->nb_samples = frames;
    frame->pts = position;
    if (av_channel_layout_copy(&frame->ch_layout, target_layout.get()) < 0 ||
        av_frame_get_buffer(frame.get(), 0) < 0) {
      return {ErrorCode::out_of_memory, "no memory for an audio frame"};
    }
    fill(samples, frames);
    position += frames;
    return encoder->send(frame.get());
  }

  // Sends whole frames of what waits, and at the end the shorter last one too.
  Status send_waiting(bool all) {
    const auto channels = static_cast<size_t>(layout.channels());
    size_t sent = 0;
    for (;;) {
      const size_t left = (waiting.size() - sent) / channels;
      const size_t frames = std::min(left, static_cast<size_t>(frame_size));
      if (frames == 0 || (!all && frames < static_cast<size_t>(frame_size))) break;
      TESSERA_RETURN_IF_ERROR(send(waiting.data() + sent, static_cast<int>(frames)));
      sent += frames * channels;
    }
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(sent));
    return {};
  }

  Status start(const std::string& path) {
    AVCodecContext* codec = encoder->codec();
    const int rate = static_cast<int>(options.sample_rate);
    codec->sample_fmt = target.format;
    codec->sample_rate = nearest_rate(codec->codec, rate);
    codec->time_base = {1, codec->sample_rate};
    codec->bits_per_raw_sample = target.bits;
    if (target.channel_rate != 0) {
      codec->bit_rate = options.bit_rate != 0 ? options.bit_rate : target.channel_rate * options.channels;
    }
    if (av_channel_layout_copy(&codec->ch_layout, target_layout.get()) < 0) {
      return {ErrorCode::out_of_memory, "no memory for an encoder"};
    }
    if (codec->sample_rate != rate || av_channel_layout_compare(layout.get(), target_layout.get()) != 0) {
      TESSERA_RETURN_IF_ERROR(resampler.open(path, *layout.get(), AV_SAMPLE_FMT_FLT, rate,
                                             *target_layout.get(), codec->sample_rate));
    }
    av::Dictionary codec_options, muxer_options;
    if (encoder->seekable() && std::strcmp(target.muxer, "wav") == 0) muxer_options.set("rf64", "auto");
    if (std::strcmp(target.muxer, "mp4") == 0) {
      // The length is counted in these units; FFmpeg's default of 1 ms would cut or pad.
      muxer_options.set("movie_timescale", std::to_string(codec->sample_rate).c_str());
      if (!encoder->seekable()) muxer_options.set("movflags", "frag_keyframe+empty_moov");
    }
    TESSERA_RETURN_IF_ERROR(encoder->start(codec_options, muxer_options));
    if (codec->frame_size > 0) frame_size = codec->frame_size;
    return {};
  }
};

Result<AudioWriter> AudioWriter::open(const std::string& path, const AudioWriterOptions& options) {
  if (options.sample_rate == 0 || options.sample_rate > kMaxRate) {
    return {ErrorCode::invalid_argument, "the sample rate is not in 1.." + std::to_string(kMaxRate) + " Hz"};
  }
  if (options.channels == 0 || options.channels > 8) {
    return {ErrorCode::invalid_argument, "the number of channels is not in 1..8"};
  }
  const auto target = target_of(path, options.type);
  if (!target) {
    return {ErrorCode::invalid_argument,
            path + ": the extension is none of .wav, .flac, .opus, .mp4 and .m4a"};
  }
  auto state = std::make_unique<State>();
  state->options = options;
  state->target = *target;
  state->layout.set_default(static_cast<int>(options.channels));
  state->target_layout.set_default(static_cast<int>(options.channels));
  const bool opus = std::strcmp(target->muxer, "opus") == 0;
  if (opus) (void)state->target_layout.set_mask(kOpusMasks[options.channels]);
  if (options.channel_mask != 0 &&
      (std::popcount(options.channel_mask) != static_cast<int>(options.channels) ||
       !state->layout.set_mask(options.channel_mask))) {
    return {ErrorCode::invalid_argument, "the channel mask has another number of channels"};
  }
  if (options.channel_mask == 0 && opus) state->layout.set(*state->target_layout.get());
  if (options.channel_mask != 0 && !opus) state->target_layout.set(*state->layout.get());
  state->frame.reset(av_frame_alloc());
  if (!state->frame) return {ErrorCode::out_of_memory, path + ": no memory for a frame"};
  auto encoder = av::Encoder::create(path, target->muxer, target->codec);
  if (!encoder) return encoder.status();
  state->encoder = std::move(*encoder);
  TESSERA_RETURN_IF_ERROR(state->start(path));
  return AudioWriter(std::move(state));
}

Status AudioWriter::write(std::span<const float> samples) {
  if (state_->finished) return {ErrorCode::invalid_argument, "the audio file is finished"};
  if (samples.size() % state_->options.channels != 0) {
    return {ErrorCode::invalid_argument, "the samples are not a multiple of the channels"};
  }
  // In pieces, so that a caller's large block is not held twice.
  const size_t piece = size_t{1 << 14} * state_->options.channels;
  while (!samples.empty()) {
    const size_t count = std::min(piece, samples.size());
    state_->clean(samples.first(count));
    samples = samples.subspan(count);
    if (state_->resampler.is_open()) {
      const auto* data = reinterpret_cast<const uint8_t*>(state_->cleaned.data());
      const int frames = static_cast<int>(count / state_->options.channels);
      TESSERA_RETURN_IF_ERROR(state_->resampler.convert(&data, frames, state_->waiting));
    } else {
      state_->waiting.insert(state_->waiting.end(), state_->cleaned.begin(), state_->cleaned.end());
    }
    TESSERA_RETURN_IF_ERROR(state_->send_waiting(false));
  }
  return {};
}

Status AudioWriter::finish() {
  if (state_->finished) return {ErrorCode::invalid_argument, "the audio file is finished"};
  state_->finished = true;
  TESSERA_RETURN_IF_ERROR(state_->resampler.finish(state_->waiting));
  TESSERA_RETURN_IF_ERROR(state_->send_waiting(true));
  return state_->encoder->finish();
}

uint64_t AudioWriter::clipped_samples() const { return state_->clipped; }
uint64_t AudioWriter::replaced_samples() const { return state_->replaced; }

AudioWriter::AudioWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
AudioWriter::AudioWriter(AudioWriter&&) noexcept = default;
AudioWriter& AudioWriter::operator=(AudioWriter&&) noexcept = default;
AudioWriter::~AudioWriter() = default;

}  // namespace tessera::media
