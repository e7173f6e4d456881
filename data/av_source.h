// A file or standard input as FFmpeg's byte source. Opened here rather than by FFmpeg, so that a name is
// never taken for a protocol ("concat:", "http:"), and the operating system's errors arrive unchanged.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bitstream/status.h"
#include "data/av_handles.h"

namespace tessera::media::av {

class Source {
 public:
  // `path`: a file, a device, a pipe, or "-". Errors: io.
  static Result<std::unique_ptr<Source>> open(const std::string& path);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  const std::string& name() const { return name_; }  // for messages
  AVIOContext* context() { return io_.get(); }
  bool empty() const { return total_ == 0; }
  Status status() const;  // the first error of reading: io

 private:
  Source() = default;
  static int read(void* self, uint8_t* bytes, int size);
  static int64_t seek(void* self, int64_t offset, int whence);

  std::string name_;
  int fd_ = -1;
  bool owned_ = false;
  int64_t start_ = 0;   // where standard input stood
  int64_t size_ = -1;   // of a regular file, from start_
  uint64_t total_ = 0;  // bytes read so far
  int error_ = 0;
  Io io_;
};

}  // namespace tessera::media::av
