#include "data/av_decoder.h"

#include "data/av_error.h"
#include "data/av_log.h"

namespace tessera::media::av {
namespace {

// Failures in a row, without a packet taken in between, after which a decoder is given up.
constexpr int kPatience = 64;

// Playlists and the like would open further files or addresses: a media file may not do that.
int refuse(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EPERM); }

}  // namespace

Result<std::unique_ptr<Decoder>> Decoder::open(const std::string& path, AVMediaType kind, int threads) {
  silence_log();
  clear_last_line();
  std::unique_ptr<Decoder> decoder(new Decoder);
  auto source = Source::open(path);
  if (!source) return source.status();
  decoder->source_ = std::move(*source);
  AVFormatContext* format = avformat_alloc_context();
  decoder->packet_.reset(av_packet_alloc());
  if (format == nullptr || !decoder->packet_) {
    avformat_free_context(format);
    return {ErrorCode::out_of_memory, decoder->name() + ": no memory to open it"};
  }
  format->pb = decoder->source_->context();
  format->io_open = refuse;
  const int error = avformat_open_input(&format, path.c_str(), nullptr, nullptr);  // frees it when it fails
  if (error < 0) {
    TESSERA_RETURN_IF_ERROR(decoder->source_->status());
    if (decoder->source_->empty()) return {ErrorCode::corrupt, decoder->name() + ": the file is empty"};
    return failure(decoder->name(), "read", error);
  }
  decoder->format_.reset(format);
  TESSERA_RETURN_IF_ERROR(decoder->open_stream(kind, threads));
  return decoder;
}

Status Decoder::open_stream(AVMediaType kind, int threads) {
  int error = avformat_find_stream_info(format_.get(), nullptr);
  TESSERA_RETURN_IF_ERROR(source_->status());
  if (error < 0) return failure(name(), "read", error);
  const std::string medium = av_get_media_type_string(kind);
  const AVCodec* codec = nullptr;
  const int index = av_find_best_stream(format_.get(), kind, -1, -1, &codec, 0);
  if (index == AVERROR_DECODER_NOT_FOUND) {
    return {ErrorCode::unsupported, name() + ": FFmpeg has no decoder for its " + medium + " stream"};
  }
  // A cover picture is no video.
  if (index < 0 || (format_->streams[index]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0) {
    return {ErrorCode::unsupported, name() + ": no " + medium + " stream"};
  }
  stream_ = format_->streams[index];
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    if (static_cast<int>(i) != index) format_->streams[i]->discard = AVDISCARD_ALL;
  }
  codec_.reset(avcodec_alloc_context3(codec));
  if (!codec_) return {ErrorCode::out_of_memory, name() + ": no memory for a decoder"};
  error = avcodec_parameters_to_context(codec_.get(), stream_->codecpar);
  codec_->pkt_timebase = stream_->time_base;
  codec_->thread_count = threads;
  if (error >= 0) error = avcodec_open2(codec_.get(), codec, nullptr);
  if (error < 0) return failure(name(), "decode its " + medium + " stream", error);
  return {};
}

void Decoder::feed() {
  for (;;) {
    const int error = av_read_frame(format_.get(), packet_.get());
    if (error < 0) {
      end_ = source_->status();
      if (end_.ok() && error != AVERROR_EOF) end_ = failure(name(), "read on", error);
      draining_ = true;
      (void)avcodec_send_packet(codec_.get(), nullptr);
      return;
    }
    const bool ours = packet_->stream_index == stream_->index;
    const int sent = ours ? avcodec_send_packet(codec_.get(), packet_.get()) : 0;
    av_packet_unref(packet_.get());
    if (!ours) continue;
    if (sent < 0) {
      ++damaged_;
      cause_ = failure(name(), "decode", sent);
    }
    return;
  }
}

Result<bool> Decoder::next(AVFrame* frame) {
  clear_last_line();
  for (int failures = 0; failures < kPatience;) {
    const int error = avcodec_receive_frame(codec_.get(), frame);
    if (error == 0) {
      ++frames_;
      return true;
    }
    if (error == AVERROR_EOF || (error == AVERROR(EAGAIN) && draining_)) break;
    if (error != AVERROR(EAGAIN)) {
      ++damaged_;
      cause_ = failure(name(), "decode", error);
    }
    if (draining_) {
      ++failures;
    } else {
      feed();
    }
  }
  if (!end_.ok()) return end_;
  if (frames_ == 0 && damaged_ != 0) return cause_;
  return false;
}

}  // namespace tessera::media::av
