// Owners of FFmpeg's objects. Only for the .cpp files of tessera_av: no public header includes this.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/dict.h>
#include <libavutil/frame.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <memory>

namespace tessera::media::av {

struct Release {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(SwrContext* p) const { swr_free(&p); }
  void operator()(SwsContext* p) const { sws_freeContext(p); }
  void operator()(AVIOContext* p) const {
    av_freep(&p->buffer);  // FFmpeg may have replaced the buffer that the context was made with
    avio_context_free(&p);
  }
};

struct CloseInput {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
};
struct CloseOutput {
  void operator()(AVFormatContext* p) const { avformat_free_context(p); }
};

using Codec = std::unique_ptr<AVCodecContext, Release>;
using Frame = std::unique_ptr<AVFrame, Release>;
using Packet = std::unique_ptr<AVPacket, Release>;
using Swr = std::unique_ptr<SwrContext, Release>;
using Sws = std::unique_ptr<SwsContext, Release>;
using Io = std::unique_ptr<AVIOContext, Release>;
using Input = std::unique_ptr<AVFormatContext, CloseInput>;
using Output = std::unique_ptr<AVFormatContext, CloseOutput>;

class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() { av_dict_free(&entries_); }
  void set(const char* key, const char* value) { av_dict_set(&entries_, key, value, 0); }
  AVDictionary** get() { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

class ChannelLayout {
 public:
  ChannelLayout() = default;
  ChannelLayout(const ChannelLayout&) = delete;
  ChannelLayout& operator=(const ChannelLayout&) = delete;
  ~ChannelLayout() { av_channel_layout_uninit(&layout_); }
  AVChannelLayout* get() { return &layout_; }
  const AVChannelLayout* get() const { return &layout_; }
  int channels() const { return layout_.nb_channels; }

  void set_default(int channels) {
    av_channel_layout_uninit(&layout_);
    av_channel_layout_default(&layout_, channels);
  }
  bool set_mask(uint64_t mask) {
    av_channel_layout_uninit(&layout_);
    return av_channel_layout_from_mask(&layout_, mask) == 0;
  }
  void set(const AVChannelLayout& other) { av_channel_layout_copy(&layout_, &other); }

 private:
  AVChannelLayout layout_{};
};

}  // namespace tessera::media::av
