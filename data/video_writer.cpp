#include "data/video_writer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "data/av_encoder.h"
#include "data/av_extension.h"
#include "data/av_sink.h"
#include "data/av_sound_encoder.h"
#include "data/byte_file.h"
#include "data/video_convert.h"
#include "data/video_y4m.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/mathematics.h>
}

namespace tessera::media {

struct VideoWriter::Backend {
  virtual ~Backend() = default;
  virtual Status write(const VideoFrame& frame) = 0;
  virtual Status write_sound(std::span<const float>) { return {}; }
  virtual Status finish() = 0;
};

namespace {

constexpr uint32_t kMaxSide = 16384;  // H.264's encoder

bool positive(const Rational& value) {
  constexpr int64_t most = std::numeric_limits<int>::max();
  return value.num > 0 && value.den > 0 && value.num <= most && value.den <= most;
}

AVRational ratio(const Rational& value) { return {static_cast<int>(value.num), static_cast<int>(value.den)}; }

Status check(const VideoWriterOptions& options) {
  const VideoFormat& format = options.format;
  const auto wrong = [](const char* what) { return Status(ErrorCode::invalid_argument, what); };
  if (format.width == 0 || format.height == 0 || format.width > kMaxSide || format.height > kMaxSide) {
    return wrong("the frame's width and height are not in 1..16384");
  }
  if (format.bit_depth != 8 && format.bit_depth != 10) return wrong("video has 8 or 10 bits a sample");
  if (!positive(options.time_base)) return wrong("the time base is not a positive fraction");
  if (options.frame_rate.num != 0 && !positive(options.frame_rate))
    return wrong("the frame rate is not a positive fraction");
  if (!positive(options.sample_aspect)) return wrong("the sample aspect is not a positive fraction");
  if (options.rotation % 90 != 0) return wrong("the rotation is not a multiple of 90 degrees");
  if (options.crf < 0 || options.crf > 51) return wrong("crf is not in 0..51");
  return {};
}

class Y4mBackend : public VideoWriter::Backend {
 public:
  static Result<std::unique_ptr<VideoWriter::Backend>> open(const std::string& path,
                                                            const VideoWriterOptions& options) {
    if (options.frame_rate.num == 0) {
      return {ErrorCode::invalid_argument, "y4m needs a frame rate: it has no time stamps"};
    }
    auto sink = av::Sink::open(path);
    if (!sink) return sink.status();
    auto backend = std::make_unique<Y4mBackend>();
    backend->sink_ = std::move(*sink);
    TESSERA_RETURN_IF_ERROR(backend->put(av::y4m_header(options)));
    return std::unique_ptr<VideoWriter::Backend>(std::move(backend));
  }

  Status write(const VideoFrame& frame) override {
    TESSERA_RETURN_IF_ERROR(put(av::kY4mFrameLine));
    (void)sink_->write(frame.samples);
    return sink_->status();
  }

  Status finish() override { return sink_->finish(); }

