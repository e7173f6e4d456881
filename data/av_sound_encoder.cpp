#include "data/av_sound_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

namespace tessera::media::av {
namespace {

constexpr uint32_t kMaxRate = 655350;  // FLAC's bound
constexpr int kFreeFrameSize = 4096;   // frames a block where the codec does not care

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

// Vorbis' layouts, as WAVE_FORMAT_EXTENSIBLE's bits.
constexpr std::array<uint64_t, 9> kVorbisMasks = {0, 0x4, 0x3, 0x7, 0x33, 0x37, 0x3f, 0x70f, 0x63f};

int32_t quantised(float value, int bits) {
  const double scale = static_cast<double>(int64_t{1} << (bits - 1));
  return static_cast<int32_t>(std::clamp(std::nearbyint(value * scale), -scale, scale - 1));
}

}  // namespace

Result<std::unique_ptr<SoundEncoder>> SoundEncoder::create(std::shared_ptr<Muxer> muxer, const SoundTarget& target, const SoundShape& shape) {
  if (shape.sample_rate == 0 || shape.sample_rate > kMaxRate) {
    return {ErrorCode::invalid_argument, "the sample rate is not in 1.." + std::to_string(kMaxRate) + " Hz"};
  }
  if (shape.channels == 0 || shape.channels > 8) {
    return {ErrorCode::invalid_argument, "the number of channels is not in 1..8"};
  }
  std::unique_ptr<SoundEncoder> sound(new SoundEncoder);
  sound->target_ = target;
  sound->shape_ = shape;
  sound->layout_.set_default(static_cast<int>(shape.channels));
  sound->target_layout_.set_default(static_cast<int>(shape.channels));
  if (target.vorbis_layouts) (void)sound->target_layout_.set_mask(kVorbisMasks[shape.channels]);
  if (shape.channel_mask != 0 &&
      (std::popcount(shape.channel_mask) != static_cast<int>(shape.channels) || !sound->layout_.set_mask(shape.channel_mask))) {
    return {ErrorCode::invalid_argument, "the channel mask has another number of channels"};
  }
  if (shape.channel_mask == 0 && target.vorbis_layouts) sound->layout_.set(*sound->target_layout_.get());
  if (shape.channel_mask != 0 && !target.vorbis_layouts) sound->target_layout_.set(*sound->layout_.get());
  sound->frame_.reset(av_frame_alloc());
  if (!sound->frame_) return {ErrorCode::out_of_memory, muxer->name() + ": no memory for a frame"};
  const std::string name = muxer->name();
  auto encoder = Encoder::create(std::move(muxer), target.codec);
  if (!encoder) return encoder.status();
  sound->encoder_ = std::move(*encoder);
  TESSERA_RETURN_IF_ERROR(sound->start(name));
  return sound;
}

Status SoundEncoder::start(const std::string& name) {
  AVCodecContext* codec = encoder_->codec();
  const int rate = static_cast<int>(shape_.sample_rate);
  codec->sample_fmt = target_.format;
  codec->sample_rate = nearest_rate(codec->codec, rate);
  codec->time_base = {1, codec->sample_rate};
  codec->bits_per_raw_sample = target_.bits;
  if (target_.channel_rate != 0) codec->bit_rate = shape_.bit_rate != 0 ? shape_.bit_rate : target_.channel_rate * shape_.channels;
  if (av_channel_layout_copy(&codec->ch_layout, target_layout_.get()) < 0) return {ErrorCode::out_of_memory, "no memory for an encoder"};
  if (codec->sample_rate != rate || av_channel_layout_compare(layout_.get(), target_layout_.get()) != 0) {
    TESSERA_RETURN_IF_ERROR(resampler_.open(name, *layout_.get(), AV_SAMPLE_FMT_FLT, rate, *target_layout_.get(), codec->sample_rate));
  }
  Dictionary options;
  TESSERA_RETURN_IF_ERROR(encoder_->open(options));
  frame_size_ = codec->frame_size > 0 ? codec->frame_size : kFreeFrameSize;
  return {};
}

void SoundEncoder::clean(std::span<const float> samples) {
  cleaned_.assign(samples.begin(), samples.end());
  const bool unbounded = target_.format == AV_SAMPLE_FMT_FLT && target_.channel_rate == 0;
  for (float& sample : cleaned_) {
    if (!std::isfinite(sample)) {
      sample = 0;
      ++replaced_;
    } else if (!unbounded && std::abs(sample) > 1.0f) {
      sample = std::clamp(sample, -1.0f, 1.0f);
      ++clipped_;
    }
  }
}

void SoundEncoder::fill(const float* samples, int frames) {
  const int channels = layout_.channels();
  const int count = frames * channels;
  uint8_t* const first = frame_->data[0];
  switch (target_.format) {
    case AV_SAMPLE_FMT_S16:
      for (int i = 0; i < count; ++i) {
        reinterpret_cast<int16_t*>(first)[i] = static_cast<int16_t>(quantised(samples[i], target_.bits));
      }
      break;
    case AV_SAMPLE_FMT_S32:  // FFmpeg wants the bits at the top
      for (int i = 0; i < count; ++i) {
        reinterpret_cast<int32_t*>(first)[i] =
            quantised(samples[i], target_.bits) * (1 << (32 - target_.bits));
      }
      break;
    case AV_SAMPLE_FMT_FLTP:
      for (int c = 0; c < channels; ++c) {
        float* plane = reinterpret_cast<float*>(frame_->extended_data[c]);
        for (int i = 0; i < frames; ++i) plane[i] = samples[i * channels + c];
      }
      break;
    default:
      std::memcpy(first, samples, static_cast<size_t>(count) * sizeof(float));
  }
}

Status SoundEncoder::send(const float* samples, int frames) {
  const AVCodecContext* codec = encoder_->codec();
  av_frame_unref(frame_.get());
  frame_->format = codec->sample_fmt;
  frame_->sample_rate = codec->sample_rate;
  frame_->nb_samples = frames;
  frame_->pts = position_;
  if (av_channel_layout_copy(&frame_->ch_layout, target_layout_.get()) < 0 ||
      av_frame_get_buffer(frame_.get(), 0) < 0) {
    return {ErrorCode::out_of_memory, "no memory for an audio frame"};
  }
  fill(samples, frames);
  position_ += frames;
  return encoder_->send(frame_.get());
}

// Sends whole frames of what waits, and at the end the shorter last one too.
Status SoundEncoder::send_waiting(bool all) {
  const auto channels = static_cast<size_t>(layout_.channels());
  size_t sent = 0;
  for (;;) {
    const size_t left = (waiting_.size() - sent) / channels;
    const size_t frames = std::min(left, static_cast<size_t>(frame_size_));
    if (frames == 0 || (!all && frames < static_cast<size_t>(frame_size_))) break;
    TESSERA_RETURN_IF_ERROR(send(waiting_.data() + sent, static_cast<int>(frames)));
    sent += frames * channels;
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(sent));
  return {};
}

Status SoundEncoder::write(std::span<const float> samples) {
  if (samples.size() % shape_.channels != 0) return {ErrorCode::invalid_argument, "the samples are not a multiple of the channels"};
  // In pieces, so that a caller's large block is not held twice.
  const size_t piece = size_t{1 << 14} * shape_.channels;
  while (!samples.empty()) {
    const size_t count = std::min(piece, samples.size());
    clean(samples.first(count));
    samples = samples.subspan(count);
    if (resampler_.is_open()) {
      const auto* data = reinterpret_cast<const uint8_t*>(cleaned_.data());
      TESSERA_RETURN_IF_ERROR(resampler_.convert(&data, static_cast<int>(count / shape_.channels), waiting_));
    } else {
      waiting_.insert(waiting_.end(), cleaned_.begin(), cleaned_.end());
    }
    TESSERA_RETURN_IF_ERROR(send_waiting(false));
  }
  return {};
}

Status SoundEncoder::drain() {
  if (resampler_.is_open()) TESSERA_RETURN_IF_ERROR(resampler_.finish(waiting_));
  TESSERA_RETURN_IF_ERROR(send_waiting(true));
  return encoder_->drain();
}

}  // namespace tessera::media::av
