#include "data/av_encoder.h"

#include <cerrno>

#include "data/av_log.h"

namespace tessera::media::av {

Result<std::unique_ptr<Encoder>> Encoder::create(std::shared_ptr<Muxer> muxer, const char* codec_name) {
  const AVCodec* codec = avcodec_find_encoder_by_name(codec_name);
  if (codec == nullptr) return {ErrorCode::unsupported, muxer->name() + ": this FFmpeg has no encoder " + codec_name};
  std::unique_ptr<Encoder> encoder(new Encoder);
  encoder->packet_.reset(av_packet_alloc());
  encoder->codec_.reset(avcodec_alloc_context3(codec));
  encoder->stream_ = avformat_new_stream(muxer->format(), nullptr);
  if (!encoder->packet_ || !encoder->codec_ || encoder->stream_ == nullptr) {
    return {ErrorCode::out_of_memory, muxer->name() + ": no memory for an encoder"};
  }
  encoder->codec_->flags |= AV_CODEC_FLAG_BITEXACT;
  encoder->muxer_ = std::move(muxer);
  return encoder;
}

Encoder::~Encoder() = default;

Status Encoder::open(Dictionary& codec_options) {
  if ((muxer_->format()->oformat->flags & AVFMT_GLOBALHEADER) != 0) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  TESSERA_RETURN_IF_ERROR(muxer_->check(avcodec_open2(codec_.get(), nullptr, codec_options.get()), "open the encoder"));
  TESSERA_RETURN_IF_ERROR(muxer_->check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()), "open the encoder"));
  stream_->time_base = codec_->time_base;
  return {};
}

Status Encoder::send(AVFrame* frame) {
  clear_last_line();
  if (frame != nullptr && frame->pkt_duration > 0) durations_[frame->pts] = frame->pkt_duration;
  TESSERA_RETURN_IF_ERROR(muxer_->check(avcodec_send_frame(codec_.get(), frame), "encode"));
  for (;;) {
    const int error = avcodec_receive_packet(codec_.get(), packet_.get());
    if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return muxer_->sink().status();
    TESSERA_RETURN_IF_ERROR(muxer_->check(error, "encode"));
    if (const auto found = durations_.find(packet_->pts); found != durations_.end()) {
      packet_->duration = found->second;
      durations_.erase(found);
    }
    packet_->stream_index = stream_->index;
    av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
    TESSERA_RETURN_IF_ERROR(muxer_->write(packet_.get()));
  }
}

}  // namespace tessera::media::av
