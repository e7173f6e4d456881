#include "data/video_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/av_decoder.h"
#include "data/av_error.h"
#include "data/video_convert.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/mathematics.h>
}

namespace tessera::media {
namespace {

constexpr uint8_t kUnspecified = 2;
constexpr uint8_t kBt709 = 1;

Rational rational_of(AVRational value) { return {value.num, value.den == 0 ? 1 : value.den}; }

uint8_t code_point(int value) {
  return value < 0 || value > 255 ? kUnspecified : static_cast<uint8_t>(value);
}

ColourDescription colour_of(const AVCodecParameters& parameters) {
  ColourDescription colour;
  const auto pixels = static_cast<AVPixelFormat>(parameters.format);
  colour.primaries = code_point(parameters.color_primaries);
  colour.transfer = code_point(parameters.color_trc);
  colour.matrix = code_point(parameters.color_space);
  colour.full_range = parameters.color_range == AVCOL_RANGE_JPEG || pixels == AV_PIX_FMT_YUVJ420P ||
                      pixels == AV_PIX_FMT_YUVJ422P || pixels == AV_PIX_FMT_YUVJ444P;
  colour.chroma_location = code_point(parameters.chroma_location);
  if (av::is_rgb(pixels)) {  // as FrameConverter converts it
    colour.matrix = kBt709;
    colour.full_range = false;
  }
  return colour;
}

int rotation_of(const AVStream* stream) {
  size_t size = 0;
  const uint8_t* matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (matrix == nullptr || size < 9 * sizeof(int32_t)) return 0;
  const double degrees = av_display_rotation_get(reinterpret_cast<const int32_t*>(matrix));
  if (!std::isfinite(degrees)) return 0;
  const int quarters = static_cast<int>(std::lround(-degrees / 90.0));  // FFmpeg counts counter-clockwise
  return ((quarters % 4 + 4) % 4) * 90;
}

VideoProperties properties_of(AVFormatContext* format, AVStream* stream) {
  const AVCodecParameters& parameters = *stream->codecpar;
  VideoProperties video;
  video.format = av::nearest_format(static_cast<AVPixelFormat>(parameters.format));
  video.format.width = static_cast<uint32_t>(parameters.width);
  video.format.height = static_cast<uint32_t>(parameters.height);
  video.time_base = rational_of(stream->time_base);
  video.frame_rate = rational_of(av_guess_frame_rate(format, stream, nullptr));
  const AVRational average = stream->avg_frame_rate, nominal = stream->r_frame_rate;
  if (average.num > 0 && average.den > 0 && nominal.num > 0 && nominal.den > 0) {
    const double ratio = av_q2d(nominal) / av_q2d(average);
    video.variable_rate = ratio < 0.98 || ratio > 1.02;  // containers round their time stamps
    if (video.variable_rate) video.frame_rate = rational_of(average);
  } else {
    video.variable_rate = true;
  }
  const AVRational aspect = av_guess_sample_aspect_ratio(format, stream, nullptr);
  if (aspect.num > 0 && aspect.den > 0) video.sample_aspect = rational_of(aspect);
  video.rotation = rotation_of(stream);
  video.colour = colour_of(parameters);
  if (stream->duration > 0) {
    video.duration = static_cast<double>(stream->duration) * av_q2d(stream->time_base);
  } else if (format->duration > 0) {
    video.duration = static_cast<double>(format->duration) / AV_TIME_BASE;
  }
  video.codec = avcodec_get_name(parameters.codec_id);
  return video;
}

std::string size_text(int64_t width, int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

}  // namespace

struct VideoReader::State {
  std::unique_ptr<av::Decoder> decoder;
  VideoProperties properties;
  av::Frame frame;
  std::optional<Result<bool>> first;  // of the frame that open() has decoded
  av::FrameConverter converter;
  std::optional<int64_t> last_time;
  int64_t step = 1;  // time-base units of a frame, where the file does not say
  uint64_t repaired = 0, damaged = 0;
  Status error;

