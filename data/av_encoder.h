// One encoded stream of a media file. Internal to tessera_av.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "bitstream/status.h"
#include "data/av_handles.h"
#include "data/av_muxer.h"

namespace tessera::media::av {

class Encoder {
 public:
  // A new stream of the file. `codec`: FFmpeg's name. Errors: unsupported (this FFmpeg lacks it), out_of_memory.
  static Result<std::unique_ptr<Encoder>> create(std::shared_ptr<Muxer> muxer, const char* codec);
  ~Encoder();

  // The caller fills these between create() and open(); open() takes the stream's time base from the codec. Then the muxer's write_header().
  AVCodecContext* codec() { return codec_.get(); }
  AVStream* stream() { return stream_; }
  Status open(Dictionary& codec_options);

  // Encodes a frame whose pts counts in the codec's time base; its pkt_duration, where set, is kept. Errors:
  // io, invalid_argument (the codec refuses it).
  Status send(AVFrame* frame);
  // What is left in the codec. Before the muxer's finish(). Errors: those of send().
  Status drain() { return send(nullptr); }

 private:
  Encoder() = default;

  std::shared_ptr<Muxer> muxer_;
  Codec codec_;
  Packet packet_;
  AVStream* stream_ = nullptr;
  std::map<int64_t, int64_t> durations_;  // by time stamp, of the frames inside the codec
};

}  // namespace tessera::media::av
