#include "data/audio_reader.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>
#include <vector>

#include "data/audio_resampler.h"
#include "data/av_decoder.h"

extern "C" {
#include <libavutil/mathematics.h>
}

namespace tessera::media {
namespace {

constexpr uint32_t kMaxRate = 768000;
constexpr uint32_t kMaxChannels = 8;

template <class T>
uint64_t replace_non_finite(AVFrame* frame, bool planar) {
  uint64_t replaced = 0;
  const int planes = planar ? frame->ch_layout.nb_channels : 1;
  const int64_t count = int64_t{frame->nb_samples} * (planar ? 1 : frame->ch_layout.nb_channels);
  for (int plane = 0; plane < planes; ++plane) {
    T* samples = reinterpret_cast<T*>(frame->extended_data[plane]);
    for (int64_t i = 0; i < count; ++i) {
      if (std::isfinite(samples[i])) continue;
      samples[i] = 0;
      ++replaced;
    }
  }
  return replaced;
}

bool same_source(const AVFrame* a, const AVFrame* b) {
  return a->sample_rate == b->sample_rate && a->format == b->format &&
         av_channel_layout_compare(&a->ch_layout, &b->ch_layout) == 0;
}

AudioProperties properties_of(const AVCodecParameters& parameters) {
  AudioProperties source;
  source.sample_rate = static_cast<uint32_t>(parameters.sample_rate);
  source.channels = static_cast<uint32_t>(parameters.ch_layout.nb_channels);
  if (parameters.ch_layout.order == AV_CHANNEL_ORDER_NATIVE)
    source.channel_mask = parameters.ch_layout.u.mask;
  source.bit_depth = static_cast<uint32_t>(std::max(parameters.bits_per_raw_sample, 0));
  if (source.bit_depth == 0) {
    source.bit_depth = static_cast<uint32_t>(std::max(av_get_exact_bits_per_sample(parameters.codec_id), 0));
  }
  source.codec = avcodec_get_name(parameters.codec_id);
  return source;
}

std::optional<double> duration_of(const AVFormatContext* format, const AVStream* stream) {
  if (stream->duration > 0) return static_cast<double>(stream->duration) * av_q2d(stream->time_base);
  if (format->duration > 0) return static_cast<double>(format->duration) / AV_TIME_BASE;
  return {};
}

}  // namespace

struct AudioReader::State {
  std::unique_ptr<av::Decoder> decoder;
  AudioProperties source;
  av::ChannelLayout layout;  // of the output
  int rate = 0;
  av::Resampler resampler;
  av::Frame frame, next;  // `next`: decoded ahead, since only the last frame may be cut
  av::Frame shape;        // the format that the resampler is open for
  bool looked_ahead = false;
  std::vector<float> ready;  // converted and not yet read; at most what one frame gives
  size_t taken = 0;          // of `ready`
  uint64_t replaced = 0;
  bool ended = false;
  Status error;

  std::deque<av::Frame> held;  // decoded by preview() and not yet taken
  Result<bool> behind = true;   // what came behind them: true: more; false: the end; or an error

  Result<bool> pull(AVFrame* into) {
    if (!held.empty()) {
      av_frame_unref(into);
      av_frame_move_ref(into, held.front().get());
      held.pop_front();
      return true;
    }
    if (!behind || !*behind) return behind;
    return decoder->next(into);
  }

  // The next frame into `frame`; false at the end.
  Result<bool> advance() {
    if (!looked_ahead) {
      looked_ahead = true;
      auto first = pull(next.get());
      if (!first) return first.status();
      if (!*first) return false;
    }
    if (next->nb_samples == 0) return false;
    av_frame_unref(frame.get());
    av_frame_move_ref(frame.get(), next.get());
    auto more = pull(next.get());
    if (!more) error = more.status();  // told after this frame
    if (!more || !*more) cut_padding();
    return true;
  }

  // MP4 tells the padding of the last frame only by a shorter duration.
  void cut_padding() {
    const AVRational tick{1, frame->sample_rate};
    const int64_t length = av_rescale_q(frame->pkt_duration, decoder->stream()->time_base, tick);
    const bool exact = av_cmp_q(decoder->stream()->time_base, tick) == 0;
    if (exact && length > 0 && length < frame->nb_samples) frame->nb_samples = static_cast<int>(length);
  }

