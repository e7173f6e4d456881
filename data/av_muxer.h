// A media file that is written: the container, and where its bytes go. Internal to tessera_av.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bitstream/status.h"
#include "data/av_handles.h"
#include "data/av_sink.h"

namespace tessera::media::av {

class Muxer {
 public:
  // `container`: FFmpeg's name. Errors: io, unsupported (this FFmpeg lacks it), out_of_memory.
  static Result<std::shared_ptr<Muxer>> create(const std::string& path, const char* container);

  AVFormatContext* format() { return format_.get(); }
  Sink& sink() { return *sink_; }
  bool seekable() const { return sink_->seekable(); }
  const std::string& name() const { return sink_->name(); }

  // Once all streams are there. Errors: io, invalid_argument.
  Status write_header(Dictionary& options);
  // Takes the packet's content. Errors: io.
  Status write(AVPacket* packet);
  // Ends the file and gives it its name. Errors: io.
  Status finish();
  // The status of an FFmpeg call: the sink's own failure comes first.
  Status check(int error, const char* what) const;

 private:
  Muxer() = default;
  static int write_bytes(void* sink, uint8_t* bytes, int size);
  static int64_t seek(void* sink, int64_t offset, int whence);

  std::unique_ptr<Sink> sink_;  // outlives io_
  Io io_;
  Output format_;
};

}  // namespace tessera::media::av
