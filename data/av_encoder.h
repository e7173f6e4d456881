// One encoded stream into one media file. Internal to tessera_av.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "bitstream/status.h"
#include "data/av_handles.h"
#include "data/av_sink.h"

namespace tessera::media::av {

class Encoder {
 public:
  // `muxer`, `codec`: FFmpeg's names. Errors: io, unsupported (this FFmpeg lacks one of them), out_of_memory.
  static Result<std::unique_ptr<Encoder>> create(const std::string& path, const char* muxer,
                                                 const char* codec);
  ~Encoder();

  // The caller fills these between create() and start(); start() takes the stream's time base from the codec.
  AVCodecContext* codec() { return codec_.get(); }
  AVStream* stream() { return stream_; }
  bool seekable() const { return sink_->seekable(); }
  Status start(Dictionary& codec_options, Dictionary& muxer_options);

  // Encodes a frame whose pts counts in the codec's time base; its pkt_duration, where set, is kept. Errors:
  // io, invalid_argument (the codec refuses it).
  Status send(AVFrame* frame);

  // Ends the file and gives it its name. Errors: io, and those of send().
  Status finish();

 private:
  Encoder() = default;
  Status check(int error, const char* what) const;
  static int write(void* sink, uint8_t* bytes, int size);
  static int64_t seek(void* sink, int64_t offset, int whence);

  std::unique_ptr<Sink> sink_;  // outlives io_
  Io io_;
  Output format_;
  Codec codec_;
  Packet packet_;
  AVStream* stream_ = nullptr;
  std::map<int64_t, int64_t> durations_;  // by time stamp, of the frames inside the codec
};

}  // namespace tessera::media::av