  Status clean() {
    const auto format = static_cast<AVSampleFormat>(frame->format);
    const AVSampleFormat packed = av_get_packed_sample_fmt(format);
    if (packed != AV_SAMPLE_FMT_FLT && packed != AV_SAMPLE_FMT_DBL) return {};
    if (av_frame_make_writable(frame.get()) < 0) return {ErrorCode::out_of_memory, "no memory for a frame"};
    replaced += packed == AV_SAMPLE_FMT_FLT ? replace_non_finite<float>(frame.get(), packed != format)
                                            : replace_non_finite<double>(frame.get(), packed != format);
    return {};
  }

  // Opens a resampler for what the frame is like, and notes in `format` what that is.
  Status open_for(const AVFrame* source_frame, av::Resampler& converter, AVFrame* format, const av::ChannelLayout& to, int to_rate) const {
    av_frame_unref(format);
    format->format = source_frame->format;
    format->sample_rate = source_frame->sample_rate;
    av_channel_layout_copy(&format->ch_layout, &source_frame->ch_layout);
    av::ChannelLayout from;
    from.set(source_frame->ch_layout);
    if (from.get()->order == AV_CHANNEL_ORDER_UNSPEC) from.set_default(from.channels());
    // As many channels, but no known layout: they pass as they are.
    const bool as_is = from.channels() == to.channels() && from.get()->order == AV_CHANNEL_ORDER_UNSPEC;
    return converter.open(decoder->name(), *from.get(), static_cast<AVSampleFormat>(source_frame->format), source_frame->sample_rate, as_is ? *from.get() : *to.get(), to_rate);
  }

  // A stream may change its rate or channels; what comes out does not.
  Status follow_format() {
    if (resampler.is_open() && same_source(frame.get(), shape.get())) return {};
    TESSERA_RETURN_IF_ERROR(resampler.finish(ready));
    return open_for(frame.get(), resampler, shape.get(), layout, rate);
  }

  Status convert() {
    TESSERA_RETURN_IF_ERROR(clean());
    TESSERA_RETURN_IF_ERROR(follow_format());
    return resampler.convert(frame->extended_data, frame->nb_samples, ready);
  }

