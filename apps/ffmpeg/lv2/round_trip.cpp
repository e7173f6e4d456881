#include "apps/ffmpeg/lv2/round_trip.h"

#include <algorithm>
#include <cmath>

namespace tessera::lv2 {

RoundTrip::RoundTrip(uint32_t channels, double host_rate, double model_rate)
    : channels_(channels),
      model_rate_(model_rate),
      to_model_(channels, Resampler(host_rate, model_rate)),
      to_host_(channels, Resampler(model_rate, host_rate)),
      planes_(channels) {}

std::unique_ptr<RoundTrip> RoundTrip::make(const char* model, uint32_t channels, double host_rate, double bit_rate, std::string& message) {
  tsr_error error = TSR_INIT(tsr_error);
  tsr_audio_encoder_options options;
  tsr_audio_encoder_options_init(&options, sizeof options);
  options.model = model;
  options.channels = channels;
  options.bit_rate = bit_rate;
  options.low_delay = 1;
  options.index = 0;
  tsr_audio_encoder* made = nullptr;
  if (tsr_audio_encoder_create(&options, &made, &error) != TSR_OK) {
    message = error.message;
    return nullptr;
  }
  std::unique_ptr<tsr_audio_encoder, Free> encoder(made);
  tsr_audio_format format = TSR_INIT(tsr_audio_format);
  tsr_audio_encoder_get_format(made, &format);

  const uint8_t* header = nullptr;
  size_t size = 0;
  tsr_audio_decoder* opened = nullptr;
  const bool good = tsr_audio_decoder_create(nullptr, &opened, &error) == TSR_OK && tsr_audio_encoder_get_header(made, &header, &size) == TSR_OK &&
                    tsr_audio_decoder_open(opened, header, size, &error) == TSR_OK;
  std::unique_ptr<tsr_audio_decoder, Free> decoder(opened);
  if (!good) {
    message = error.message;
    return nullptr;
  }
  std::unique_ptr<RoundTrip> trip(new RoundTrip(channels, host_rate, format.sample_rate));
  trip->encoder_ = std::move(encoder);
  trip->decoder_ = std::move(decoder);

  // The sound is delayed by what the networks need, a packet that has to be full, and the two changes of rate. A frame or two of rounding.
  const double needed = format.delay + static_cast<double>(format.block_samples) / format.sample_rate + trip->to_model_[0].lookahead() / host_rate +
                        trip->to_host_[0].lookahead() / format.sample_rate;
  trip->latency_ = static_cast<size_t>(std::ceil(needed * host_rate)) + 4;
  trip->ready_.assign(trip->latency_ * channels, 0.0f);
  return trip;
}

bool RoundTrip::take_sound(std::string& message) {
  tsr_error error = TSR_INIT(tsr_error);
  tsr_audio_view view = TSR_INIT(tsr_audio_view);
  for (;;) {
    if (tsr_audio_decoder_receive(decoder_.get(), &view, &error) != TSR_OK) {
      message = error.message;
      return false;
    }
    if (view.samples == nullptr) return true;
    std::vector<float> plane(view.frames);
    std::vector<std::vector<float>> at_host(channels_);
    for (uint32_t c = 0; c < channels_; ++c) {
      // A model of one channel serves both.
      const uint32_t from = std::min(c, view.channels - 1);
      for (size_t i = 0; i < view.frames; ++i) plane[i] = view.samples[i * view.channels + from];
      to_host_[c].push(plane.data(), plane.size(), at_host[c]);
    }
    for (size_t i = 0; i < at_host[0].size(); ++i) {
      for (uint32_t c = 0; c < channels_; ++c) ready_.push_back(at_host[c][i]);
    }
  }
}

bool RoundTrip::code(const float* in, size_t frames, std::string& message) {
  tsr_error error = TSR_INIT(tsr_error);
  std::vector<float> plane(frames);
  for (uint32_t c = 0; c < channels_; ++c) {
    for (size_t i = 0; i < frames; ++i) plane[i] = in[i * channels_ + c];
    planes_[c].clear();
    to_model_[c].push(plane.data(), frames, planes_[c]);
  }
  interleaved_.clear();
  for (size_t i = 0; i < planes_[0].size(); ++i) {
    for (uint32_t c = 0; c < channels_; ++c) interleaved_.push_back(planes_[c][i]);
  }
  if (interleaved_.empty()) return true;

  tsr_audio_view view = TSR_INIT(tsr_audio_view);
  view.samples = interleaved_.data();
  view.frames = planes_[0].size();
  view.channels = channels_;
  view.sample_rate = static_cast<uint32_t>(model_rate_);
  tsr_audio_packet packet = TSR_INIT(tsr_audio_packet);
  bool good = tsr_audio_encoder_send(encoder_.get(), &view, &error) == TSR_OK;
  while (good) {
    good = tsr_audio_encoder_receive(encoder_.get(), &packet, &error) == TSR_OK;
    if (!good || packet.data == nullptr) break;
    good = tsr_audio_decoder_send(decoder_.get(), packet.data, packet.size, &error) == TSR_OK;
    if (good && !take_sound(message)) return false;
  }
  if (!good) message = error.message;
  return good;
}

bool RoundTrip::process(const float* in, float* out, size_t frames, std::string& message) {
  if (!broken_) broken_ = !code(in, frames, message);
  for (size_t i = 0; i < frames * channels_; ++i) {
    out[i] = ready_.empty() ? 0 : ready_.front();
    if (!ready_.empty()) ready_.pop_front();
  }
  return !broken_;
}

}  // namespace tessera::lv2