  int64_t time_of(const AVFrame* decoded) {
    int64_t time = decoded->best_effort_timestamp;
    if (time == AV_NOPTS_VALUE) {
      ++repaired;
      time = last_time ? *last_time + step : 0;
    } else if (last_time && time <= *last_time) {
      ++repaired;
      time = *last_time + 1;  // the least change, so that the stamps after it still fit
    }
    last_time = time;
    return time;
  }
};

Result<VideoReader> VideoReader::open(const std::string& path, const VideoReadOptions& options) {
  auto decoder = av::Decoder::open(path, AVMEDIA_TYPE_VIDEO, std::max(options.threads, 0));
  if (!decoder) return decoder.status();
  auto state = std::make_unique<State>();
  state->decoder = std::move(*decoder);
  state->frame.reset(av_frame_alloc());
  if (!state->frame) return {ErrorCode::out_of_memory, path + ": no memory for a frame"};
  const std::string& name = state->decoder->name();
  AVStream* stream = state->decoder->stream();
  AVCodecParameters& parameters = *stream->codecpar;
  const auto check_size = [&]() -> Status {
    const uint64_t pixels =
        static_cast<uint64_t>(parameters.width) * static_cast<uint64_t>(parameters.height);
    if (pixels <= options.max_pixels) return {};
    return {ErrorCode::limit, name + ": frames of " + size_text(parameters.width, parameters.height) +
                                  " pixels; the limit is " + std::to_string(options.max_pixels) + " pixels"};
  };
  if (parameters.width <= 0 || parameters.height <= 0 || parameters.format == AV_PIX_FMT_NONE) {
    return {ErrorCode::corrupt, name + ": the video stream has no picture size or no pixel format"};
  }
  TESSERA_RETURN_IF_ERROR(check_size());
  // What FFmpeg says of the stream may come from a later place in it; the first frame counts.
  state->first = state->decoder->next(state->frame.get());
  if (*state->first && **state->first) {
    parameters.width = state->frame->width;
    parameters.height = state->frame->height;
    parameters.format = state->frame->format;
    TESSERA_RETURN_IF_ERROR(check_size());
  }
  state->properties = properties_of(state->decoder->format(), stream);
  const Rational& rate = state->properties.frame_rate;
  if (rate.num > 0) {
    const AVRational frame_time{static_cast<int>(rate.den), static_cast<int>(rate.num)};
    state->step = std::max<int64_t>(1, av_rescale_q(1, frame_time, stream->time_base));
  }
  return VideoReader(std::move(state));
}

Result<bool> VideoReader::read(VideoFrame& frame) {
  State& state = *state_;
  if (!state.error.ok()) return state.error;
  const auto got = state.first ? *std::exchange(state.first, {}) : state.decoder->next(state.frame.get());
  if (!got) return state.error = got.status();
  if (!*got) return false;
  const AVFrame* decoded = state.frame.get();
  const VideoFormat& format = state.properties.format;
  if (decoded->width != static_cast<int>(format.width) ||
      decoded->height != static_cast<int>(format.height)) {
    return state.error = {ErrorCode::unsupported, state.decoder->name() + ": the resolution changes from " +
                                                      size_text(format.width, format.height) + " to " +
                                                      size_text(decoded->width, decoded->height) +
                                                      " in mid-stream"};
  }
  if (decoded->decode_error_flags != 0 || (decoded->flags & AV_FRAME_FLAG_CORRUPT) != 0) ++state.damaged;
  frame.format = format;
  frame.samples.resize(format.size_bytes());
  const Status converted = state.converter.convert(decoded, state.properties.colour.full_range, frame);
  if (!converted.ok()) return state.error = converted;
  frame.time = state.time_of(decoded);
  frame.duration = std::max<int64_t>(decoded->pkt_duration, 0);
  av_frame_unref(state.frame.get());
  return true;
}

const VideoProperties& VideoReader::properties() const { return state_->properties; }
uint64_t VideoReader::repaired_times() const { return state_->repaired; }
uint64_t VideoReader::damaged_packets() const { return state_->decoder->damaged(); }
uint64_t VideoReader::damaged_frames() const { return state_->damaged; }

VideoReader::VideoReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;
VideoReader::~VideoReader() = default;

}  // namespace tessera::media