  // Converts one frame, or the rest after the last one.
  void refill() {
    ready.clear();
    taken = 0;
    Result<bool> got = error.ok() ? advance() : Result<bool>(false);
    Status status = got.status();
    if (got && *got) status = convert();
    if (got && !*got) {
      ended = true;
      status = resampler.finish(ready);
    }
    if (!status.ok()) {
      ended = true;
      error = status;
    }
    for (float& sample : ready) {  // a double beyond float's range, or an overflow in the filter
      if (std::isfinite(sample)) continue;
      sample = 0;
      ++replaced;
    }
  }
};

Result<AudioReader> AudioReader::open(const std::string& path, const AudioWish& wish) {
  auto decoder = av::Decoder::open(path, AVMEDIA_TYPE_AUDIO, 1);
  if (!decoder) return decoder.status();
  auto state = std::make_unique<State>();
  state->decoder = std::move(*decoder);
  state->frame.reset(av_frame_alloc());
  state->next.reset(av_frame_alloc());
  state->shape.reset(av_frame_alloc());
  if (!state->frame || !state->next || !state->shape) {
    return {ErrorCode::out_of_memory, path + ": no memory for a frame"};
  }
  const AVCodecParameters& parameters = *state->decoder->stream()->codecpar;
  if (parameters.sample_rate <= 0 || parameters.ch_layout.nb_channels <= 0) {
    return {ErrorCode::corrupt,
            state->decoder->name() + ": the audio stream has no sample rate or no channels"};
  }
  state->source = properties_of(parameters);
  AudioReader reader(std::move(state));
  TESSERA_RETURN_IF_ERROR(reader.ask(wish));
  return reader;
}

Status AudioReader::ask(const AudioWish& wish) {
  if (wish.sample_rate > kMaxRate || wish.channels > kMaxChannels) {
    return {ErrorCode::invalid_argument, "at most " + std::to_string(kMaxRate) + " Hz and " +
                                             std::to_string(kMaxChannels) + " channels can be asked for"};
  }
  const AVCodecParameters& parameters = *state_->decoder->stream()->codecpar;
  state_->rate = wish.sample_rate != 0 ? static_cast<int>(wish.sample_rate) : parameters.sample_rate;
  if (wish.channels == 0 || static_cast<int>(wish.channels) == parameters.ch_layout.nb_channels) {
    state_->layout.set(parameters.ch_layout);
    if (parameters.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
      state_->layout.set_default(parameters.ch_layout.nb_channels);
    }
  } else {
    state_->layout.set_default(static_cast<int>(wish.channels));
  }
  return {};
}

Result<std::vector<float>> AudioReader::preview(double seconds, const AudioWish& wish) {
  State& s = *state_;
  const AVCodecParameters& parameters = *s.decoder->stream()->codecpar;
  const uint32_t rate = wish.sample_rate != 0 ? wish.sample_rate : static_cast<uint32_t>(parameters.sample_rate);
  const uint32_t channels = wish.channels != 0 ? wish.channels : static_cast<uint32_t>(parameters.ch_layout.nb_channels);
  if (rate > kMaxRate || channels > kMaxChannels) return {ErrorCode::invalid_argument, "no such rate or number of channels can be asked for"};
  av::ChannelLayout to;
  to.set_default(static_cast<int>(channels));
  std::vector<float> out;
  av::Resampler resampler;
  av::Frame first(av_frame_alloc());
  if (!first) return {ErrorCode::out_of_memory, "no memory for a frame"};
  double got = 0;
  while (got < seconds && s.behind && *s.behind) {
    av::Frame frame(av_frame_alloc());
    if (!frame) return {ErrorCode::out_of_memory, "no memory for a frame"};
    s.behind = s.decoder->next(frame.get());
    if (!s.behind || !*s.behind) break;
    got += static_cast<double>(frame->nb_samples) / std::max(1, frame->sample_rate);
    s.held.push_back(std::move(frame));
    const AVFrame* const last = s.held.back().get();
    if (!resampler.is_open()) TESSERA_RETURN_IF_ERROR(s.open_for(last, resampler, first.get(), to, static_cast<int>(rate)));
    if (!same_source(last, first.get())) break;  // what follows is of another format: enough seen
    TESSERA_RETURN_IF_ERROR(resampler.convert(last->extended_data, last->nb_samples, out));
  }
  if (resampler.is_open()) TESSERA_RETURN_IF_ERROR(resampler.finish(out));
  const auto most = static_cast<size_t>(seconds * rate) * channels;
  if (out.size() > most) out.resize(most);
  for (float& sample : out) {
    if (!std::isfinite(sample)) sample = 0;
  }
  return out;
}

Result<size_t> AudioReader::read(std::span<float> samples) {
  const size_t width = channels();
  if (samples.size() % width != 0) {
    return {ErrorCode::invalid_argument, "the room for samples is not a multiple of the channels"};
  }
  size_t filled = 0;
  while (filled < samples.size()) {
    if (state_->taken == state_->ready.size()) {
      if (state_->ended) break;
      state_->refill();
      continue;
    }
    const size_t count = std::min(samples.size() - filled, state_->ready.size() - state_->taken);
    std::copy_n(state_->ready.begin() + static_cast<ptrdiff_t>(state_->taken), count,
                samples.begin() + static_cast<ptrdiff_t>(filled));
    state_->taken += count;
    filled += count;
  }
  if (filled == 0 && !samples.empty() && !state_->error.ok()) return state_->error;
  return filled / width;
}

uint32_t AudioReader::sample_rate() const { return static_cast<uint32_t>(state_->rate); }
uint32_t AudioReader::channels() const { return static_cast<uint32_t>(state_->layout.channels()); }
uint64_t AudioReader::channel_mask() const {
  const AVChannelLayout& layout = *state_->layout.get();
  return layout.order == AV_CHANNEL_ORDER_NATIVE ? layout.u.mask : 0;
}
const AudioProperties& AudioReader::source() const { return state_->source; }
double AudioReader::start() const {
  const AVStream* stream = state_->decoder->stream();
  return stream->start_time == AV_NOPTS_VALUE ? 0.0 : static_cast<double>(stream->start_time) * av_q2d(stream->time_base);
}
std::optional<double> AudioReader::duration() const {
  return duration_of(state_->decoder->format(), state_->decoder->stream());
}
uint64_t AudioReader::replaced_samples() const { return state_->replaced; }
uint64_t AudioReader::damaged_packets() const { return state_->decoder->damaged(); }

AudioReader::AudioReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
AudioReader::AudioReader(AudioReader&&) noexcept = default;
AudioReader& AudioReader::operator=(AudioReader&&) noexcept = default;
AudioReader::~AudioReader() = default;

}  // namespace tessera::media
