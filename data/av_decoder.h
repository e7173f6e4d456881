// One stream of a media file, demultiplexed and decoded, frame by frame. Internal to tessera_av.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bitstream/status.h"
#include "data/av_handles.h"
#include "data/av_source.h"

namespace tessera::media::av {

class Decoder {
 public:
  // Opens the best stream of the kind. `threads`: of the decoder, 0 = as many as there are cores.
  // Errors: io, corrupt, unsupported (no such stream, no decoder), out_of_memory.
  static Result<std::unique_ptr<Decoder>> open(const std::string& path, AVMediaType kind, int threads);

  // The next frame into `frame`; false at the end. A packet that cannot be decoded is counted and left out;
  // an error of the file itself comes after the last frame before it, and again on every later call.
  // Errors: io, corrupt (also when not one of the packets was decodable).
  Result<bool> next(AVFrame* frame);

  const std::string& name() const { return source_->name(); }
  AVFormatContext* format() { return format_.get(); }
  AVStream* stream() { return stream_; }
  uint64_t damaged() const { return damaged_; }

 private:
  Decoder() = default;
  Status open_stream(AVMediaType kind, int threads);
  void feed();  // sends one packet of the stream, or the end

  std::unique_ptr<Source> source_;  // outlives format_
  Input format_;
  Codec codec_;
  Packet packet_;
  AVStream* stream_ = nullptr;
  uint64_t frames_ = 0;
  uint64_t damaged_ = 0;
  bool draining_ = false;
  Status end_;    // what stopped the demultiplexer
  Status cause_;  // of the last damaged packet
};

}  // namespace tessera::media::av
