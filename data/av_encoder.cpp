#include "data/av_encoder.h"

#include <cerrno>
#include <cstdio>

#include "data/av_error.h"
#include "data/av_log.h"

namespace tessera::media::av {
namespace {

constexpr int kBufferBytes = 1 << 16;

}  // namespace

Result<std::unique_ptr<Encoder>> Encoder::create(const std::string& path, const char* muxer,
                                                 const char* codec_name) {
  silence_log();
  clear_last_line();
  const AVCodec* codec = avcodec_find_encoder_by_name(codec_name);
  const AVOutputFormat* container = av_guess_format(muxer, nullptr, nullptr);
  if (codec == nullptr || container == nullptr) {
    return {ErrorCode::unsupported,
            path + ": this FFmpeg has no " +
                (codec == nullptr ? std::string("encoder ") + codec_name : std::string("muxer ") + muxer)};
  }
  std::unique_ptr<Encoder> encoder(new Encoder);
  auto sink = Sink::open(path);
  if (!sink) return sink.status();
  encoder->sink_ = std::move(*sink);
  const Status no_memory(ErrorCode::out_of_memory, encoder->sink_->name() + ": no memory for an encoder");
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) return no_memory;
  encoder->io_.reset(avio_alloc_context(buffer, kBufferBytes, 1, encoder->sink_.get(), nullptr,
                                        &Encoder::write, encoder->seekable() ? &Encoder::seek : nullptr));
  if (!encoder->io_) {
    av_free(buffer);
    return no_memory;
  }
  AVFormatContext* format = nullptr;
  (void)avformat_alloc_output_context2(&format, container, nullptr, nullptr);
  encoder->format_.reset(format);
  encoder->packet_.reset(av_packet_alloc());
  encoder->codec_.reset(avcodec_alloc_context3(codec));
  if (format == nullptr || !encoder->packet_ || !encoder->codec_) return no_memory;
  format->pb = encoder->io_.get();
  format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;  // the same input gives the same file
  encoder->codec_->flags |= AV_CODEC_FLAG_BITEXACT;
  encoder->stream_ = avformat_new_stream(format, nullptr);
  if (encoder->stream_ == nullptr) return no_memory;
  return encoder;
}

Encoder::~Encoder() = default;

Status Encoder::check(int error, const char* what) const {
  TESSERA_RETURN_IF_ERROR(sink_->status());
  return error < 0 ? failure(sink_->name(), what, error, ErrorCode::invalid_argument) : Status();
}

Status Encoder::start(Dictionary& codec_options, Dictionary& muxer_options) {
  if ((format_->oformat->flags & AVFMT_GLOBALHEADER) != 0) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  TESSERA_RETURN_IF_ERROR(
      check(avcodec_open2(codec_.get(), nullptr, codec_options.get()), "open the encoder"));
  TESSERA_RETURN_IF_ERROR(
      check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()), "open the encoder"));
  stream_->time_base = codec_->time_base;
  return check(avformat_write_header(format_.get(), muxer_options.get()), "write the header");
}

Status Encoder::send(AVFrame* frame) {
  clear_last_line();
  if (frame != nullptr && frame->pkt_duration > 0) durations_[frame->pts] = frame->pkt_duration;
  TESSERA_RETURN_IF_ERROR(check(avcodec_send_frame(codec_.get(), frame), "encode"));
  for (;;) {
    const int error = avcodec_receive_packet(codec_.get(), packet_.get());
    if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return sink_->status();
    TESSERA_RETURN_IF_ERROR(check(error, "encode"));
    if (const auto found = durations_.find(packet_->pts); found != durations_.end()) {
      packet_->duration = found->second;
      durations_.erase(found);
    }
    packet_->stream_index = stream_->index;
    av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
    TESSERA_RETURN_IF_ERROR(check(av_interleaved_write_frame(format_.get(), packet_.get()), "write"));
  }
}

Status Encoder::finish() {
  TESSERA_RETURN_IF_ERROR(send(nullptr));
  const int error = av_write_trailer(format_.get());
  avio_flush(io_.get());
  TESSERA_RETURN_IF_ERROR(check(error, "finish the file"));
  return sink_->finish();
}

int Encoder::write(void* sink, uint8_t* bytes, int size) {
  return static_cast<Sink*>(sink)->write({bytes, static_cast<size_t>(size)}) ? size : AVERROR(EIO);
}

int64_t Encoder::seek(void* sink, int64_t offset, int whence) {
  auto* file = static_cast<Sink*>(sink);
  if ((whence & AVSEEK_SIZE) != 0) {
    const int64_t place = file->seek(0, SEEK_CUR);
    const int64_t size = file->seek(0, SEEK_END);
    (void)file->seek(place, SEEK_SET);
    return size;
  }
  const int64_t place = file->seek(offset, whence & ~AVSEEK_FORCE);
  return place < 0 ? AVERROR(static_cast<int>(-place)) : place;
}

}  // namespace tessera::media::av