 private:
  Status put(const std::string& text) {
    (void)sink_->write({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    return sink_->status();
  }

  std::unique_ptr<av::Sink> sink_;
};

class EncoderBackend : public VideoWriter::Backend {
 public:
  static Result<std::unique_ptr<VideoWriter::Backend>> open(const std::string& path, const char* muxer,
                                                            const VideoWriterOptions& options) {
    auto file = av::Muxer::create(path, muxer);
    if (!file) return file.status();
    auto encoder = av::Encoder::create(*file, options.lossless ? "ffv1" : "libx264");
    if (!encoder) return encoder.status();
    auto backend = std::make_unique<EncoderBackend>();
    backend->muxer_ = std::move(*file);
    backend->encoder_ = std::move(*encoder);
    backend->frame_.reset(av_frame_alloc());
    backend->held_.reset(av_frame_alloc());
    if (!backend->frame_ || !backend->held_)
      return {ErrorCode::out_of_memory, path + ": no memory for a frame"};
    TESSERA_RETURN_IF_ERROR(backend->start(muxer, options));
    return std::unique_ptr<VideoWriter::Backend>(std::move(backend));
  }

  Status write(const VideoFrame& frame) override {
    const AVCodecContext* codec = encoder_->codec();
    AVFrame* out = frame_.get();
    av_frame_unref(out);
    out->format = codec->pix_fmt;
    out->width = codec->width;
    out->height = codec->height;
    if (av_frame_get_buffer(out, 0) < 0) return {ErrorCode::out_of_memory, "no memory for a video frame"};
    av::copy_planes(frame, out);
    out->pts = frame.time;
    out->pkt_duration = frame.duration;
    out->color_range = codec->color_range;
    out->color_primaries = codec->color_primaries;
    out->color_trc = codec->color_trc;
    out->colorspace = codec->colorspace;
    out->chroma_location = codec->chroma_sample_location;
    out->sample_aspect_ratio = codec->sample_aspect_ratio;
    return exchange(frame.time);
  }

  Status write_sound(std::span<const float> samples) override { return sound_ ? sound_->write(samples) : Status(); }

  Status finish() override {
    if (held_->data[0] != nullptr) TESSERA_RETURN_IF_ERROR(exchange(held_->pts + step_));
    TESSERA_RETURN_IF_ERROR(encoder_->drain());
    if (sound_) TESSERA_RETURN_IF_ERROR(sound_->drain());
    return muxer_->finish();
  }

 private:
  // Sends the frame before, whose duration is known only now: MP4 players drop a last frame without one.
  Status exchange(int64_t time) {
    Status status;
    if (held_->data[0] != nullptr) {
      step_ = time - held_->pts;
      if (held_->pkt_duration <= 0) held_->pkt_duration = step_;
      status = encoder_->send(held_.get());
      av_frame_unref(held_.get());
    }
    std::swap(frame_, held_);
    return status;
  }

  Status start(const char* muxer, const VideoWriterOptions& options) {
    AVCodecContext* codec = encoder_->codec();
    // H.264 has no odd sizes where chroma is subsampled.
    const bool even_width = !options.lossless && options.format.chroma != Chroma::yuv444;
    const bool even_height = !options.lossless && options.format.chroma == Chroma::yuv420;
    codec->width = static_cast<int>(options.format.width + (even_width ? options.format.width % 2 : 0));
    codec->height = static_cast<int>(options.format.height + (even_height ? options.format.height % 2 : 0));
    codec->pix_fmt = av::pixel_format_of(options.format);
    codec->time_base = ratio(options.time_base);
    if (options.frame_rate.num != 0) codec->framerate = ratio(options.frame_rate);
    codec->sample_aspect_ratio = ratio(options.sample_aspect);
    codec->color_primaries = static_cast<AVColorPrimaries>(options.colour.primaries);
    codec->color_trc = static_cast<AVColorTransferCharacteristic>(options.colour.transfer);
    codec->colorspace = static_cast<AVColorSpace>(options.colour.matrix);
    codec->color_range = options.colour.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    codec->chroma_sample_location = static_cast<AVChromaLocation>(options.colour.chroma_location);
    AVStream* stream = encoder_->stream();
    stream->avg_frame_rate = codec->framerate;
    stream->sample_aspect_ratio = codec->sample_aspect_ratio;
    if (options.rotation % 360 != 0) {
      auto* matrix = reinterpret_cast<int32_t*>(
          av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(int32_t)));
      if (matrix == nullptr) return {ErrorCode::out_of_memory, "no memory for the rotation"};
      av_display_rotation_set(matrix, options.rotation);
    }
    if (options.frame_rate.num != 0) {  // for a video of one frame
      step_ = std::max<int64_t>(1, av_rescale_q(1, av_inv_q(codec->framerate), codec->time_base));
    }
    av::Dictionary codec_options, muxer_options;
    if (!options.lossless) {
      codec_options.set("crf", std::to_string(options.crf).c_str());
      codec_options.set("preset", options.preset.c_str());
    } else {
      codec->level = 3;  // FFV1 version 3 has checksums
      codec_options.set("slicecrc", "1");
    }
    const bool mp4 = std::string(muxer) == "mp4";
    if (!muxer_->seekable() && mp4) muxer_options.set("movflags", "frag_keyframe+empty_moov");
    TESSERA_RETURN_IF_ERROR(encoder_->open(codec_options));
    if (options.sound) {
      const av::SoundTarget target = mp4 ? av::SoundTarget{"aac", AV_SAMPLE_FMT_FLTP, 0, 96000} : av::SoundTarget{"flac", AV_SAMPLE_FMT_S16, 16, 0};
      auto sound = av::SoundEncoder::create(muxer_, target, {options.sound->sample_rate, options.sound->channels, options.sound->channel_mask, 0});
      if (!sound) return sound.status();
      sound_ = std::move(*sound);
    }
    return muxer_->write_header(muxer_options);
  }

  std::shared_ptr<av::Muxer> muxer_;
  std::unique_ptr<av::Encoder> encoder_;
  std::unique_ptr<av::SoundEncoder> sound_;
  av::Frame frame_, held_;
  int64_t step_ = 1;  // time-base units between the last two frames
};

Result<std::unique_ptr<VideoWriter::Backend>> backend_for(const std::string& path,
                                                          const VideoWriterOptions& options) {
  // A standard stream or a device has no extension.
  const std::string extension = path == kStandardStream || path.starts_with("/dev/") ? "y4m" : av::extension_of(path);
  if (extension == "y4m") return Y4mBackend::open(path, options);
  if (extension == "mkv") return EncoderBackend::open(path, "matroska", options);
  if (extension == "mp4" && options.lossless) {
    return {ErrorCode::invalid_argument, path + ": lossless video goes to .mkv or .y4m"};
  }
  if (extension == "mp4") return EncoderBackend::open(path, "mp4", options);
  return {ErrorCode::invalid_argument, path + ": the extension is none of .y4m, .mp4 and .mkv"};
}

}  // namespace

struct VideoWriter::State {
  VideoFormat format;
  std::unique_ptr<Backend> backend;
  std::optional<int64_t> last_time;
  bool finished = false;
};

Result<VideoWriter> VideoWriter::open(const std::string& path, const VideoWriterOptions& options) {
  TESSERA_RETURN_IF_ERROR(check(options));
  auto backend = backend_for(path, options);
  if (!backend) return backend.status();
  auto state = std::make_unique<State>();
  state->format = options.format;
  state->backend = std::move(*backend);
  return VideoWriter(std::move(state));
}

Status VideoWriter::write(const VideoFrame& frame) {
  if (state_->finished) return {ErrorCode::invalid_argument, "the video file is finished"};
  if (frame.format != state_->format || frame.samples.size() != frame.format.size_bytes()) {
    return {ErrorCode::invalid_argument, "the frame has another format than the video file"};
  }
  if (state_->last_time && frame.time <= *state_->last_time) {
    return {ErrorCode::invalid_argument, "the frame's time " + std::to_string(frame.time) +
                                             " is not after the one before, " +
                                             std::to_string(*state_->last_time)};
  }
  state_->last_time = frame.time;
  return state_->backend->write(frame);
}

Status VideoWriter::write_sound(std::span<const float> samples) {
  if (state_->finished) return {ErrorCode::invalid_argument, "the video file is finished"};
  return state_->backend->write_sound(samples);
}

Status VideoWriter::finish() {
  if (state_->finished) return {ErrorCode::invalid_argument, "the video file is finished"};
  state_->finished = true;
  return state_->backend->finish();
}

VideoWriter::VideoWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;
VideoWriter::~VideoWriter() = default;

}  // namespace tessera::media
